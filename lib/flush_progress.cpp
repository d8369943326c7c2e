#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/deadline.hpp>
#include <inquest/detail/flush_progress.hpp>
#include <inquest/detail/serials.hpp>

#include <algorithm>
#include <mutex>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

void flush_progress::begin() noexcept { writer_ = this_thread_serial(); }

bool flush_progress::is_writer() const noexcept { return writer_.load() == this_thread_serial(); }

bool flush_progress::has_ended() noexcept {
    const std::lock_guard lock(guard_);
    return ended_;
}

bool flush_progress::may_wait() noexcept {
    const std::lock_guard lock(guard_);
    return is_waiting_ = wanted_ <= written_;
}

void flush_progress::has_waited() noexcept {
    const std::lock_guard lock(guard_);
    is_waiting_ = false;
}

void flush_progress::wrote(std::uint64_t last) noexcept {
    const std::lock_guard lock(guard_);
    written_ = last;
    changed_.notify_all();
}

void flush_progress::end() noexcept {
    const std::lock_guard lock(guard_);
    ended_ = true;
    is_waiting_ = false;
    changed_.notify_all();
}

void flush_progress::want(std::uint64_t last) noexcept {
    const std::lock_guard lock(guard_);
    wanted_ = std::max(wanted_, last);
}

bool flush_progress::is_waiting() noexcept {
    const std::lock_guard lock(guard_);
    return is_waiting_ && wanted_ > written_;
}

bool flush_progress::wait_written(std::uint64_t last, clock::time_point deadline) noexcept {
    const uncancelled guard;
    std::unique_lock lock(guard_);
    while (written_ < last && !ended_) {
        if (deadline == forever)
            changed_.wait(lock);
        else if (changed_.wait_until(lock, deadline) == std::cv_status::timeout)
            break;
    }
    return written_ >= last;
}

}}} // namespace inquest::INQUEST_ABI::detail
