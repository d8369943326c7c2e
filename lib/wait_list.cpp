#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/wait_list.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

// Notifying under the mutex is what lets the node live on the waiter's stack: the waiter cannot see the flag,
// and so cannot leave, before the notifier is done with the condition variable.
void waiter::signal() noexcept {
    const std::lock_guard lock(mutex_);
    signalled_ = true;
    wake_.notify_one();
}

void waiter::interrupt() noexcept {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    wake_.notify_one();
}

bool waiter::wait(clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    const auto over = [this] { return signalled_ || interrupted_; };
    if (deadline == forever)
        wake_.wait(lock, over);
    else
        wake_.wait_until(lock, deadline, over);
    return signalled_;
}

// Run while leaving, destructors included, when a cancelled thread must not be unwound.
void waiter::wait_signalled() noexcept {
    const uncancelled guard;
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return signalled_; });
}

void waiter::rearm() noexcept {
    const std::lock_guard lock(mutex_);
    signalled_ = false;
}

void wait_list::add(waiter& w) noexcept {
    if (w.age == 0) w.age = ++drawn_;
    waiter* after = tail_; // from the end: whoever comes for the first time belongs there
    while (after && after->age > w.age) after = after->prev;
    w.linked = true;
    w.prev = after;
    w.next = after ? after->next : head_;
    (w.next ? w.next->prev : tail_) = &w;
    (after ? after->next : head_) = &w;
    ++size_;
}

void wait_list::remove(waiter& w) noexcept {
    (w.prev ? w.prev->next : head_) = w.next;
    (w.next ? w.next->prev : tail_) = w.prev;
    w.linked = false;
    --size_;
}

waiter* wait_list::pop_front() noexcept {
    waiter* const oldest = head_;
    if (oldest) remove(*oldest);
    return oldest;
}

void wake_list::add(waiter& w) noexcept {
    w.next = nullptr;
    (tail_ ? tail_->next : head_) = &w;
    tail_ = &w;
}

void wake_list::signal_all() noexcept {
    while (head_) {
        waiter* const w = head_;
        head_ = w->next; // read first: a signalled waiter may be gone
        w->signal();
    }
    tail_ = nullptr;
}

}}} // namespace inquest::INQUEST_ABI::detail
