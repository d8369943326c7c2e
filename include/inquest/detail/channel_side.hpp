// One side of a channel, all its pushes or all its pops: its lock, its place in the ring, and the line of calls that wait for
// it to move on.
//
// If items move without throwing, a line's lock is its side's own lock, because that is then never held for long: a push that
// nobody waits for needs no fence, no second lock and no count of waiters to know so. Otherwise items may be copied under a
// side's lock, for as long as that takes, and each line has a lock of its own: a call of the other side enters and leaves it
// without waiting for the copy.
#pragma once

#include <inquest/activity.hpp>
#include <inquest/detail/atomics.hpp>
#include <inquest/detail/spin_policy.hpp>
#include <inquest/detail/wait_list.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// On lines of its own: the sides share the slots' alone. What changes is protected by the lock, but for `waiters`.
struct alignas(line_pair) channel_side {
    /// `brief`: items move without throwing, so that the lock is never held for long.
    channel_side(activity its_calls, bool brief_moves) noexcept : what(its_calls), brief(brief_moves) {}
    channel_side(const channel_side&) = delete;
    channel_side& operator=(const channel_side&) = delete;

    mutable mutex lock;
    std::uint64_t ticket = 0; // items pushed, or taken out, so far: the number of the next one
    std::size_t index = 0;    // the slot of the next one
    wait_list waiters; // calls of the *other* side, parked until this one moves an item; under line_lock()
    std::size_t inside = 0;     // calls of this side that wait, spinning or parked, or are between two items
    waiter* last_out = nullptr; // ~channel, waiting for inside == 0
    spin_policy spinning;

    mutable mutex own_line_lock; // used only if items may take long to move
    const activity what;         // pushing or popping
    const bool brief;

    void take_lock() noexcept {
        if (!lock.try_lock()) lock_patiently();
    }
    void lock_patiently() noexcept;
    /// An item has moved: on to the next slot.
    void advance(std::size_t capacity) noexcept {
        ++ticket;
        if (++index == capacity) index = 0;
    }

    [[nodiscard]] mutex& line_lock() const noexcept { return brief ? lock : own_line_lock; }
    // With the side's lock held. Each is a no-op for a line that is empty.
    void wake_one(wake_list& wakes) noexcept;
    void wake_all(wake_list& wakes) noexcept;
};

/// With a side's lock held: its line's, unless that one is held already.
class line_too {
  public:
    explicit line_too(const channel_side& its) noexcept : lock_(its.brief ? nullptr : &its.own_line_lock) {
        if (lock_) lock_->lock();
    }
    ~line_too() {
        if (lock_) lock_->unlock();
    }
    line_too(const line_too&) = delete;
    line_too& operator=(const line_too&) = delete;

  private:
    mutex* const lock_;
};

inline void channel_side::wake_one(wake_list& wakes) noexcept {
    const line_too line(*this);
    wakes.take_one(waiters);
}
inline void channel_side::wake_all(wake_list& wakes) noexcept {
    const line_too line(*this);
    wakes.take_all(waiters);
}

/// A side, locked by a push or pop of one item that may be done at once. Small, and known to nobody else, so that all of it
/// stays in registers. Brief: as above, known when compiled.
template <bool Brief>
class fast_lock {
  public:
    [[gnu::always_inline]] explicit fast_lock(channel_side& its) noexcept : side_(its) { its.take_lock(); }
    [[gnu::always_inline]] ~fast_lock() {
        if (!held_) return;
        side_.lock.unlock();
        if (to_wake_) to_wake_->signal();
    }
    fast_lock(const fast_lock&) = delete;
    fast_lock& operator=(const fast_lock&) = delete;

    [[gnu::always_inline]] void advance_and_wake(std::size_t capacity) noexcept {
        side_.advance(capacity);
        if constexpr (Brief) {
            if (!side_.waiters.empty()) to_wake_ = side_.waiters.pop_front();
        } else {
            const std::lock_guard line(side_.own_line_lock);
            to_wake_ = side_.waiters.pop_front();
        }
    }
    /// It could not be done: the lock goes to a blocked_call, which adopts it.
    void release() noexcept { held_ = false; }

  private:
    channel_side& side_;
    waiter* to_wake_ = nullptr;
    bool held_ = true;
};

}}} // namespace inquest::INQUEST_ABI::detail
