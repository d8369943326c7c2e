// How a call blocks: on a node of its own, with its own mutex and condition variable, on its own stack.
//
// Two calls never wait on one condition variable. That keeps clear of a lost wake-up in glibc before 2.41
// (its bug 25847), which needs two waiters on one, and of the classic stall of producers and consumers that
// share one and wake each other's kind.
#pragma once

#include <inquest/detail/deadline.hpp>

#include <cstddef>
#include <cstdint>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// One blocked call's own node.
///
/// Invariants:
///   linked  is protected by the lock of the line it waits in.
///   A node that a waker has unlinked WILL be signalled; until then it must not go away.
///   signal() touches nothing of the node after it has released the node's mutex.
class waiter {
  public:
    waiter() = default;
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    /// Waker: ends the wait. The node may be gone when this returns.
    void signal() noexcept;
    /// Stop request: ends the wait without unlinking; stays in force for all later waits on this node.
    void interrupt() noexcept;
    /// Blocks until signalled, interrupted or the deadline; true if signalled.
    bool wait(clock::time_point deadline);
    /// Blocks until signalled, which must be certain to come; no cancellation point.
    void wait_signalled() noexcept;
    /// Makes ready for another wait. Only while not linked.
    void rearm() noexcept;

    waiter* next = nullptr; // in a wait_list, or in the chain of a wake_list
    waiter* prev = nullptr;
    bool linked = false;
    std::uint64_t age = 0; // the lower the older; 0: never waited

  private:
    mutex mutex_;
    condition_variable wake_;
    bool signalled_ = false;   // protected by mutex_
    bool interrupted_ = false; // protected by mutex_
};

/// Waiting calls, oldest first. Protected by the owner's lock.
class wait_list {
  public:
    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Behind all that are older; one that was woken, found nothing and waits on keeps its age.
    void add(waiter& w) noexcept;
    void remove(waiter& w) noexcept;
    /// Unlinks the oldest, or null. The caller must signal it.
    waiter* pop_front() noexcept;

  private:
    waiter* head_ = nullptr;
    waiter* tail_ = nullptr;
    std::size_t size_ = 0;
    std::uint64_t drawn_ = 0;
};

/// Waiters unlinked under a lock, to be signalled after it: declare this before the lock guard.
class wake_list {
  public:
    wake_list() = default;
    wake_list(const wake_list&) = delete;
    wake_list& operator=(const wake_list&) = delete;
    ~wake_list() {
        if (head_) signal_all();
    }
    void take_one(wait_list& line) noexcept {
        if (!line.empty()) add(*line.pop_front());
    }
    void take_all(wait_list& line) noexcept {
        while (!line.empty()) add(*line.pop_front());
    }
    /// Now, for an owner that has more to do; not under the lock.
    void signal_all() noexcept;

  private:
    void add(waiter& w) noexcept;
    waiter* head_ = nullptr;
    waiter* tail_ = nullptr;
};

}}} // namespace inquest::INQUEST_ABI::detail
