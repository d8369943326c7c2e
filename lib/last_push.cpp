#include <inquest/detail/last_push.hpp>

#include <algorithm>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

shown_sender* shown_senders::add() noexcept {
    for (auto& one : entries_) {
        if (one.now.get() != shown_sender::state::unused) continue;
        one.last_push = last_push::none();
        one.now.set(shown_sender::state::open);
        return &one;
    }
    return nullptr;
}

std::size_t shown_senders::silent() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(entries_, [](const auto& one) {
        return one.now.get() == shown_sender::state::open &&
               same_place(one.last_push.load(), last_push::none());
    }));
}

std::vector<std::source_location> shown_senders::places() const {
    std::vector<std::source_location> all;
    for (const auto& one : entries_) {
        if (one.now.get() != shown_sender::state::open) continue;
        const auto place = one.last_push.load();
        const auto is_this = [&](const auto& other) { return same_place(place, other); };
        if (!is_this(last_push::none()) && std::ranges::none_of(all, is_this)) all.push_back(place);
    }
    return all;
}

bool last_push::finish() noexcept {
    if (same_place(place_.exchange(finished()), finished())) return false;
    if (shown_) shown_->now.set(shown_sender::state::finished);
    return true;
}

bool last_push::leave() noexcept {
    const bool left = finish();
    if (shown_) std::exchange(shown_, nullptr)->now.set(shown_sender::state::unused);
    return left;
}

void last_push::note(const std::source_location& where) noexcept {
    auto last = place_.load();
    do {
        if (same_place(last, where) || same_place(last, finished())) return;
    } while (!place_.compare_exchange_strong(last, where));
    if (!shown_) return;
    do { // of several threads that push, the last to come here shows what is true then
        last = place_.load();
        if (same_place(last, finished())) return;
        shown_->last_push = last;
    } while (!same_place(place_.load(), last));
}

const std::source_location& last_push::none() noexcept {
    static constexpr auto here = std::source_location::current();
    return here;
}

const std::source_location& last_push::finished() noexcept {
    static constexpr auto here = std::source_location::current();
    return here;
}

}}} // namespace inquest::INQUEST_ABI::detail
