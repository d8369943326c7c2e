#include <inquest/cause.hpp>
#include <inquest/detail/worker_record.hpp>

#include <algorithm>
#include <cxxabi.h>
#include <typeinfo>

namespace inquest { inline namespace INQUEST_ABI {

namespace detail {

void fixed_text::set(std::string_view text) noexcept {
    constexpr std::string_view cut = "...";
    size_ = std::min(text.size(), chars_.size());
    std::copy_n(text.begin(), size_, chars_.begin());
    if (text.size() > size_) std::copy(cut.begin(), cut.end(), chars_.end() - cut.size());
}

void observers::change(auto&& next) noexcept {
    auto now = state_.load();
    while (!state_.compare_exchange_strong(now, next(now))) {
    }
}

void observers::add() noexcept {
    change([](auto now) { return now | for_good; });
}

void observers::add_worker() noexcept {
    change([](auto now) { return now + one_worker; });
}

void observers::pass_on(bool counted) noexcept {
    change([=](auto now) { return now + one_holder - (counted ? one_worker : 0); });
}

bool observers::leave() noexcept {
    bool last = false;
    change([&](auto now) {
        now -= one_holder;
        last = now == 0;
        return last ? for_good : now;
    });
    return last;
}

void cause_record::set_current_exception() noexcept {
    exception = std::current_exception();
    if (!exception) return; // a forced unwind is passing, which must not be thrown again from here
    // Asked of the runtime, not of typeid: works for every type, and for callers built without RTTI.
    if (const std::type_info* type = abi::__cxa_current_exception_type()) exception_type = type->name();
    try {
        throw;
    } catch (const std::exception& e) {
        if (const char* text = e.what()) what.set(text);
    } catch (const std::string& text) {
        what.set(text);
    } catch (const char* text) {
        what.set(text ? text : "");
    } catch (...) {
    }
}

} // namespace detail

cause::operator bool() const noexcept { return record_ && record_->kind != cause_kind::closed; }

cause_kind cause::kind() const noexcept { return record_ ? record_->kind : cause_kind::unexplained; }

std::string cause::worker() const {
    return record_ && record_->who ? record_->who->display() : std::string{};
}

std::optional<item_range> cause::items() const noexcept {
    if (!record_ || record_->items.last == 0) return std::nullopt;
    return record_->items;
}

std::exception_ptr cause::exception() const noexcept { return record_ ? record_->exception : nullptr; }

cause cause::upstream() const noexcept { return record_ ? record_->upstream : cause{}; }

std::optional<std::source_location> cause::where() const noexcept {
    if (!record_ || !record_->place_file) return std::nullopt;
    return record_->place;
}

std::uint64_t cause::sequence() const noexcept { return record_ ? record_->sequence : 0; }

bool cause::is_consequence() const noexcept { return record_ && record_->consequence; }

}} // namespace inquest::INQUEST_ABI
