#include <inquest/cause.hpp>
#include <inquest/detail/worker_identity.hpp>

#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

namespace detail {

cause unexplained(std::string text, const cause& upstream, cause_kind kind) {
    auto record = std::make_shared<given_record<std::string>>(std::move(text), std::source_location());
    record->kind = kind;
    record->consequence = true; // never the first of several
    record->value_type = {};    // a text of ours is nobody's typed error
    record->upstream = record_of(upstream);
    record->place_file = nullptr;
    return to_cause(std::move(record));
}

cause unexplained(std::string text) { return unexplained(std::move(text), {}); }

} // namespace detail

cause::cause(const cause& other) noexcept = default;
cause& cause::operator=(const cause& other) noexcept = default;
cause& cause::operator=(cause&& other) noexcept = default;
cause::~cause() = default;

ended::ended(const ended& other) noexcept = default;
ended& ended::operator=(const ended& other) noexcept = default;
ended::~ended() = default;

cause::operator bool() const noexcept { return record_ && record_->kind != cause_kind::closed; }

cause_kind cause::kind() const noexcept { return record_ ? record_->kind : cause_kind::unexplained; }

std::string cause::worker() const {
    return record_ && record_->who ? record_->who->display() : std::string{};
}

std::optional<item_range> cause::items() const noexcept {
    if (!record_ || record_->items.last == 0) return std::nullopt;
    return record_->items;
}

std::string cause::item_text() const {
    return record_ ? std::string(record_->item_text.view()) : std::string{};
}

std::exception_ptr cause::exception() const noexcept { return record_ ? record_->exception : nullptr; }

cause cause::upstream() const noexcept { return record_ ? detail::to_cause(record_->upstream) : cause{}; }

std::optional<std::source_location> cause::where() const noexcept {
    if (!record_ || !record_->place_file) return std::nullopt;
    return record_->place;
}

std::uint64_t cause::thread_id() const noexcept { return record_ ? record_->thread : 0; }

std::chrono::nanoseconds cause::age() const {
    return record_ ? detail::clock::now() - record_->recorded : std::chrono::nanoseconds::zero();
}

std::uint64_t cause::sequence() const noexcept { return record_ ? record_->sequence : 0; }

bool cause::is_consequence() const noexcept { return record_ && record_->consequence; }

}} // namespace inquest::INQUEST_ABI
