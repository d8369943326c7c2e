// A channel's items: a ring allocated once, filled and emptied under the lock of a side each.
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

    // Number n, from 0, is pushed into slot n % capacity when its turn is 2n, and may be taken when it is 2n + 1.
    struct slot {
        slot() noexcept {}
        ~slot() {}
        turn whose;
        union {
            T value;
        };
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
        : channel_control(std::move(options)), slots_(new slot[capacity_]) {
        for (std::size_t n = 0; n < capacity_; ++n) slots_[n].whose.set(2 * n);
    }

    ~channel_core() {
        if (left_behind()) return;
        const uncancelled guard;
        wait_for_calls(); // an end that goes closes the channel, and they may still be on their way out
        tell_of_leftovers();
        for (auto n = pop_.done; n != push_.done; ++n) std::destroy_at(at(n));
    }

    /// All of `items`, in order, waiting for room as often as need be. `accepted` counts those that went in, also
    /// where this ends by an exception. U is T for items that are moved in, const T for those that are copied.
    template <class U>
    std::expected<void, push_error> push(U* items, std::size_t n, std::size_t& accepted, const patience& how,
                                         const std::source_location& site) {
        hold mine(*this, push_);
        const auto put_all = [&] {
            while (slot* const room = free_slot(mine)) {
                put(*room, items[accepted], mine);
                if (++accepted == n) return true;
            }
            return false;
        };
        if (!how.stop_requested() && put_all()) return {};
        waiting rest(mine, how);
        while (rest.may_try())
            if (put_all()) return {};
        return std::unexpected(push_refused(rest.end(status::closed, status::full), site, accepted));
    }

    std::expected<T, pop_error> pop(const patience& how) {
        hold mine(*this, pop_);
        if (!how.stop_requested())
            if (slot* const next = filled_slot(mine)) return take(*next, mine);
        waiting rest(mine, how);
        while (rest.may_try())
            if (slot* const next = filled_slot(mine)) return take(*next, mine);
        return std::unexpected(pop_refused(rest.end(end_status(), status::empty)));
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
        while (items.first != items.last) {
            sink(static_cast<handed_out>(*at(items.first)));
            items.drop_front();
            ++handed;
        }
        return handed;
    }

    /// What `pop` answers now that the stream has ended; empty while it goes on.
    std::optional<pop_error> ended() {
        const std::lock_guard lock(pop_.lock);
        if (phase_ == phase::open || (phase_ == phase::draining && is_filled())) return std::nullopt;
        if (current_worker) current_worker->acknowledge(this);
        const status end = end_status();
        return pop_error(end, end == status::complete ? cause{} : known_cause_locked());
    }

  private:
    void discard_items() noexcept override {
        stolen items(*this);
        while (items.first != items.last) items.drop_front();
    }

    /// Takes all slots out of the channel's hands, to work on them without the lock; nobody else touches
    /// slots once delivery has ended. What is left at the end goes back.
    struct stolen {
        explicit stolen(channel_core& owner) : self(owner) {
            wake_list wakes;
            const both locks(self);
            // A stream that was delivered to its end stays complete.
            if (self.phase_ == phase::open || self.queued() > 0) self.stop_delivery(wakes);
            first = self.pop_.done;
            last = self.push_.done;
            self.pop_.done = last;
        }
        ~stolen() {
            if (first == last) return;
            const both locks(self);
            self.pop_.done = first;
        }
        stolen(const stolen&) = delete;
        stolen& operator=(const stolen&) = delete;
        void drop_front() noexcept { std::destroy_at(self.at(first++)); }
        channel_core& self;
        std::uint64_t first = 0, last = 0;
    };

    [[nodiscard]] T* at(std::uint64_t n) const noexcept {
        return std::addressof(slots_[static_cast<std::size_t>(n % capacity_)].value);
    }

    // Room for `more`, growing as a vector grows by itself: under the lock nothing but a move happens.
    static void make_room(std::vector<T>& in, std::size_t more) {
        if (in.capacity() - in.size() < more)
            in.reserve(std::max(in.size() + more, std::min(in.capacity() * 2, in.max_size())));
    }

    std::expected<std::size_t, pop_error> pop_chunk(std::vector<T>& into, std::size_t n, std::size_t before,
                                                    const patience& how) {
        std::size_t got = 0;
        hold mine(*this, pop_);
        const auto take_all = [&] {
            while (slot* const next = filled_slot(mine)) {
                into.push_back(static_cast<handed_out>(next->value)); // may throw: it stays first in line
                drop(*next, before + got, mine);
                if (++got == n) return true;
            }
            return false;
        };
        if (!how.stop_requested() && take_all()) return n;
        waiting rest(mine, how);
        while (rest.may_try())
            if (take_all()) return n;
        if (before + got > 0) return got; // the next call says why
        return std::unexpected(pop_refused(rest.end(end_status(), status::empty)));
    }

    /// Where the next push goes, or null. With push_.lock held.
    [[nodiscard]] slot* free_slot(hold& mine) noexcept {
        slot& next = slots_[push_.next];
        const auto whose = next.whose.get();
        if (whose == 2 * push_.done && phase_ == phase::open) return &next;
        mine.found(next.whose, whose);
        return nullptr;
    }
    /// Where the next pop finds its item, or null. With pop_.lock held.
    [[nodiscard]] slot* filled_slot(hold& mine) noexcept {
        slot& next = slots_[pop_.next];
        const auto whose = next.whose.get();
        if (whose == 2 * pop_.done + 1 && phase_ != phase::stopped) return &next;
        mine.found(next.whose, whose);
        return nullptr;
    }
    [[nodiscard]] bool is_filled() const noexcept {
        return slots_[pop_.next].whose.get() == 2 * pop_.done + 1;
    }

    template <class U>
    void put(slot& into, U& item, hold& mine) {
        if constexpr (std::is_const_v<U> ||
                      !std::is_move_constructible_v<T>) // may throw: nothing has changed yet
            std::construct_at(std::addressof(into.value), std::as_const(item));
        else
            std::construct_at(std::addressof(into.value), std::move(item));
        into.whose.set(2 * push_.done + 1);
        mine.moved();
    }

    std::expected<T, pop_error> take(slot& from, hold& mine) {
        std::expected<T, pop_error> item(
            std::in_place, static_cast<handed_out>(from.value)); // may throw: it stays first in line
        drop(from, 0, mine);
        return item;
    }

    // What was moved out, as the one after `before` others of the same call.
    void drop(slot& from, std::size_t before, hold& mine) noexcept {
        std::destroy_at(std::addressof(from.value));
        if (current_worker) current_worker->note_items(this, before, pop_.done + 1);
        from.whose.set(2 * (pop_.done + capacity_));
        mine.moved();
    }

    const std::unique_ptr<slot[]> slots_;
};

} // namespace inquest::inline INQUEST_ABI::detail
