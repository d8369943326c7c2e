#include <inquest/detail/flush_progress.hpp>
#include <inquest/detail/serials.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

void flush_progress::begin() noexcept { writer_ = this_thread_serial(); }

bool flush_progress::is_writer() const noexcept { return writer_.load() == this_thread_serial(); }

bool flush_progress::has_ended() noexcept {
    const std::lock_guard lock(guard_);
    return ended_;
}

bool flush_progress::may_wait() noexcept {
    const std::lock_guard lock(guard_);
    return is_waiting_ = wanted_.get() <= written_;
}

void flush_progress::has_waited() noexcept {
    const std::lock_guard lock(guard_);
    is_waiting_ = false;
}

void flush_progress::wrote(std::uint64_t last) noexcept {
    const std::lock_guard lock(guard_);
    written_ = last;
    release_calls();
}

void flush_progress::end() noexcept {
    const std::lock_guard lock(guard_);
    ended_ = true;
    is_waiting_ = false;
    release_calls();
}

void flush_progress::want(std::uint64_t last) noexcept {
    const std::lock_guard lock(guard_);
    wanted_.set(std::max(wanted_.get(), last));
}

bool flush_progress::is_waiting() noexcept {
    const std::lock_guard lock(guard_);
    return is_waiting_ && wanted_.get() > written_;
}

void flush_progress::release_calls() noexcept {
    for (auto* one = calls_; one; one = one->next)
        if (ended_ || one->last <= written_) one->gate.open();
}

bool flush_progress::wait_written(std::uint64_t last, clock::time_point deadline) {
    flush_call me{.last = last};
    {
        const std::lock_guard lock(guard_);
        if (written_ >= last || ended_) return written_ >= last;
        me.next = std::exchange(calls_, &me);
    }
    struct leaver { // also if the wait is cancelled
        flush_progress& self;
        flush_call& me;
        ~leaver() {
            const std::lock_guard lock(self.guard_);
            flush_call** at = &self.calls_;
            while (*at != &me) at = &(*at)->next;
            *at = me.next;
        }
    };
    {
        const leaver leaves{*this, me};
        (void)me.gate.wait(deadline);
    }
    const std::lock_guard lock(guard_);
    return written_ >= last;
}

}}} // namespace inquest::INQUEST_ABI::detail
