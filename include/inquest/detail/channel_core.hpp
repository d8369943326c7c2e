// A channel's items: a ring allocated once, filled and emptied under the channel's lock.
#pragma once

#include <inquest/detail/channel_control.hpp>

#include <expected>
#include <limits>
#include <memory>
#include <new>
#include <utility>

namespace inquest::inline INQUEST_ABI::detail {

template <class T>
class channel_core final : public channel_control {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>, "a channel carries plain objects");
    static_assert(std::is_nothrow_destructible_v<T>, "a channel's items must not throw when destroyed");
    static_assert(std::is_move_constructible_v<T>, "a channel's items must be movable or copyable");

    union slot {
        slot() noexcept {}
        ~slot() {}
        T value;
    };

  public:
    /// Throws std::invalid_argument for capacity 0 and std::length_error for one whose bytes no address space
    /// holds, both before anything is allocated; std::bad_alloc.
    static std::shared_ptr<channel_core> make(channel_options options) {
        if (options.capacity == 0)
            throw std::invalid_argument("inquest: a channel's capacity must be at least 1");
        if (options.capacity >
            static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(slot))
            throw std::length_error("inquest: a channel's capacity is too large");
        return std::make_shared<channel_core>(std::move(options));
    }

    explicit channel_core(channel_options options)
        : channel_control(std::move(options)), slots_(new slot[capacity_]) {}

    ~channel_core() {
        const uncancelled guard;
        for (; count_ > 0; --count_, head_ = next(head_)) std::destroy_at(&slots_[head_].value);
    }

    template <class U>
    std::expected<void, push_error> push(U&& value, const patience& how, const std::source_location& site) {
        wake_list wakes; // outlives the lock
        std::unique_lock lock(mutex_);
        if (how.stop_requested()) return std::unexpected(push_refused(status::stopped, site));
        if (can_push()) {
            put(std::forward<U>(value), wakes);
            return {};
        }
        if (phase_ != phase::open) return std::unexpected(push_refused(status::closed, site));
        if (!how.block) return std::unexpected(push_refused(status::full, site));
        return push_blocked(std::forward<U>(value), how, site, std::move(lock), wakes);
    }

    std::expected<T, pop_error> pop(const patience& how) {
        wake_list wakes; // outlives the lock
        std::unique_lock lock(mutex_);
        if (how.stop_requested()) return std::unexpected(pop_refused(status::stopped));
        if (can_pop()) return take(wakes);
        if (phase_ != phase::open) return std::unexpected(pop_refused(end_status()));
        if (!how.block) return std::unexpected(pop_refused(status::empty));
        return pop_blocked(how, std::move(lock), wakes);
    }

    /// Closes, ends delivery, and hands what is queued to `sink` as T&&, oldest first, outside the lock.
    /// Where the sink throws, the item it was given stays first in line, in the state the sink left it in.
    template <class Sink>
    std::size_t recover(Sink& sink) {
        stolen items(*this);
        std::size_t handed = 0;
        while (items.count > 0) {
            sink(std::move(slots_[items.head].value));
            items.drop_front();
            ++handed;
        }
        return handed;
    }

    /// What `pop` answers now that the stream has ended; empty while it goes on.
    std::optional<pop_error> ended() {
        const std::lock_guard lock(mutex_);
        if (phase_ == phase::open || can_pop()) return std::nullopt;
        if (current_worker) current_worker->acknowledge(this);
        const status end = end_status();
        return pop_error(end, end == status::complete ? cause{} : known_cause_locked());
    }

  private:
    void discard_items() noexcept override {
        stolen items(*this);
        while (items.count > 0) items.drop_front();
    }

    /// Takes all slots out of the channel's hands, to work on them without the lock; nobody else touches
    /// slots once delivery has ended. What is left at the end goes back.
    struct stolen {
        explicit stolen(channel_core& owner) : self(owner) {
            wake_list wakes;
            const std::lock_guard lock(self.mutex_);
            // A stream that was delivered to its end stays complete.
            if (self.phase_ == phase::open || self.count_ > 0) self.stop_delivery(wakes);
            head = self.head_;
            count = std::exchange(self.count_, 0);
        }
        ~stolen() {
            if (count == 0) return;
            const std::lock_guard lock(self.mutex_);
            self.head_ = head;
            self.count_ = count;
        }
        stolen(const stolen&) = delete;
        stolen& operator=(const stolen&) = delete;
        void drop_front() noexcept {
            std::destroy_at(&self.slots_[head].value);
            head = self.next(head);
            --count;
        }
        channel_core& self;
        std::size_t head = 0;
        std::size_t count = 0;
    };

    [[nodiscard]] std::size_t next(std::size_t i) const noexcept { return i + 1 == capacity_ ? 0 : i + 1; }

    template <class U>
    void put(U&& value, wake_list& wakes) {
        std::construct_at(&slots_[tail_].value, std::forward<U>(value)); // may throw: nothing has changed yet
        tail_ = next(tail_);
        ++count_;
        ++pushed_;
        wakes.take_one(consumers_);
    }

    std::expected<T, pop_error> take(wake_list& wakes) {
        T& front = slots_[head_].value;
        std::expected<T, pop_error> item(std::in_place,
                                         std::move(front)); // may throw: it stays first in line
        std::destroy_at(&front);
        if (current_worker) current_worker->note_item(this, pushed_ - count_ + 1);
        head_ = next(head_);
        --count_;
        wakes.take_one(producers_);
        return item;
    }

    template <class U>
    std::expected<void, push_error> push_blocked(U&& value, const patience& how,
                                                 const std::source_location& site,
                                                 std::unique_lock<mutex> held, wake_list& wakes) {
        const auto keep =
            this->shared_from_this(); // outlives the lock: ~channel waits for this call to leave
        std::unique_lock lock(std::move(held));
        blocked_call call(*this, producers_, lock, how);
        for (;;) {
            const bool in_time = call.wait();
            if (how.stop_requested()) return std::unexpected(push_refused(status::stopped, site));
            if (phase_ != phase::open) return std::unexpected(push_refused(status::closed, site));
            if (can_push()) {
                put(std::forward<U>(value), wakes);
                return {};
            }
            if (!in_time) return std::unexpected(push_refused(status::timeout, site));
        }
    }

    std::expected<T, pop_error> pop_blocked(const patience& how, std::unique_lock<mutex> held,
                                            wake_list& wakes) {
        const auto keep =
            this->shared_from_this(); // outlives the lock: ~channel waits for this call to leave
        std::unique_lock lock(std::move(held));
        blocked_call call(*this, consumers_, lock, how);
        for (;;) {
            const bool in_time = call.wait();
            if (how.stop_requested()) return std::unexpected(pop_refused(status::stopped));
            if (can_pop()) return take(wakes);
            if (phase_ != phase::open) return std::unexpected(pop_refused(end_status()));
            if (!in_time) return std::unexpected(pop_refused(status::timeout));
        }
    }

    const std::unique_ptr<slot[]> slots_;
    // Protected by mutex_:
    std::size_t head_ = 0; // the oldest item
    std::size_t tail_ = 0; // the next free slot
};

} // namespace inquest::inline INQUEST_ABI::detail
