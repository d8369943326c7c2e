// Every way to push.
//
// Blocking forms wait as long as it takes; on a worker's thread they honour that worker's stop request, and end
// `stopped`. Each may be given a std::stop_token, which replaces the worker's own for this call; a stop is seen
// before an item is claimed, so nothing is lost to it. `_for` takes any std::chrono::duration, counted from when
// the call starts to wait, `_until` any time point of a clock; zero, negative, past and huge ones are all
// valid. Let the clock be std::chrono::steady_clock, which nobody sets; any other is read again ten times a second, in case that it
// was set, and once more when the time seems to be up. A call that has run out of time ends `timeout`, but
// says so only if nothing else has happened: it takes what is there, and reports a close that came first.
// Calls that wait are woken oldest first; one that has just come may be served before they are awake.
// A call that parks is a cancellation point of its thread; one that gets what it waits for while it spins is none.
// All of them throw what T's constructors throw, and std::bad_alloc only from there and from a vector's growth.
//
// Of T, only moves and the destruction of what was moved from run under a lock, and the function of push_with; none of these may use
// the channel. A copy that is
// not trivial is made before, if T moves without throwing; it is wasted only if the push fails, and a form that does not wait
// makes none if there is no room. If moving T may throw, as it may for classes that only have a copy constructor, it is
// copied under the lock of its side, in and out: that holds up other calls of the same side, `size`, what closes the channel,
// and a push that is refused, but no time limit and no stop of the other side.
#pragma once

#include <inquest/detail/misuse.hpp>
#include <inquest/detail/ring.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
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
        return one(value, wait_options::until(deadline, stop), where);
    }
    /// The same, which moves from `value` if it is accepted.
    template <class Clock, class Duration>
    [[nodiscard]] result push_until(T&& value, const std::chrono::time_point<Clock, Duration>& deadline,
                                    stop_token_ref stop = {}, place where = place::current())
        requires std::is_move_constructible_v<T>
    {
        return one(value, wait_options::until(deadline, stop), where);
    }

    /// Queues a copy of `value` and does not wait: if the channel is full, the oldest item is taken out, and returned. It is
    /// the caller's then, and the ledger counts it as dropped. Blocks for the channel's locks only; fails with `closed`, and
    /// then nothing is dropped. If T's constructor throws, `value` is not queued, but an item may have been dropped.
    [[nodiscard]] std::expected<std::optional<T>, push_error>
    push_or_drop_oldest(const T& value, place where = place::current()) {
        return overrunning(value, where);
    }
    /// The same, which moves from `value` if it is accepted.
    [[nodiscard]] std::expected<std::optional<T>, push_error>
    push_or_drop_oldest(T&& value, place where = place::current())
        requires std::is_move_constructible_v<T>
    {
        return overrunning(value, where);
    }

    /// Queues what `make()` returns, made in its place in the queue: `make` is called once there is room, and not at all if the push
    /// fails, so that what it would move into the item is kept. It runs under the lock of the channel's pushes, and with it wait other
    /// pushes, and pops that are about to park: let it do little, and nothing with the channel; what takes long is made before,
    /// and pushed. If it throws, nothing is queued, and the exception passes through.
    ///
    ///     queue.push_with([&] { return job{std::move(name), std::move(buffer)}; });
    template <class Make>
        requires std::is_invocable_r_v<T, Make&>
    [[nodiscard]] result push_with(Make&& make, stop_token_ref stop = {}, place where = place::current()) {
        return made(make, wait_options::under(stop), where);
    }
    /// Without waiting: fails with `full` if there is no room.
    template <class Make>
        requires std::is_invocable_r_v<T, Make&>
    [[nodiscard]] result try_push_with(Make&& make, place where = place::current()) {
        return made(make, wait_options::none(), where);
    }
    /// Waits no longer than `limit`.
    template <class Make, class Rep, class Period>
        requires std::is_invocable_r_v<T, Make&>
    [[nodiscard]] result push_with_for(Make&& make, const std::chrono::duration<Rep, Period>& limit,
                                       stop_token_ref stop = {}, place where = place::current()) {
        return made(make, wait_options::up_to(limit, stop), where);
    }
    /// Waits no longer than until `deadline`.
    template <class Make, class Clock, class Duration>
        requires std::is_invocable_r_v<T, Make&>
    [[nodiscard]] result push_with_until(Make&& make,
                                         const std::chrono::time_point<Clock, Duration>& deadline,
                                         stop_token_ref stop = {}, place where = place::current()) {
        return made(make, wait_options::until(deadline, stop), where);
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
        return all<R>(std::forward<R>(items), wait_options::until(deadline, stop), where);
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
    template <class U>
    std::expected<std::optional<T>, push_error> overrunning(U& value, const place& where) {
        if constexpr (detail::is_source<T, U>()) return static_cast<Self*>(this)->send_or_drop(value, where);
    }
    template <class Make>
    result made(Make& make, const wait_options& options, place where) {
        detail::made_by<Make> item{make};
        return static_cast<Self*>(this)->send(item, options, where);
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

}} // namespace inquest::INQUEST_ABI
