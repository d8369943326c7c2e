// Asking why a push failed.
#pragma once

#include <inquest/worker.hpp>

#include <array>
#include <exception>
#include <expected>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

namespace detail {

inline constexpr const char* one_silent = "channel closed unexpectedly";
inline constexpr const char* all_silent = "all workers exited but the channel closed";

struct worker_access {
    /// Null for a worker that was moved from.
    template <class T, class E>
    static worker_thread* thread_of(worker<T, E>& of) noexcept {
        return of.thread_.get();
    }
    template <class Workers>
    static std::vector<worker_thread*> threads_of(Workers& of) {
        std::vector<worker_thread*> threads;
        for (auto& one : of) threads.push_back(thread_of(one));
        return threads;
    }
};

template <class Workers>
using error_of = typename std::ranges::range_value_t<Workers>::error_type;

/// It says that the channel has closed, so that there is something to resolve.
[[nodiscard]] bool is_resolvable(const push_error& why) noexcept;

/// What every form of resolve is asked with, for one worker or many.
struct question {
    channel_base* channel; // null for a moved-from end
    const push_error& why;
    const char* silent;   // begins the answer if no worker failed
    bool rethrows = true; // what a worker threw, else it is returned as its cause
};
/// The same failure, as the answer to that push. May throw std::bad_alloc.
[[nodiscard]] failure<> answering(const push_error& why, const failure<>& its);
failure<> ask(const question& its, std::span<worker_thread* const> workers);
std::expected<failure<>, still_running> ask(const question& its, std::span<worker_thread* const> workers,
                                            const time_limit& limit);
/// Waits for them all; because of that push, if there was one: the primary failure and the others, or nothing if none failed;
/// if some have not ended by the limit, what these are doing. If `rethrows`, what a worker threw is rethrown.
std::expected<std::optional<failure<>>, still_running> join_all(std::span<worker_thread* const> workers,
                                                                bool rethrows, const time_limit& limit,
                                                                const push_error* why = nullptr);
/// Joins them all: the primary failure and the others, or nothing if none failed.
std::optional<failure<>> report(std::span<worker_thread* const> workers);

inline constexpr bool rethrow = true, explain_only = false;

template <class Item, class T, class E, class... Limit>
auto ask_one(bool rethrows, const channel_handle<Item>& tx, worker<T, E>& asked, const push_error& why,
             Limit... limit) {
    worker_thread* const thread = worker_access::thread_of(asked);
    return ask({handle_access::core(tx).get(), why, one_silent, rethrows},
               std::span<worker_thread* const>(&thread, 1), limit...);
}
template <class Item, class Workers, class... Limit>
auto ask_all(bool rethrows, const channel_handle<Item>& tx, Workers& asked, const push_error& why,
             Limit... limit) {
    const auto threads = worker_access::threads_of(asked);
    return ask({handle_access::core(tx).get(), why, all_silent, rethrows}, std::span(threads), limit...);
}

template <class E>
std::expected<failure<E>, still_running> typed(std::expected<failure<>, still_running>&& any) noexcept {
    if (!any) return std::unexpected(std::move(any).error());
    return std::expected<failure<E>, still_running>(std::in_place, typed_anew{}, *std::move(any));
}

} // namespace detail

/// Joins all of `workers`, and returns the primary failure and the others, each once, or nothing if none failed.
/// Rethrows nothing: exceptions are in the causes. Blocks as `join` does. All that it returns count as observed.
template <std::ranges::forward_range Workers>
[[nodiscard]] auto report(Workers&& workers) -> std::optional<failure<detail::error_of<Workers>>> {
    return detail::typed<detail::error_of<Workers>>(
        detail::report(detail::worker_access::threads_of(workers)));
}

/// The same for workers that return different things, such as the stages of one stream: what they share is the cause.
template <class... T, class... E>
    requires(sizeof...(T) > 1)
[[nodiscard]] std::optional<failure<>> report(worker<T, E>&... workers) {
    const std::array<detail::worker_thread*, sizeof...(T)> threads{
        detail::worker_access::thread_of(workers)...};
    return detail::report(threads);
}

/// Finds out why a push failed: closes the channel, whatever other senders are alive, joins the worker, and
/// - if the worker returned an error: returns that error;
/// - if it returned another worker's failure: returns that one, even if that other worker threw;
/// - if it threw: rethrows here, the same exception object;
/// - else returns a text that has the push error in it.
///
/// `tx` is a sender or a channel. Acts if the push said `closed`; for `full`, `timeout` and `stopped`
/// nothing is closed or joined, and the answer says so. Blocks on the worker's code: never call it holding a
/// lock that the worker may need. From inside a worker of the same channel it never joins and returns
/// what is known so far; a worker that reads another channel is not joined either. May throw std::bad_alloc.
///
/// What is returned or rethrown counts as observed: it is not reported to the failure hook.
template <class Item, class T, class E>
[[nodiscard]] failure<E> resolve(const channel_handle<Item>& tx, worker<T, E>& asked, const push_error& why) {
    return detail::typed<E>(detail::ask_one(detail::rethrow, tx, asked, why));
}
/// The same, waiting no longer than `limit`: if the worker has not ended by then, the channel is closed all the
/// same, and the answer says what the worker is doing. It may be asked again. No failure has been observed by that.
template <class Item, class T, class E, class Rep, class Period>
[[nodiscard]] std::expected<failure<E>, still_running>
resolve_for(const channel_handle<Item>& tx, worker<T, E>& asked, const push_error& why,
            const std::chrono::duration<Rep, Period>& limit) {
    return detail::typed<E>(
        detail::ask_one(detail::rethrow, tx, asked, why, detail::time_limit::after(detail::ticks(limit))));
}
/// The same, waiting no longer than until `deadline`.
template <class Item, class T, class E, class Clock, class Duration>
[[nodiscard]] std::expected<failure<E>, still_running>
resolve_until(const channel_handle<Item>& tx, worker<T, E>& asked, const push_error& why,
              const std::chrono::time_point<Clock, Duration>& deadline) {
    const auto since = detail::clock::now();
    return detail::typed<E>(detail::wait_until_deadline(deadline, [&](auto until) {
        return detail::ask_one(detail::rethrow, tx, asked, why, detail::time_limit{since, until});
    }));
}

/// As `resolve`, for many: closes the channel, joins all of `workers` (any range of them), and returns the
/// earliest failure that is no consequence of another; the rest are its `also_failed`. One that some workers passed on is
/// there once; it is rethrown if the worker that threw it is among `workers`. All of them count as observed;
/// but if the earliest is an exception and so rethrown, only that one: `report(workers)` still returns the others, and
/// they are reported to the failure hook if nobody asks.
template <class Item, std::ranges::forward_range Workers>
[[nodiscard]] auto resolve_first(const channel_handle<Item>& tx, Workers&& workers, const push_error& why)
    -> failure<detail::error_of<Workers>> {
    return detail::typed<detail::error_of<Workers>>(detail::ask_all(detail::rethrow, tx, workers, why));
}
/// The same, waiting no longer than `limit` for all of them together: the answer is what those that have not ended
/// are doing. In that case no failure counts as observed, not even of those that had already ended.
template <class Item, std::ranges::forward_range Workers, class Rep, class Period>
[[nodiscard]] auto resolve_first_for(const channel_handle<Item>& tx, Workers&& workers, const push_error& why,
                                     const std::chrono::duration<Rep, Period>& limit)
    -> std::expected<failure<detail::error_of<Workers>>, still_running> {
    return detail::typed<detail::error_of<Workers>>(
        detail::ask_all(detail::rethrow, tx, workers, why, detail::time_limit::after(detail::ticks(limit))));
}
/// The same, waiting no longer than until `deadline`.
template <class Item, std::ranges::forward_range Workers, class Clock, class Duration>
[[nodiscard]] auto resolve_first_until(const channel_handle<Item>& tx, Workers&& workers,
                                       const push_error& why,
                                       const std::chrono::time_point<Clock, Duration>& deadline)
    -> std::expected<failure<detail::error_of<Workers>>, still_running> {
    const auto since = detail::clock::now();
    return detail::typed<detail::error_of<Workers>>(detail::wait_until_deadline(deadline, [&](auto until) {
        return detail::ask_all(detail::rethrow, tx, workers, why, detail::time_limit{since, until});
    }));
}

/// As `resolve`, but rethrows nothing: what the worker threw is in the cause, with its type's name, its text and the exception
/// itself. It counts as observed.
template <class Item, class T, class E>
[[nodiscard]] failure<E> explain(const channel_handle<Item>& tx, worker<T, E>& asked, const push_error& why) {
    return detail::typed<E>(detail::ask_one(detail::explain_only, tx, asked, why));
}
/// As `resolve_first`, but rethrows nothing. All of them count as observed.
template <class Item, std::ranges::forward_range Workers>
[[nodiscard]] auto explain(const channel_handle<Item>& tx, Workers&& workers, const push_error& why)
    -> failure<detail::error_of<Workers>> {
    return detail::typed<detail::error_of<Workers>>(detail::ask_all(detail::explain_only, tx, workers, why));
}

}} // namespace inquest::INQUEST_ABI
