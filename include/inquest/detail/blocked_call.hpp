// A push or pop that could not be done at once: how it waits for its turn.
//
// A call that finds that its turn has not come releases its lock and polls that turn for a while; then it
// parks, in the line that belongs to the *other* side. Under that line's lock it looks once more before it enters; the other
// side looks at the line under the same lock, after it has moved an item. So either the turn has come already, or the line is
// found not empty.
//   Whoever was unlinked by the other side leaves without any lock of that side: it only sees that it was signalled.
//   Whoever stands in a line has found its turn not come; whoever moves an item unlinks one, and whoever leaves with a wake-up
//     that it made no use of unlinks the next: a wake-up is never dropped.
//   A call that spun may slip behind when its turn has come, until that of a later slot has come too. Nothing depends on that
//     one: it looks for a bounded time, and goes on.
//   A call that waits, or releases its lock midway, is counted in `inside`; the channel is destroyed only when that is 0 on
//     both sides.
#pragma once

#include <inquest/detail/channel_side.hpp>
#include <inquest/detail/stream_state.hpp>
#include <inquest/detail/wait_options.hpp>
#include <inquest/detail/worker_record.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// What a call waits for: that the turn of the next slot comes. Turns only grow.
struct wait_target {
    const turn* next = nullptr;
    std::uint64_t wanted = 0;
    // A call that spun slips behind until this one has come.
    const turn* slip_to = nullptr;
    std::uint64_t slip_wanted = 0;

    [[nodiscard]] bool has_come() const noexcept { return next->get() >= wanted; }
};

/// Why a call does not wait, or waits no longer.
enum class gave_up : unsigned char { ended, would_block, stopped, timed_out, interrupted };

/// What is the same for all calls of one channel.
struct wait_settings {
    clock::duration spin_limit;
    std::size_t longest_slip;
    const std::string& channel;
};

/// Whether the caller has been asked to stop: by its own token, or else as the worker it is. Not one that does not wait.
[[nodiscard]] inline bool stop_requested(const wait_options& options) noexcept {
    if (!options.block) return false;
    if (options.token) return options.token->stop_requested();
    return current_worker && current_worker->stop_requested();
}

/// A side, locked by one push or pop, which waits with it if it must:
///
///     blocked_call call(push_, pop_, state_, options, settings_);
///     for (;;) {
///         if (call.stop_requested()) return gave_up::stopped;
///         if (may_push_to(next.turn)) break;
///         if (auto why = call.wait(target(push_, 2 * push_.ticket))) return *why;
///     }
///     // fill the slot, then call.advance_and_wake(capacity_)
class blocked_call {
  public:
    blocked_call(channel_side& mine, channel_side& other, const stream_state& state,
                 const wait_options& options, const wait_settings& settings) noexcept;
    /// Whose side is locked already.
    blocked_call(channel_side& mine, channel_side& other, const stream_state& state,
                 const wait_options& options, const wait_settings& settings, std::adopt_lock_t) noexcept;
    ~blocked_call();
    blocked_call(const blocked_call&) = delete;
    blocked_call& operator=(const blocked_call&) = delete;

    /// To be asked before anything is claimed.
    [[nodiscard]] bool stop_requested() const noexcept { return detail::stop_requested(options_); }
    /// Waits until there is something to look at again, and returns nothing; or says why the call has come to its end. What
    /// has happened is looked at before the time, so a timeout that races a close says that it ended.
    [[nodiscard]] std::optional<gave_up> wait(const wait_target& target);
    /// It has what it waited for, and waits on for more, but no longer than that.
    void begin_linger(clock::duration limit) {
        deadline_ = deadline_after(limit);
        interrupts_ = state_.interrupts();
        waited_ = true;
        late_ = false;
    }
    /// Moved an item, and on to the next slot: wakes one who waits for that, once the lock is released.
    void advance_and_wake(std::size_t capacity) noexcept {
        side_.advance(capacity);
        was_woken_ = false;
        if (!side_.brief || !side_.waiters.empty()) side_.wake_one(wakes_);
    }
    /// A call of the other side is parked. Only if the line's lock is the side's own.
    [[nodiscard]] bool somebody_waits() const noexcept { return !side_.waiters.empty(); }
    /// Between two items of a range: releases the lock while `meanwhile` runs.
    void release_briefly(auto&& meanwhile) {
        count();
        unlock();
        meanwhile();
        lock();
    }
    void release_briefly() {
        release_briefly([] {});
    }

  private:
    /// What only a call that parks needs.
    struct parked {
        explicit parked(blocked_call& of);
        ~parked();
        parked(const parked&) = delete;
        parked& operator=(const parked&) = delete;
        /// Signalled, and so out of the line already.
        void was_signalled() noexcept;
        /// Out of the line, or past the signal of whoever took it out.
        void unlink() noexcept;
        struct interrupter {
            waiter* node;
            void operator()() const noexcept { node->interrupt(); }
        };
        blocked_call& self;
        waiter node;
        bool enlisted = false;            // put into the line, and neither unlinked by us nor seen signalled
        worker_record::blocked_at around; // the blocked call that this one is nested in
        std::optional<stop_callback<interrupter>> on_stop; // for a token of the caller's
    };
    enum class slip_seen : unsigned char { nothing, part, whole };

    void lock() noexcept {
        side_.take_lock();
        lock_ = std::unique_lock(side_.lock, std::adopt_lock);
    }
    void unlock() noexcept {
        lock_.unlock();
        wakes_.signal_all();
    }
    void count() noexcept {
        if (!counted_) ++side_.inside;
        counted_ = true;
    }
    /// Without a lock it may become so at any moment; with the lock of the other side's line held, whoever makes it so finds us
    /// in that line.
    [[nodiscard]] bool has_come_or_news() const noexcept {
        return target_.has_come() || state_.has_news_since(interrupts_);
    }
    [[nodiscard]] bool is_late() {
        if (options_.deadline.may_be_set()) deadline_ = options_.deadline.now_at();
        return deadline_ != forever && clock::now() >= deadline_;
    }
    [[nodiscard]] clock::time_point next_look() const {
        return options_.deadline.may_be_set() ? options_.deadline.next_look() : deadline_;
    }
    bool spin();
    void slip() noexcept;
    bool park();
    void leave() noexcept;

    channel_side& side_;
    channel_side& other_;
    const stream_state& state_;
    const wait_options& options_;
    const wait_settings& settings_;
    wait_target target_;
    bool was_woken_ = false; // signalled, and has not moved an item since
    bool late_ = false;
    bool counted_ = false;    // in `inside`
    bool waited_ = false;     // and has a deadline, if there is one
    bool preempted_ = false;  // during a yield
    unsigned interrupts_ = 0; // of the channel, when the wait began
    slip_seen slip_seen_ = slip_seen::nothing;
    std::size_t slip_distance_ = spin_policy::shortest_slip; // the side's, when the wait began
    clock::time_point deadline_ = forever;
    std::optional<clock::time_point>
        began_; // the wait, once it has taken long enough for a look at the clock
    std::optional<parked> parked_;
    wake_list wakes_; // destroyed after the lock: who is to be woken is woken outside it
    std::unique_lock<mutex> lock_;
};

}}} // namespace inquest::INQUEST_ABI::detail
