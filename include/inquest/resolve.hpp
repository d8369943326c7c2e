// Asking why a push failed.
#pragma once

#include <inquest/worker.hpp>

#include <exception>
#include <expected>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

namespace detail {

/// The failures of workers, and others that these passed on.
struct collected {
    std::vector<cause> failures, others;
    void add(const failure<>& one) {
        failures.push_back(one.cause());
        others.insert(others.end(), one.also_failed().begin(), one.also_failed().end());
    }
};
/// First the one to name among several failures, of which there must be one: the earliest that is no consequence of
/// another, else the earliest. Then all the rest, by time, each once.
std::vector<cause> primary_first(collected all);
/// The answer if no worker failed: `lead (push: ...)`, with what the push itself knew behind it.
cause fallback(std::string_view lead, const push_error& why);
/// True if the push says that the channel is closed, so that there is something to resolve.
bool is_resolvable(const push_error& why) noexcept;

struct worker_access {
    template <class T, class E>
    static worker_state<T, E>& state(worker<T, E>& of) {
        return of.state();
    }

    /// Why this worker can't be joined from here, or not on behalf of `channel`; null if it can.
    template <class T, class E>
    static const char* why_not_join(channel_serial channel, worker<T, E>& of) {
        if (channel == no_channel) return "the end was moved from, so nothing was closed or joined";
        if (current_worker && current_worker->attached_to == channel)
            return "asked from inside the channel, so not joined";
        if (const char* why = state(of).why_not_wait()) return why;
        const auto reads = state(of).block->attached_to;
        return reads != no_channel && reads != channel ? "the worker reads another channel, so not joined"
                                                       : nullptr;
    }
    /// The answer instead of a join: what is known so far.
    template <class Handle>
    static cause so_far(const Handle& tx, const char* lead, const push_error& why) {
        if (auto known = tx.cause(); known && known.kind() != cause_kind::finished) return known;
        return fallback(lead, why);
    }
    template <class T>
    static void close(const channel_handle<T>& tx,
                      const std::source_location& where = std::source_location::current()) noexcept {
        if (const auto& core = handle_access::core(tx)) core->close(closer::resolver, where);
    }
    template <class T>
    static channel_serial channel_of(const channel_handle<T>& tx) noexcept {
        const auto& core = handle_access::core(tx);
        return core ? core->serial() : no_channel;
    }
};

template <class Workers>
using error_of = typename std::ranges::range_value_t<Workers>::error_type;

/// The primary failure and the others; nothing if none failed.
template <class E>
std::optional<failure<E>> primary(collected all) {
    if (all.failures.empty()) return std::nullopt;
    auto failures = primary_first(std::move(all));
    cause first = std::move(failures.front());
    failures.erase(failures.begin());
    return failure<E>(std::move(first), std::move(failures));
}

template <class E>
failure<E> handed_out(failure<E> answer) noexcept {
    observe(answer);
    return answer;
}

/// What every form of resolve does, for one worker or many; `lead` begins the answer if none failed.
template <class E, class Item>
std::expected<failure<E>, still_running> ask(const channel_handle<Item>& tx, auto&& workers, const char* lead,
                                             const push_error& why, clock::time_point deadline = forever) {
    if (!is_resolvable(why)) return failure<E>(fallback("nothing was closed", why));
    for (auto& asked : workers)
        if (const char* refused = worker_access::why_not_join(worker_access::channel_of(tx), asked))
            return handed_out(failure<E>(worker_access::so_far(tx, refused, why)));
    const auto since = deadline == forever ? clock::time_point{} : clock::now();
    worker_access::close(tx, why.where());
    collected all;
    for (auto& asked : workers) {
        auto& state = worker_access::state(asked);
        if (!state.wait(deadline)) return std::unexpected(state.glance(since));
        if (const auto failed = state.failed()) all.add(*failed);
    }
    auto failed = primary<E>(std::move(all));
    if (!failed) return failure<E>(fallback(lead, why));
    for (auto& asked : workers) // one that passes an exception on has returned it
        if (worker_access::state(asked).threw(failed->cause())) {
            observe(failed->cause()); // the others are not thrown, and wait for somebody to ask
            std::rethrow_exception(failed->cause().exception());
        }
    return handed_out(std::move(*failed));
}

inline constexpr const char* one_silent = "channel closed unexpectedly";
inline constexpr const char* all_silent = "all workers exited but the channel closed";

} // namespace detail

/// Joins all of `workers`, and returns the primary failure and the others, each once, or nothing if none failed.
/// Rethrows nothing: exceptions are in the causes. Blocks as `join` does. All that it returns count as observed.
template <std::ranges::forward_range Workers>
[[nodiscard]] auto report(Workers&& workers) -> std::optional<failure<detail::error_of<Workers>>> {
    detail::collected all;
    for (auto& asked : workers)
        if (const auto failed = detail::worker_access::state(asked).collect()) all.add(*failed);
    auto failed = detail::primary<detail::error_of<Workers>>(std::move(all));
    if (failed) detail::observe(*failed);
    return failed;
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
/// What is returned or rethrown counts as observed: the failure hook is not told of it.
template <class Item, class T, class E>
[[nodiscard]] failure<E> resolve(const channel_handle<Item>& tx, worker<T, E>& asked, const push_error& why) {
    return *detail::ask<E>(tx, std::span(&asked, 1), detail::one_silent, why);
}
/// The same, waiting no longer than `limit`: if the worker has not ended by then, the channel is closed all the
/// same, and the answer says what the worker is doing. It may be asked again. No failure has been observed by that.
template <class Item, class T, class E, class Rep, class Period>
[[nodiscard]] std::expected<failure<E>, still_running>
resolve_for(const channel_handle<Item>& tx, worker<T, E>& asked, const push_error& why,
            const std::chrono::duration<Rep, Period>& limit) {
    return detail::ask<E>(tx, std::span(&asked, 1), detail::one_silent, why,
                          detail::deadline_after(detail::ticks(limit)));
}
/// The same, waiting no longer than until `deadline`.
template <class Item, class T, class E, class Clock, class Duration>
[[nodiscard]] std::expected<failure<E>, still_running>
resolve_until(const channel_handle<Item>& tx, worker<T, E>& asked, const push_error& why,
              const std::chrono::time_point<Clock, Duration>& deadline) {
    return detail::ask<E>(tx, std::span(&asked, 1), detail::one_silent, why,
                          detail::deadline_at(detail::steady_deadline(deadline)));
}

/// As `resolve`, for many: closes the channel, joins all of `workers` (any range of them), and returns the
/// earliest failure that is no consequence of another; the rest are its `also_failed`. One that some workers passed on is
/// there once; it is rethrown if the worker that threw it is among `workers`. All of them count as observed;
/// but if the earliest is an exception and so rethrown, only that one: `report(workers)` still returns the others, and
/// the failure hook is told of them if nobody asks.
template <class Item, std::ranges::forward_range Workers>
[[nodiscard]] auto resolve_first(const channel_handle<Item>& tx, Workers&& workers, const push_error& why)
    -> failure<detail::error_of<Workers>> {
    return *detail::ask<detail::error_of<Workers>>(tx, workers, detail::all_silent, why);
}
/// The same, waiting no longer than `limit` for all of them together: the answer is what the first of those that
/// have not ended is doing. Then no failure has been observed, also of those that had ended before.
template <class Item, std::ranges::forward_range Workers, class Rep, class Period>
[[nodiscard]] auto resolve_first_for(const channel_handle<Item>& tx, Workers&& workers, const push_error& why,
                                     const std::chrono::duration<Rep, Period>& limit)
    -> std::expected<failure<detail::error_of<Workers>>, still_running> {
    return detail::ask<detail::error_of<Workers>>(tx, workers, detail::all_silent, why,
                                                  detail::deadline_after(detail::ticks(limit)));
}
/// The same, waiting no longer than until `deadline`.
template <class Item, std::ranges::forward_range Workers, class Clock, class Duration>
[[nodiscard]] auto resolve_first_until(const channel_handle<Item>& tx, Workers&& workers,
                                       const push_error& why,
                                       const std::chrono::time_point<Clock, Duration>& deadline)
    -> std::expected<failure<detail::error_of<Workers>>, still_running> {
    return detail::ask<detail::error_of<Workers>>(tx, workers, detail::all_silent, why,
                                                  detail::deadline_at(detail::steady_deadline(deadline)));
}

}} // namespace inquest::INQUEST_ABI
