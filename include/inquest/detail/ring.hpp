// A channel's items: a ring allocated once, filled and emptied under the lock of a side each.
#pragma once

#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/channel_base.hpp>
#include <inquest/detail/minmax.hpp>

#include <expected>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// Whether a T has another side, on which somebody may wait for as long as it is queued.
template <class T>
inline constexpr bool has_other_side = false;
template <class T>
inline constexpr bool has_other_side<std::promise<T>> = true;
template <class F>
inline constexpr bool has_other_side<std::packaged_task<F>> = true;

/// What stands for an item that is made once there is room.
template <class Make>
struct made_by {
    Make& make;
};
template <class U>
inline constexpr bool is_made_by = false;
template <class Make>
inline constexpr bool is_made_by<made_by<Make>> = true;

/// How many items a call wants.
struct item_count {
    std::size_t max;
    std::size_t enough = 1;                           // that it waits for
    clock::duration linger = clock::duration::zero(); // for which it waits for more, once there are so many
};

template <class T>
class ring;

/// A handle's share of a channel of T.
template <class T>
class shared_ring : public shared_channel {
  public:
    using shared_channel::shared_channel;
    [[nodiscard]] ring<T>* operator->() const noexcept { return static_cast<ring<T>*>(get()); }
};

template <class T>
class ring final : public channel_base {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>, "a channel carries plain objects");
    static_assert(std::is_nothrow_destructible_v<T>, "a channel's items must not throw when destroyed");
    static_assert(
        std::is_move_constructible_v<T> || std::is_copy_constructible_v<T>,
        "a channel's items are moved or copied: let it carry a std::unique_ptr to what can be neither");

    // A side's lock is held for no more than a move of T that can't throw. If a move may throw, it may be a copy in
    // disguise, as it is for most classes with a destructor of their own, and take as long.
    static constexpr bool brief = std::is_nothrow_move_constructible_v<T>;
    // Number n, from 0, is pushed into slot n % capacity when its turn is 2n, and may be taken when it is 2n + 1.
    struct slot {
        slot() noexcept {}
        ~slot() {}
        detail::turn turn;
        union {
            T value;
        };
    };

  public:
    /// What is copied in, which may take long, is copied before the lock is taken, and moved in under it.
    template <class U>
    static constexpr bool copied_outside =
        std::is_const_v<U> && brief && !std::is_trivially_copy_constructible_v<T>;

    /// How an item leaves: moved if T can be moved, else copied.
    using handed_out = std::conditional_t<std::is_move_constructible_v<T>, T&&, const T&>;

    /// Throws std::invalid_argument for capacity 0 and std::length_error for one of more bytes than any address space
    /// holds, both before anything is allocated; std::bad_alloc.
    static shared_ring<T> make(channel_options&& options) {
        complete(options, sizeof(slot), has_other_side<T>);
        return shared_ring<T>(new ring(std::move(options)));
    }

    explicit ring(channel_options&& options)
        : channel_base(std::move(options), brief), slots_(new slot[capacity_]) {
        turns_ = {&slots_[0].turn, sizeof(slot)};
        for (std::size_t n = 0; n < capacity_; ++n) slots_[n].turn.set(2 * n);
    }

    ~ring() {
        if (!left_behind()) {
            const uncancelled guard;
            wait_for_calls(); // an end that is destroyed closes the channel, and they may still be on their way out
            report_leftovers();
            for (auto n = pop_.ticket; n != push_.ticket; ++n) std::destroy_at(at(n));
        }
        delete[] slots_;
    }
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    /// U is T for items that are moved in, const T for those that are copied, or a made_by.
    template <class U>
    [[gnu::always_inline]] std::expected<void, push_error> push(U& item, const wait_options& options,
                                                                std::source_location where) {
        if constexpr (copied_outside<U>) {
            if (!options.block)
                if (auto refused = room_refused(where)) return std::unexpected(*std::move(refused));
            T copy(item); // may throw: nothing has changed yet
            return push(copy, options, where);
        }
        fast_lock<brief> mine(push_);
        slot& next = next_to_fill();
        if (!stop_requested(options) && may_push_to(next.turn)) return put(next, item, mine);
        mine.release();
        return push_waiting(fill_from<U>, to_void(item), options, where);
    }

    /// If there is no room, makes it: takes the oldest item out, and returns it.
    template <class U>
    std::expected<std::optional<T>, push_error> push_or_drop(U& item, const std::source_location& where) {
        if constexpr (copied_outside<U>) {
            T copy(item); // may throw: nothing has changed yet
            return push_or_drop(copy, where);
        }
        std::expected<std::optional<T>, push_error> dropped; // destroyed outside the locks
        fast_lock<brief> mine(push_);
        if (!state_.is_open()) {
            dropped = refused(gave_up::ended, where, 0);
            return dropped; // the same variable everywhere: a move of it may throw
        }
        slot& next = next_to_fill();
        if (!may_push_to(next.turn)) {
            fast_lock<brief> theirs(pop_);
            if (!may_push_to(next.turn)) {                             // so the oldest is in this very slot
                dropped->emplace(static_cast<handed_out>(next.value)); // may throw: nothing has changed yet
                drop(next, theirs);
                ++dropped_;
            }
        }
        (void)put(next, item, mine); // may throw: what was dropped is counted
        return dropped;
    }

    /// All of `items`, in order, waiting for room as often as need be. `accepted` counts those that went in, also
    /// if this ends by an exception.
    template <class U>
    std::expected<void, push_error> push(U* items, std::size_t n, std::size_t& accepted,
                                         const wait_options& options, const std::source_location& where) {
        if constexpr (copied_outside<U>) return push_copies(items, n, accepted, options, where);
        blocked_call call(push_, pop_, state_, options, settings_);
        for (;;) {
            if (const auto why = wait_for_room(call)) return refused(*why, where, accepted);
            if constexpr (brief) {
                // Whoever is parked has the first at once: it is woken when the lock is released.
                const std::size_t run = call.somebody_waits() ? 1 : most_at_once;
                push_batch(items, smaller(n, accepted + run), accepted, call);
            } else {
                (void)put(next_to_fill(), items[accepted], call);
                ++accepted;
            }
            if (accepted == n) return {};
            call.release_briefly();
        }
    }

    [[gnu::always_inline]] std::expected<T, pop_error> pop(const wait_options& options) {
        fast_lock<brief> mine(pop_);
        slot& next = next_to_empty();
        worker_record* const here = current_worker;
        if ((!here || here->is_unstopped_at(serial_)) && !(options.token && options.token->stop_requested()))
            if (may_pop_from(next.turn))
                return take(next, mine, [&] {
                    if (here) here->note_item(pop_.ticket);
                });
        mine.release();
        return pop_waiting(options);
    }

    /// Appends so many items; returns how many, or why there is none.
    std::expected<std::size_t, pop_error> pop(std::vector<T>& into, const item_count& count,
                                              const wait_options& options) {
        std::size_t got = 0;
        // What comes meanwhile is for the next call, or this one might never end.
        std::size_t most = count.enough < count.max ? smaller(count.max, capacity_) : count.max;
        std::size_t enough = count.enough;
        const auto make_room = [&] { reserve_more(into, smaller(most - got, capacity_)); };
        make_room();
        blocked_call call(pop_, push_, state_, options, settings_);
        for (;;) {
            if (const auto why = wait_for_item(call)) {
                if (got > 0) { // the next call says why, unless it was an interrupt
                    if (*why == gave_up::interrupted && current_worker)
                        current_worker->note_interrupt(serial_);
                    return got;
                }
                return std::unexpected(pop_refused(*why));
            }
            const std::size_t room = into.capacity() - into.size(); // it grows outside the lock only
            pop_batch(into, smaller(most, got + smaller(most_at_once, room)), got, call);
            if (got == most || (got >= enough && !may_pop())) {
                if (got == count.max || enough == count.max || count.linger <= clock::duration::zero())
                    return got;
                most = enough = count.max;
                call.begin_linger(count.linger);
            }
            call.release_briefly(make_room);
        }
    }

    /// Closes, ends delivery, and hands what is queued to `sink` as T&&, oldest first, outside the lock.
    /// If the sink throws, the item it was given stays first in line, in the state the sink left it in.
    template <class Sink>
    std::size_t recover(Sink& sink) {
        recovery_guard items(*this, recovered_);
        std::size_t handed = 0;
        while (items.first != items.last) {
            hand_out<handed_out>(sink, static_cast<handed_out>(*at(items.first)),
                                 {items.first + 1, item_state::queued});
            drop_first(items);
            ++handed;
        }
        return handed;
    }

    /// The same, into a vector: whatever throws, every item is still queued, unchanged. So there is room for all of
    /// them before the first one leaves, and items whose move may throw are copied, all before any is destroyed. `before` may put
    /// `more` of its own in front, and must not throw.
    std::vector<T> recover(std::size_t more, auto&& before) {
        static_assert(std::is_nothrow_move_constructible_v<T> || std::is_copy_constructible_v<T>,
                      "these items cannot be copied and their move may throw, which could lose some: use "
                      "recover(sink), which hands them over one by one");
        std::vector<T> out;
        recovery_guard items(*this, recovered_);
        out.reserve(static_cast<std::size_t>(items.last - items.first) + more);
        before(out);
        if constexpr (std::is_nothrow_move_constructible_v<T>) {
            while (items.first != items.last) {
                out.emplace_back(static_cast<handed_out>(*at(items.first)));
                drop_first(items);
            }
        } else {
            for (auto n = items.first; n != items.last; ++n) out.emplace_back(std::as_const(*at(n)));
            drop_all(items);
        }
        return out;
    }
    std::vector<T> recover() {
        return recover(0, [](const std::vector<T>&) {});
    }

  private:
    using popped = std::expected<T, pop_error>;

    [[gnu::cold]] void discard_items() noexcept override {
        recovery_guard items(*this, discarded_);
        drop_all(items);
    }

    [[nodiscard]] T* at(std::uint64_t n) const noexcept {
        return std::addressof(slots_[static_cast<std::size_t>(n % capacity_)].value);
    }
    void drop_first(recovery_guard& of) noexcept { std::destroy_at(at(of.first++)); }
    void drop_all(recovery_guard& of) noexcept {
        while (of.first != of.last) drop_first(of);
    }
    // The most items that a range moves before it releases its lock: others want it, and wait to be woken.
    static constexpr std::size_t most_at_once = brief ? 64 : 1;

    // Room for `more`, growing as a vector grows by itself: under the lock nothing but a move happens.
    static void reserve_more(std::vector<T>& in, std::size_t more) {
        if (in.capacity() - in.size() < more)
            in.reserve(larger(in.size() + more, smaller(in.capacity() * 2, in.max_size())));
    }

    std::unexpected<push_error> refused(gave_up why, const std::source_location& where,
                                        std::size_t accepted) const {
        return std::unexpected(push_refused(why, where, accepted));
    }

    /// Why a push that is not to wait can't be done; nothing if there is room now.
    std::optional<push_error> room_refused(const std::source_location& where) {
        push_.take_lock();
        const std::lock_guard lock(push_.lock, std::adopt_lock);
        if (may_push()) return std::nullopt;
        return push_refused(state_.is_open() ? gave_up::would_block : gave_up::ended, where, 0);
    }

    /// Each copy is made while the lock is not held: before the first wait, or once there is room if it is not to wait.
    std::expected<void, push_error> push_copies(const T* items, std::size_t n, std::size_t& accepted,
                                                const wait_options& options,
                                                const std::source_location& where) {
        std::optional<T> copy; // of items[accepted]; one that is left over is destroyed outside the lock
        // Not inlined: GCC 12 would warn that the copy may not have been made where it is used.
        const auto make_copy = [&]() __attribute__((noinline)) { copy.emplace(items[accepted]); };
        if (options.block) make_copy();
        blocked_call call(push_, pop_, state_, options, settings_);
        for (;;) {
            if (const auto why = wait_for_room(call)) return refused(*why, where, accepted);
            if (copy) {
                (void)put(next_to_fill(), *copy, call);
                copy.reset();
                if (++accepted == n) return {};
                if (!options.block && !may_push()) continue; // which says why
            }
            call.release_briefly(make_copy);
        }
    }

    // What can't be done at once is not here: see channel_base.
    [[gnu::noinline]] std::expected<T, pop_error> pop_waiting(wait_options options) {
        popped item(std::unexpect, status::empty);
        if (auto why = channel_base::pop_waiting(empty_into, std::addressof(item), options))
            item = std::unexpected(*std::move(why));
        return item;
    }
    template <class U>
    static void fill_from(channel_base& self, void* item) {
        fill(static_cast<ring&>(self).next_to_fill(), *static_cast<U*>(item));
    }
    static void empty_into(channel_base& self, void* into) {
        T& from = static_cast<ring&>(self).next_to_empty().value;
        // No handler: what T throws may have to end the process where it was thrown.
        struct refill {
            popped* item;
            ~refill() {
                if (item) std::construct_at(item, std::unexpect, status::empty);
            }
        } unless_moved{static_cast<popped*>(into)};
        std::destroy_at(unless_moved.item);
        std::construct_at(unless_moved.item, std::in_place,
                          static_cast<handed_out>(from)); // may throw: it stays first in line
        unless_moved.item = nullptr;
        std::destroy_at(std::addressof(from));
    }
    template <class U>
    static void* to_void(U& item) noexcept {
        return const_cast<std::remove_cv_t<U>*>(std::addressof(item));
    }

    // With the side's lock held.
    [[nodiscard]] slot& next_to_fill() noexcept { return slots_[push_.index]; }
    [[nodiscard]] slot& next_to_empty() noexcept { return slots_[pop_.index]; }
    [[nodiscard, gnu::always_inline]] bool may_push() noexcept { return may_push_to(next_to_fill().turn); }
    [[nodiscard, gnu::always_inline]] bool may_pop() noexcept { return may_pop_from(next_to_empty().turn); }

    // May throw: nothing has changed yet.
    template <class U>
    [[gnu::always_inline]] static void fill(slot& free, U& item) {
        if constexpr (is_made_by<U>)
            ::new (static_cast<void*>(std::addressof(free.value)))
                T(item.make()); // in place, if it returns a T
        else if constexpr (std::is_const_v<U> || !std::is_move_constructible_v<T>)
            std::construct_at(std::addressof(free.value), std::as_const(item));
        else
            std::construct_at(std::addressof(free.value), std::move(item));
    }

    template <class U>
    [[gnu::always_inline]] std::expected<void, push_error> put(slot& into, U& item, auto& mine) {
        fill(into, item);
        into.turn.set(2 * push_.ticket + 1);
        mine.advance_and_wake(capacity_);
        return {};
    }

    // What is left of `items`, as far as there is room, which there is for one at least. The first one's turn goes on
    // last: until then the pops wait for it, and leave the slots behind it to this side's cache. So it goes on after the
    // line was looked at, which is right only if the line's lock is this side's own.
    template <class U>
    void push_batch(U* items, std::size_t up_to, std::size_t& accepted, blocked_call& mine) {
        slot& first = next_to_fill();
        struct handing_on {
            detail::turn& turn;
            const std::uint64_t filled;
            ~handing_on() { turn.set(filled); }
        };
        fill(first, items[accepted]);
        const handing_on at_end{first.turn, 2 * push_.ticket + 1};
        for (;;) {
            mine.advance_and_wake(capacity_);
            if (++accepted == up_to) return;
            slot& next = next_to_fill();
            if (next.turn.get() != 2 * push_.ticket) return;
            fill(next, items[accepted]);
            next.turn.set(2 * push_.ticket + 1);
        }
    }

    [[gnu::always_inline]] std::expected<T, pop_error> take(slot& from, auto& mine, auto&& note) {
        std::expected<T, pop_error> item(
            std::in_place, static_cast<handed_out>(from.value)); // may throw: it stays first in line
        drop(from, mine);
        note();
        return item;
    }

    // What there is, of which there is one at least, until there are `up_to`.
    void pop_batch(std::vector<T>& into, std::size_t up_to, std::size_t& got, blocked_call& mine) {
        do {
            slot& next = next_to_empty();
            into.push_back(static_cast<handed_out>(next.value)); // may throw: it stays first in line
            drop(next, mine);
            note_popped(got);
        } while (++got != up_to && may_pop());
    }

    // For the worker on this thread: an item, after `before` others of the same call.
    void note_popped(std::size_t before) noexcept {
        if (current_worker) current_worker->note_items(serial_, before, pop_.ticket);
    }

    // What was moved out.
    [[gnu::always_inline]] void drop(slot& from, auto& mine) noexcept {
        std::destroy_at(std::addressof(from.value));
        from.turn.set(2 * (pop_.ticket + capacity_));
        mine.advance_and_wake(capacity_);
    }

    slot* const slots_; // owned, and no std::unique_ptr: one of each type takes long to compile
};

}}} // namespace inquest::INQUEST_ABI::detail
