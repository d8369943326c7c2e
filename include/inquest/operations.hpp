// The operations of a channel's ends: every way to push, every way to pop.
//
// Blocking forms wait as long as it takes; on a worker's thread they honour that worker's stop request, and end
// `stopped`. Each may be given a std::stop_token, which replaces the worker's own for this call; a stop is seen
// before an item is claimed, so nothing is lost to it. `_for` takes any std::chrono::duration, counted from when
// the call starts to wait, `_until` any time point of std::chrono::steady_clock, so that a clock that is set does
// no harm; zero, negative, past and huge ones are all valid. A call that has run out of time ends `timeout`, but
// says so only if nothing else has happened: it takes what is there, and reports a close that came first.
// Calls that wait are woken oldest first; one that has just come may be served before they are awake.
// A call that parks is a cancellation point of its thread; one that gets what it waits for while it spins is none.
// All of them throw what T's constructors throw, and std::bad_alloc only from there and from a vector's growth.
//
// Of T, only moves and the destruction of what was moved from run under a lock, and must not use the channel. A copy that is
// not trivial is made before, if T moves without throwing; it is wasted only if the push fails, and a form that does not wait
// makes none if there is no room. If moving T may throw, as it may for classes that only have a copy constructor, it is
// copied under the lock of its side, in and out: that holds up other calls of the same side, `size`, what closes the channel,
// and a push that is refused, but no time limit and no stop of the other side.
#pragma once

#include <inquest/detail/ring.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <expected>
#include <memory>
#include <ranges>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

/// A range that push_range takes: elements of type T, side by side in memory, that outlive the call, because
/// those that were not accepted stay in it.
template <class R, class T>
concept contiguous_items = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
                           std::ranges::borrowed_range<R> && std::same_as<std::ranges::range_value_t<R>, T>;

namespace detail {

/// True if an item can be built from a U. If not, the compiler says what to write.
template <class T, class U>
consteval bool is_source() {
    constexpr bool is_one = !std::is_const_v<U> || std::is_copy_constructible_v<T>;
    static_assert(is_one,
                  "an item that cannot be copied is moved in: write push(std::move(item)), which leaves "
                  "it as it is if the push fails");
    return is_one;
}

/// True if push_range takes an R. If not, the compiler says what to write.
template <class R, class T>
consteval bool are_items() {
    if constexpr (!std::ranges::contiguous_range<R> || !std::ranges::sized_range<R>) {
        static_assert(std::is_void_v<R>,
                      "push_range takes items that lie side by side, as in a std::vector, an "
                      "array or a std::span: push those of other ranges one by one");
        return false;
    } else if constexpr (!std::same_as<std::ranges::range_value_t<R>, T>) {
        static_assert(std::is_void_v<R>, "push_range takes items of the channel's own T: push others one by "
                                         "one, or make a std::vector<T> of them");
        return false;
    } else {
        static_assert(std::ranges::borrowed_range<R>,
                      "push_range leaves what was not accepted in its range: give that a name, and pass it "
                      "without std::move");
        return contiguous_items<R, T> &&
               is_source<T, std::remove_reference_t<std::ranges::range_reference_t<R>>>();
    }
}

/// The deadline itself. If it is of another clock, the compiler says what to write.
template <class Clock, class Duration>
std::chrono::time_point<clock, Duration>
steady_deadline(const std::chrono::time_point<Clock, Duration>& deadline) noexcept {
    static_assert(std::same_as<Clock, clock>,
                  "a deadline is a time point of std::chrono::steady_clock: write "
                  "steady_clock::now() + ..., or use the _for form");
    if constexpr (std::same_as<Clock, clock>)
        return deadline;
    else
        return {};
}

/// What stands for a call on a const end, which does not compile.
template <class End, class Result>
Result refuse_const() {
    static_assert(std::is_void_v<End>, "a const end neither pushes nor pops: pass it as sender<T>& or "
                                       "receiver<T>&, and make the lambda that captured it mutable");
    std::unreachable();
}

/// What stands for a pop into a variable, which does not compile.
template <class Into, class Result>
Result refuse_argument() {
    static_assert(std::is_void_v<Into>,
                  "pop returns the item: write while (auto item = rx.pop()), and use *item");
    std::unreachable();
}

} // namespace detail

/// What `sender` and `channel` have for pushing. Any thread may call any of these at any time.
///
/// A value is moved from only if it was accepted: after a failure, and after an exception of its constructor, it
/// is as it was. Fails with `closed`, the cause beside it if one is known, and `stopped`, `full` or `timeout`
/// if the form can. Constant time, but for the waiting.
template <class Self, class T>
class push_operations {
    using result = std::expected<void, push_error>;
    using range_result = std::expected<std::size_t, push_error>;
    using stop_token = detail::stop_token;
    using stop_token_ref = detail::stop_token_ref;
    using wait_options = detail::wait_options;
    using place = std::source_location;

  public:
    /// Queues a copy of `value`, waiting while the channel is full.
    [[nodiscard]] result push(const T& value, place where = place::current()) {
        return one(value, {}, where);
    }
    /// The same, which moves from `value` if it is accepted.
    [[nodiscard]] result push(T&& value, place where = place::current())
        requires std::is_move_constructible_v<T>
    {
        return one(value, {}, where);
    }
    /// The same, ended by this token and not by the worker's.
    [[nodiscard]] result push(const T& value, const stop_token& stop, place where = place::current()) {
        return one(value, {.token = &stop}, where);
    }
    /// The same, which moves from `value` if it is accepted.
    [[nodiscard]] result push(T&& value, const stop_token& stop, place where = place::current())
        requires std::is_move_constructible_v<T>
    {
        return one(value, {.token = &stop}, where);
    }
    /// Without waiting: fails with `full` if there is no room.
    [[nodiscard]] result try_push(const T& value, place where = place::current()) {
        return one(value, wait_options::none(), where);
    }
    /// The same, which moves from `value` if it is accepted.
    [[nodiscard]] result try_push(T&& value, place where = place::current())
        requires std::is_move_constructible_v<T>
    {
        return one(value, wait_options::none(), where);
    }
    /// Waits no longer than `limit`.
    template <class Rep, class Period>
    [[nodiscard]] result push_for(const T& value, const std::chrono::duration<Rep, Period>& limit,
                                  stop_token_ref stop = {}, place where = place::current()) {
        return one(value, wait_options::up_to(limit, stop), where);
    }
    /// The same, which moves from `value` if it is accepted.
    template <class Rep, class Period>
    [[nodiscard]] result push_for(T&& value, const std::chrono::duration<Rep, Period>& limit,
                                  stop_token_ref stop = {}, place where = place::current())
        requires std::is_move_constructible_v<T>
    {
        return one(value, wait_options::up_to(limit, stop), where);
    }
    /// Waits no longer than until `deadline`.
    template <class Clock, class Duration>
    [[nodiscard]] result push_until(const T& value, const std::chrono::time_point<Clock, Duration>& deadline,
                                    stop_token_ref stop = {}, place where = place::current()) {
        return one(value, wait_options::until(detail::steady_deadline(deadline), stop), where);
    }
    /// The same, which moves from `value` if it is accepted.
    template <class Clock, class Duration>
    [[nodiscard]] result push_until(T&& value, const std::chrono::time_point<Clock, Duration>& deadline,
                                    stop_token_ref stop = {}, place where = place::current())
        requires std::is_move_constructible_v<T>
    {
        return one(value, wait_options::until(detail::steady_deadline(deadline), stop), where);
    }

    /// Queues all of `items` in order, waiting for room as often as need be: constant elements are copied, others
    /// moved. Returns how many went in, which is all of them; a failure says in `accepted()` how many did before,
    /// and the rest is untouched. Items of other producers may come between. If T's constructor throws, those
    /// before the one it threw on are queued.
    template <class R>
    [[nodiscard]] range_result push_range(R&& items, stop_token_ref stop = {},
                                          place where = place::current()) {
        return all<R>(std::forward<R>(items), wait_options::under(stop), where);
    }
    /// As many as there is room for now; fails with `full` if those were not all.
    template <class R>
    [[nodiscard]] range_result try_push_range(R&& items, place where = place::current()) {
        return all<R>(std::forward<R>(items), wait_options::none(), where);
    }
    /// Waits no longer than `limit` in all, counted from when it first waits.
    template <class R, class Rep, class Period>
    [[nodiscard]] range_result push_range_for(R&& items, const std::chrono::duration<Rep, Period>& limit,
                                              stop_token_ref stop = {}, place where = place::current()) {
        return all<R>(std::forward<R>(items), wait_options::up_to(limit, stop), where);
    }
    /// Waits no longer than until `deadline`.
    template <class R, class Clock, class Duration>
    [[nodiscard]] range_result push_range_until(R&& items,
                                                const std::chrono::time_point<Clock, Duration>& deadline,
                                                stop_token_ref stop = {}, place where = place::current()) {
        return all<R>(std::forward<R>(items), wait_options::until(detail::steady_deadline(deadline), stop),
                      where);
    }

    /// @cond
    /// Not for a const end, and says so.
    result push(const T&) const { return detail::refuse_const<Self, result>(); }
    result try_push(const T&) const { return detail::refuse_const<Self, result>(); }
    /// @endcond

  private:
    friend Self;
    push_operations() = default; // nobody but the end itself has this as a base
    template <class U>
    [[gnu::always_inline]] result one(U& value, const wait_options& options, place where) {
        if constexpr (detail::is_source<T, U>()) return static_cast<Self*>(this)->send(value, options, where);
    }
    template <class R>
    range_result all(R&& items, const wait_options& options, const place& where) {
        if constexpr (detail::are_items<R, T>()) {
            const auto n = static_cast<std::size_t>(std::ranges::size(items));
            if (n == 0) return std::size_t{0};
            std::size_t accepted = 0;
            auto sent = static_cast<Self*>(this)->send(std::ranges::data(items), n, accepted, options, where);
            if (sent) return n;
            return std::unexpected(std::move(sent).error());
        }
    }
};

/// What `receiver` and `channel` have for popping. Any thread may call any of these at any time.
///
/// Fails with `complete`, `closed`, `truncated` or `aborted` once the stream has ended, along with what broke it,
/// and with `stopped`, `empty` or `timeout` if the form can. If T's constructor throws, the item is still
/// first in line. Constant time, but for the waiting.
template <class Self, class T>
class pop_operations {
    using result = std::expected<T, pop_error>;
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
        return one(wait_options::until(detail::steady_deadline(deadline), stop));
    }

    /// Appends `max` items to `into`, waiting until there were so many. Returns how many came: fewer if the
    /// stream ended, the time ran out or a stop was requested midway, which the next call then reports; it fails
    /// if none came. To take what is there once there is something, pop one and then try_pop_range.
    ///
    /// The vector grows, if it must, while no lock is held: for what the channel can hold, or to twice its size.
    /// If T's constructor throws, what came before it is in `into`, and the item it threw on is still first in line;
    /// but a T that cannot be copied and whose move throws while `into` itself grows leaves `into` in a state that is not
    /// known, as std::vector::reserve does: reserve room for `max` ahead.
    [[nodiscard]] range_result pop_range(std::vector<T>& into, std::size_t max, stop_token_ref stop = {}) {
        return many(into, max, wait_options::under(stop));
    }
    /// What is queued now, up to `max`; fails with `empty` if there is nothing.
    [[nodiscard]] range_result try_pop_range(std::vector<T>& into, std::size_t max) {
        return many(into, max, wait_options::none());
    }
    /// Waits no longer than `limit` in all, counted from when it first waits. Only waiting is limited: as long as it finds
    /// an item each time, it goes on up to `max`.
    template <class Rep, class Period>
    [[nodiscard]] range_result pop_range_for(std::vector<T>& into, std::size_t max,
                                             const std::chrono::duration<Rep, Period>& limit,
                                             stop_token_ref stop = {}) {
        return many(into, max, wait_options::up_to(limit, stop));
    }
    /// Waits no longer than until `deadline`.
    template <class Clock, class Duration>
    [[nodiscard]] range_result pop_range_until(std::vector<T>& into, std::size_t max,
                                               const std::chrono::time_point<Clock, Duration>& deadline,
                                               stop_token_ref stop = {}) {
        return many(into, max, wait_options::until(detail::steady_deadline(deadline), stop));
    }

    /// @cond
    /// Items are returned, not written into a variable; this says so.
    template <class Into>
        requires(!std::convertible_to<Into, stop_token>)
    result pop(Into&&) {
        return detail::refuse_argument<Into, result>();
    }
    template <class Into>
    result try_pop(Into&&) {
        return detail::refuse_argument<Into, result>();
    }
    /// Not for a const end, and says so.
    result pop() const { return detail::refuse_const<Self, result>(); }
    result try_pop() const { return detail::refuse_const<Self, result>(); }
    /// @endcond

  private:
    friend Self;
    pop_operations() = default; // nobody but the end itself has this as a base
    [[gnu::always_inline]] result one(const wait_options& options) {
        return static_cast<Self*>(this)->receive(options);
    }
    range_result many(std::vector<T>& into, std::size_t max, const wait_options& options) {
        if (max == 0) return std::size_t{0};
        return static_cast<Self*>(this)->receive(into, max, options);
    }
};

}} // namespace inquest::INQUEST_ABI
