// Mutex, condition variable, atomic and clock, each operation on which is a step of the scheduler's.
//
// Sequentially consistent: memory orders are taken and not looked at. Each object knows whether it is alive, so that
// a use of one that has been destroyed is reported, even on a stack that lives on.
#pragma once

#include "scheduler.hpp"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace interleave {

/// The fault that is switched on; -1 for none.
extern int broken_now;
[[nodiscard]] inline bool broken(int fault) noexcept { return broken_now == fault; }

class object {
  public:
    constexpr object() noexcept = default;
    object(const object&) = delete;
    object& operator=(const object&) = delete;
    ~object() { mark_ = destroyed; }

    [[nodiscard]] bool is_alive() const { return mark_ == present; }

  protected:
    void look(const char* doing) const {
        if (!is_alive()) scheduler::get().fail(std::string("touches what is gone: ") + doing);
    }
    void take(const char* text) const {
        look(text);
        if (!scheduler::get().active()) return;
        scheduler::get().take(text, this);
        look(text); // it may have gone meanwhile
    }

  private:
    static constexpr unsigned present = 0x600D0B1E, destroyed = 0xDEADDEAD;
    volatile unsigned mark_ = present;
};

class mutex : public object {
  public:
    constexpr mutex() noexcept = default;
    ~mutex() {
        if (held_) scheduler::get().fail("destroys a mutex that is locked");
    }
    void lock() {
        look("locks");
        if (scheduler::get().active()) {
            if (held_ && owner_ == scheduler::get().self()) scheduler::get().fail("locks a mutex twice");
            scheduler::get().take({.what = step::kind::lock, .text = "locks", .object = this, .lock = this});
            look("locks");
        }
        own();
    }
    /// Whoever tries and fails tries again until it locks: that is what this does at once.
    [[nodiscard]] bool try_lock() {
        lock();
        return true;
    }
    void unlock() {
        look("unlocks");
        if (!held_ || owner_ != scheduler::get().self())
            scheduler::get().fail("unlocks what it has not locked");
        const bool stepwise = scheduler::get().unlock_is_step && scheduler::get().active();
        if (stepwise) take("unlocks");
        release();
        // The mutex may be gone after this: no step of its own.
        if (stepwise) scheduler::get().take("has unlocked", nullptr);
    }
    void release() { held_ = false; }
    [[nodiscard]] bool is_held() const { return held_; }
    void own() {
        held_ = true;
        owner_ = scheduler::get().self();
    }

  private:
    bool held_ = false;
    unsigned owner_ = 0;
};

/// One wait on a condition variable.
struct parked {
    bool notified = false;
    bool timed = false;
    std::chrono::nanoseconds deadline{};
    parked* next = nullptr;
};

/// Time that stands still, except when a wait times out.
struct clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<clock>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept { return time_point(scheduler::get().now()); }
};

class condition_variable : public object {
  public:
    constexpr condition_variable() noexcept = default;
    ~condition_variable() {
        if (first_) scheduler::get().fail("destroys a condition variable that is waited on");
    }
    void notify_one() {
        take("notifies");
        if (!first_) return;
        first_->notified = true;
        first_ = first_->next;
    }
    void notify_all() {
        take("notifies all of");
        for (; first_; first_ = first_->next) first_->notified = true;
    }
    void wait(std::unique_lock<mutex>& lock) {
        parked mine;
        park(lock, mine);
    }
    template <class Predicate>
    void wait(std::unique_lock<mutex>& lock, Predicate over) {
        while (!over()) wait(lock);
    }
    template <class Predicate>
    bool wait_until(std::unique_lock<mutex>& lock, clock::time_point deadline, Predicate over) {
        while (!over()) {
            parked mine{.timed = true, .deadline = deadline.time_since_epoch()};
            park(lock, mine);
            if (clock::now() >= deadline) return over();
        }
        return true;
    }

  private:
    void park(std::unique_lock<mutex>& lock, parked& mine) {
        take("waits on"); // whoever notifies without the mutex may come before
        mutex& m = *lock.mutex();
        *place_of(nullptr) = &mine; // the last
        m.release();
        auto& s = scheduler::get();
        if (!s.active()) s.fail("waits where nobody could wake it");
        const way how = s.take(
            {.what = step::kind::wait, .text = "wakes up on", .object = this, .lock = &m, .wait = &mine});
        look("wakes up on");
        if (how == way::timeout || how == way::late) s.time_is(mine.deadline);
        if (!mine.notified) *place_of(&mine) = mine.next;
        m.own();
    }
    parked** place_of(const parked* one) {
        parked** at = &first_;
        while (*at != one) at = &(*at)->next;
        return at;
    }
    parked* first_ = nullptr; // the one that has waited longest
};

template <class T>
class atomic : public object {
  public:
    constexpr atomic() noexcept : value_{} {}
    constexpr atomic(T value) noexcept : value_(value) {}
    T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
        take("loads");
        return value_;
    }
    void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        take("stores to");
        value_ = value;
    }
    bool compare_exchange_strong(T& expected, T value,
                                 std::memory_order = std::memory_order_seq_cst) noexcept {
        take("compares and exchanges");
        const bool same = std::memcmp(&value_, &expected, sizeof expected) == 0;
        (same ? value_ : expected) = same ? value : value_;
        return same;
    }
    T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        take("exchanges");
        return std::exchange(value_, value);
    }
    T fetch_add(T by, std::memory_order = std::memory_order_seq_cst) noexcept {
        take("adds to");
        return std::exchange(value_, static_cast<T>(value_ + by));
    }
    T operator=(T value) noexcept {
        store(value);
        return value;
    }
    operator T() const noexcept { return load(); }

  private:
    T value_;
};

} // namespace interleave
