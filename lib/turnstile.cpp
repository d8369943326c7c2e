#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/turnstile.hpp>
#include <inquest/detail/worker_record.hpp>

#include <mutex>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

bool turnstile::wait(std::uint64_t number) noexcept {
    const uncancelled guard;
    std::unique_lock lock(guard_);
    if (closed_ || next_ == number) return !closed_;
    // Whoever asks what the worker is doing is told that it waits to hand on what it has made.
    const auto around = current_worker->set_blocked({.activity = activity::pushing});
    while (!closed_ && next_ != number) places_[number % places_.size()].wait(lock);
    (void)current_worker->set_blocked(around);
    return !closed_;
}

void turnstile::pass() noexcept {
    const std::lock_guard lock(guard_);
    places_[++next_ % places_.size()].notify_one();
}

void turnstile::close() noexcept {
    const std::lock_guard lock(guard_);
    closed_ = true;
    for (auto& place : places_) place.notify_all();
}

void note_in_hand(std::size_t items) noexcept { current_worker->note_range(items); }

std::uint64_t number_in_hand() noexcept { return current_worker->last_item.get(); }

}}} // namespace inquest::INQUEST_ABI::detail
