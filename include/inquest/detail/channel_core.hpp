// A channel's items: a ring allocated once, filled and emptied under the channel's lock.
#pragma once

#include <inquest/detail/channel_control.hpp>

#include <algorithm>
#include <expected>
#include <limits>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace inquest::inline INQUEST_ABI::detail {

template <class T>
class channel_core final : public channel_control {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>, "a channel carries plain objects");
    static_assert(std::is_nothrow_destructible_v<T>, "a channel's items must not throw when destroyed");
    static_assert(std::is_move_constructible_v<T> || std::is_copy_constructible_v<T>,
                  "a channel's items must be movable or copyable");

    union slot {
        slot() noexcept {}
        ~slot() {}
        T value;
    };

  public:
    /// How an item leaves: moved where T can be moved, else copied.
    using handed_out = std::conditional_t<std::is_move_constructible_v<T>, T&&, const T&>;

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
        if (left_behind()) return;
        const uncancelled guard;
        tell_of_leftovers();
        for (; count_ > 0; --count_, head_ = next(head_))
            std::destroy_at(std::addressof(slots_[head_].value));
    }

    /// All of `items`, in order, waiting for room as often as need be. `accepted` counts those that went in, also
    /// where this ends by an exception. U is T for items that are moved in, const T for those that are copied.
    template <class U>
    std::expected<void, push_error> push(U* items, std::size_t n, std::size_t& accepted, const patience& how,
                                         const std::source_location& site) {
        call mine(*this, producers_, how);
        while (mine.may_try()) {
            while (accepted < n && can_push()) {
                put(items[accepted], mine.wakes());
                ++accepted;
            }
            if (accepted == n) return {};
        }
        return std::unexpected(push_refused(mine.end(status::closed, status::full), site, accepted));
    }

    std::expected<T, pop_error> pop(const patience& how) {
        call mine(*this, consumers_, how);
        while (mine.may_try())
            if (can_pop()) return take(mine.wakes());
        return std::unexpected(pop_refused(mine.end(end_status(), status::empty)));
    }

    /// Appends up to `max` items, waiting until there are so many; answers how many, or why there is none.
    std::expected<std::size_t, pop_error> pop(std::vector<T>& into, std::size_t max, const patience& how) {
        patience rest = how;
        if (max > capacity_) { // several rounds, and one deadline for all
            rest.deadline = how.ends();
            rest.limit = clock::duration::max();
        }
        for (std::size_t got = 0;;) {
            const std::size_t chunk = std::min(max - got, capacity_);
            make_room(into, chunk);
            const auto popped = pop_chunk(into, chunk, got, rest);
            if (!popped) return popped;
            got += *popped;
            if (*popped < chunk || got == max) return got;
        }
    }

    /// Closes, ends delivery, and hands what is queued to `sink` as T&&, oldest first, outside the lock.
    /// Where the sink throws, the item it was given stays first in line, in the state the sink left it in.
    template <class Sink>
    std::size_t recover(Sink& sink) {
        stolen items(*this);
        std::size_t handed = 0;
        while (items.count > 0) {
            sink(static_cast<handed_out>(slots_[items.head].value));
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
            std::destroy_at(std::addressof(self.slots_[head].value));
            head = self.next(head);
            --count;
        }
        channel_core& self;
        std::size_t head = 0;
        std::size_t count = 0;
    };

    [[nodiscard]] std::size_t next(std::size_t i) const noexcept { return i + 1 == capacity_ ? 0 : i + 1; }

    // Room for `more`, growing as a vector grows by itself: under the lock nothing but a move happens.
    static void make_room(std::vector<T>& in, std::size_t more) {
        if (in.capacity() - in.size() < more)
            in.reserve(std::max(in.size() + more, std::min(in.capacity() * 2, in.max_size())));
    }

    std::expected<std::size_t, pop_error> pop_chunk(std::vector<T>& into, std::size_t n, std::size_t before,
                                                    const patience& how) {
        std::size_t got = 0;
        call mine(*this, consumers_, how);
        while (mine.may_try()) {
            for (; got < n && can_pop(); ++got) {
                into.push_back(
                    static_cast<handed_out>(slots_[head_].value)); // may throw: it stays first in line
                drop_front(before + got, mine.wakes());
            }
            if (got == n) return n;
        }
        if (before + got > 0) return got; // the next call says why
        return std::unexpected(pop_refused(mine.end(end_status(), status::empty)));
    }

    template <class U>
    void put(U& item, wake_list& wakes) {
        T* const place = std::addressof(slots_[tail_].value);
        if constexpr (std::is_const_v<U> ||
                      !std::is_move_constructible_v<T>) // may throw: nothing has changed yet
            std::construct_at(place, std::as_const(item));
        else
            std::construct_at(place, std::move(item));
        tail_ = next(tail_);
        ++count_;
        ++pushed_;
        wakes.take_one(consumers_);
    }

    std::expected<T, pop_error> take(wake_list& wakes) {
        std::expected<T, pop_error> item(
            std::in_place, static_cast<handed_out>(slots_[head_].value)); // may throw: it stays first in line
        drop_front(0, wakes);
        return item;
    }

    // The front was moved out, as the one after `before` others of the same call.
    void drop_front(std::size_t before, wake_list& wakes) noexcept {
        std::destroy_at(std::addressof(slots_[head_].value));
        const std::uint64_t number = pushed_ - count_ + 1;
        if (current_worker) current_worker->note_items(this, before, number);
        head_ = next(head_);
        --count_;
        wakes.take_one(producers_);
    }

    const std::unique_ptr<slot[]> slots_;
    // Protected by mutex_:
    std::size_t head_ = 0; // the oldest item
    std::size_t tail_ = 0; // the next free slot
};

} // namespace inquest::inline INQUEST_ABI::detail
