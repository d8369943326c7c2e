// Every way to pop. What push_operations.hpp says of waiting, stopping, limits and of T holds here, too.
#pragma once

#include <inquest/detail/item_iterator.hpp>
#include <inquest/detail/misuse.hpp>
#include <inquest/detail/ring.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <expected>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

/// What `receiver` and `channel` have for popping. Any thread may call any of these at any time.
///
/// Fails with `complete`, `closed`, `truncated` or `aborted` once the stream has ended, along with what broke it,
/// and with `stopped`, `empty` or `timeout` if the form can. If T's constructor throws, the item is still
/// first in line. Constant time, but for the waiting.
template <class Self, class T>
class pop_operations {
    using result = std::expected<T, pop_error>;
    using assigned = std::expected<void, pop_error>;
    using range_result = std::expected<std::size_t, pop_error>;
    using stop_token = detail::stop_token;
    using stop_token_ref = detail::stop_token_ref;
    using wait_options = detail::wait_options;

  public:
    /// The oldest item, waiting for one while the channel is empty and open.
    [[nodiscard]] result pop() { return one({}); }
    /// The same, ended by this token and not by the worker's.
    [[nodiscard]] result pop(const stop_token& stop) { return one({.token = &stop}); }
    /// Without waiting: fails with `empty` if nothing is queued.
    [[nodiscard]] result try_pop() { return one(wait_options::none()); }
    /// Waits no longer than `limit`.
    template <class Rep, class Period>
    [[nodiscard]] result pop_for(const std::chrono::duration<Rep, Period>& limit, stop_token_ref stop = {}) {
        return one(wait_options::up_to(limit, stop));
    }
    /// Waits no longer than until `deadline`.
    template <class Clock, class Duration>
    [[nodiscard]] result pop_until(const std::chrono::time_point<Clock, Duration>& deadline,
                                   stop_token_ref stop = {}) {
        return one(wait_options::until(deadline, stop));
    }

    /// As `pop`, but assigns the item to `into`, as queues do that return a bool: `while (queue.pop(item))`. A call that fails
    /// leaves `into` as it is. The assignment runs outside every lock; if it throws, as the copy of a class without a move may, the
    /// item has been popped and is lost to it.
    [[nodiscard]] assigned pop(T& into)
        requires std::is_assignable_v<T&, T>
    {
        return assign(into, {});
    }
    /// The same, ended by this token and not by the worker's.
    [[nodiscard]] assigned pop(T& into, const stop_token& stop)
        requires std::is_assignable_v<T&, T>
    {
        return assign(into, {.token = &stop});
    }
    /// Without waiting: fails with `empty` if nothing is queued.
    [[nodiscard]] assigned try_pop(T& into)
        requires std::is_assignable_v<T&, T>
    {
        return assign(into, wait_options::none());
    }
    /// Waits no longer than `limit`.
    template <class Rep, class Period>
        requires std::is_assignable_v<T&, T>
    [[nodiscard]] assigned pop_for(T& into, const std::chrono::duration<Rep, Period>& limit,
                                   stop_token_ref stop = {}) {
        return assign(into, wait_options::up_to(limit, stop));
    }
    /// Waits no longer than until `deadline`.
    template <class Clock, class Duration>
        requires std::is_assignable_v<T&, T>
    [[nodiscard]] assigned pop_until(T& into, const std::chrono::time_point<Clock, Duration>& deadline,
                                     stop_token_ref stop = {}) {
        return assign(into, wait_options::until(deadline, stop));
    }

    /// Waits for an item, and appends to `into` what is queued then: at least one item, up to `max`, and no more than the channel can
    /// hold. Returns how many came.
    ///
    /// The vector grows, if it must, while no lock is held: for what the channel can hold, or to twice its size.
    /// If T's constructor throws, what came before it is in `into`, and the item it threw on is still first in line;
    /// but a T that cannot be copied and whose move throws while `into` itself grows leaves `into` in a state that is not
    /// known, as std::vector::reserve does: reserve room for `max` ahead. All forms below hold to this.
    [[nodiscard]] range_result pop_range(std::vector<T>& into, std::size_t max, stop_token_ref stop = {}) {
        return many(into, {.max = max}, wait_options::under(stop));
    }
    /// What is queued now, up to `max`; fails with `empty` if there is nothing.
    [[nodiscard]] range_result try_pop_range(std::vector<T>& into, std::size_t max) {
        return many(into, {.max = max}, wait_options::none());
    }
    /// As `pop_range`; waits no longer than `limit` for the first item.
    template <class Rep, class Period>
    [[nodiscard]] range_result pop_range_for(std::vector<T>& into, std::size_t max,
                                             const std::chrono::duration<Rep, Period>& limit,
                                             stop_token_ref stop = {}) {
        return many(into, {.max = max}, wait_options::up_to(limit, stop));
    }
    /// As `pop_range`; waits no longer than until `deadline` for the first item.
    template <class Clock, class Duration>
    [[nodiscard]] range_result pop_range_until(std::vector<T>& into, std::size_t max,
                                               const std::chrono::time_point<Clock, Duration>& deadline,
                                               stop_token_ref stop = {}) {
        return many(into, {.max = max}, wait_options::until(deadline, stop));
    }

    /// Appends a batch: waits for an item as long as it takes, and then for further ones, up to `max` and no longer than `linger`. A batch
    /// that is not full has waited so long, or was cut off by the stream's end, a stop or an interrupt; it is at least one item. Returns how
    /// many came.
    template <class Rep, class Period>
    [[nodiscard]] range_result pop_batch(std::vector<T>& into, std::size_t max,
                                         const std::chrono::duration<Rep, Period>& linger,
                                         stop_token_ref stop = {}) {
        return many(into, {.max = max, .linger = detail::ticks(linger)}, wait_options::under(stop));
    }

    /// Appends `n` items to `into`, waiting until there were so many. Returns how many came: fewer if the
    /// stream ended, the time ran out or a stop was requested midway, which the next call then reports, or it was interrupted; it
    /// fails if none came.
    [[nodiscard]] range_result pop_exactly(std::vector<T>& into, std::size_t n, stop_token_ref stop = {}) {
        return many(into, {.max = n, .enough = n}, wait_options::under(stop));
    }
    /// Waits no longer than `limit` in all, counted from when it first waits. Only waiting is limited: as long as it finds
    /// an item each time, it goes on up to `n`.
    template <class Rep, class Period>
    [[nodiscard]] range_result pop_exactly_for(std::vector<T>& into, std::size_t n,
                                               const std::chrono::duration<Rep, Period>& limit,
                                               stop_token_ref stop = {}) {
        return many(into, {.max = n, .enough = n}, wait_options::up_to(limit, stop));
    }
    /// Waits no longer than until `deadline`.
    template <class Clock, class Duration>
    [[nodiscard]] range_result pop_exactly_until(std::vector<T>& into, std::size_t n,
                                                 const std::chrono::time_point<Clock, Duration>& deadline,
                                                 stop_token_ref stop = {}) {
        return many(into, {.max = n, .enough = n}, wait_options::until(deadline, stop));
    }

    /// Appends all that comes until the stream has ended. Returns how many items that were if it ended `complete`; fails with any
    /// other ending, and with `stopped`, and then what came before is in `into` as well.
    [[nodiscard]] range_result drain(std::vector<T>& into, stop_token_ref stop = {}) {
        return static_cast<Self*>(this)->receive_all(into, wait_options::under(stop));
    }

    /// Pops an item when it is first asked for one or compared, not when it advances: so `std::views::take(n)` pops `n` and
    /// no more. Equal to the sentinel once the stream has ended: ask `outcome` or `ended` how.
    using iterator = detail::item_iterator<Self, T>;
    /// For `for (auto& item : rx)`, which pops until the stream has ended, or until the loop is left; an `interrupt` it does not obey.
    /// Pops nothing yet.
    [[nodiscard]] iterator begin() noexcept { return iterator(static_cast<Self&>(*this)); }
    /// What an iterator equals once the stream has ended.
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// For after a `for (auto& item : rx)`: the cause if the stream broke off, which is to say that it ended other than
    /// `complete`; success if it is complete, or goes on because the loop was left. A worker that has asked knows, as with `ended`,
    /// and a worker's failure in it counts as observed.
    ///
    /// If a loop over a receiver came to such an end for a failure that is no worker's, and nobody has asked by the time that the
    /// receiver is destroyed, this is reported to the failure hook; in the function of a worker or a job it is that one's outcome.
    [[nodiscard]] std::expected<void, inquest::cause> outcome() const {
        const auto how = ended();
        if (!how || how->status() == status::complete) return {};
        detail::observe_ending(how->cause());
        return std::unexpected(how->cause());
    }
    /// How the stream has ended, once it has and everything was popped; nothing while it goes on. A worker
    /// that has asked this knows, and may call an end other than `complete` a success.
    [[nodiscard]] std::optional<pop_error> ended() const {
        unasked_.set(false);
        const auto& core = static_cast<const Self*>(this)->core_;
        return core ? core->ended() : pop_error(status::closed);
    }

    /// @cond
    /// A variable of another type; this says so.
    template <class Into>
        requires(!std::convertible_to<Into, stop_token> && !std::same_as<Into, T&>)
    result pop(Into&&) {
        return detail::refuse_argument<Into, result>();
    }
    template <class Into>
        requires(!std::same_as<Into, T&>)
    result try_pop(Into&&) {
        return detail::refuse_argument<Into, result>();
    }
    /// Not for a const end, and says so.
    result pop() const { return detail::refuse_const<Self, result>(); }
    result try_pop() const { return detail::refuse_const<Self, result>(); }
    /// @endcond

  private:
    friend Self;
    friend iterator;
    pop_operations() = default; // nobody but the end itself has this as a base
    [[gnu::always_inline]] result one(const wait_options& options) {
        return static_cast<Self*>(this)->receive(options);
    }
    assigned assign(T& into, const wait_options& options) {
        auto item = one(options);
        if (!item) return std::unexpected(std::move(item).error());
        into = *std::move(item);
        return {};
    }
    range_result many(std::vector<T>& into, const detail::item_count& count, const wait_options& options) {
        if (count.max == 0) return std::size_t{0};
        return static_cast<Self*>(this)->receive(into, count, options);
    }
    /// A loop can't say how the stream has ended; a worker's outcome can.
    void note_end_of_loop(const pop_error& how) noexcept {
        // Not of a channel: another thread may have destroyed that by now, once the pop had left.
        if constexpr (!Self::is_destroyed_under_calls)
            if (how.cause() && !detail::current_worker) unasked_.set(true);
    }

    mutable detail::relaxed<bool> unasked_; // a loop ended on a failure, and nobody has asked how
};

}} // namespace inquest::INQUEST_ABI
