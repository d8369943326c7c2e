// Asking why a push failed.
#pragma once

#include <inquest/worker.hpp>

#include <exception>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest::inline INQUEST_ABI {

namespace detail {

/// The one to name among several failures: the earliest that is no consequence of another, else the earliest.
/// Sorts by time and moves it to the front.
void put_primary_first(std::vector<cause>& failures);
/// The answer where no worker failed: `lead (push: ...)`, with what the push itself knew behind it.
cause fallback(std::string_view lead, const push_error& why);
/// True where the push says that the channel is closed, so that there is something to resolve.
bool is_resolvable(const push_error& why) noexcept;

struct asker {
    template <class T, class E>
    static worker_state<T, E>& state(worker<T, E>& of) {
        return of.state();
    }

    /// Why this worker can't be joined from here, or not on behalf of `channel`; null where it can.
    template <class T, class E>
    static const char* why_not_join(const channel_control* channel, worker<T, E>& of) {
        if (!channel) return "the end was moved from, so nothing was closed or joined";
        if (current_worker && current_worker->attached_to == channel)
            return "asked from inside the channel, so not joined";
        if (const char* why = state(of).why_not_wait()) return why;
        const auto* reads = state(of).block->attached_to;
        return reads && reads != channel ? "the worker reads another channel, so not joined" : nullptr;
    }
    /// The answer instead of a join: what is known so far.
    template <class Handle>
    static cause so_far(const Handle& tx, const char* lead, const push_error& why) {
        if (auto known = tx.cause(); known && known.kind() != cause_kind::finished) return known;
        return fallback(lead, why);
    }
    template <class T>
    static void close(const handle<T>& tx) noexcept {
        if (const auto& core = access::core(tx)) core->close(closer::resolver);
    }
    template <class T>
    static const channel_control* channel_of(const handle<T>& tx) noexcept {
        return access::core(tx).get();
    }
};

} // namespace detail

/// Joins all of `workers`, and answers with the primary failure and the others, or nothing where none failed.
/// Rethrows nothing: exceptions are in the causes. Blocks as `join` does.
template <std::ranges::forward_range Workers>
[[nodiscard]] auto report(Workers&& workers)
    -> std::optional<failure<typename std::ranges::range_value_t<Workers>::error_type>> {
    std::vector<cause> failures;
    for (auto& asked : workers)
        if (auto failed = asked.report()) failures.push_back(failed->cause());
    if (failures.empty()) return std::nullopt;
    detail::put_primary_first(failures);
    cause first = std::move(failures.front());
    failures.erase(failures.begin());
    return failure<typename std::ranges::range_value_t<Workers>::error_type>(std::move(first),
                                                                             std::move(failures));
}

/// Finds out why a push failed: closes the channel, whatever other senders are alive, joins the worker, and
/// - where the worker returned an error: answers with that error;
/// - where it threw: rethrows here, the same exception object;
/// - else answers with a text that has the push error in it.
///
/// `tx` is a sender or a channel. Acts where the push said `closed`; for `full`, `timeout` and `stopped`
/// nothing is closed or joined, and the answer says so. Blocks on the worker's code: never call it holding a
/// lock that the worker may need. From inside a worker of the same channel it never joins and answers with
/// what is known so far; a worker that reads another channel is not joined either. May throw std::bad_alloc.
template <class Item, class T, class E>
[[nodiscard]] failure<E> resolve(const detail::handle<Item>& tx, worker<T, E>& asked, const push_error& why) {
    using detail::asker;
    if (!detail::is_resolvable(why)) return failure<E>(detail::fallback("nothing was closed", why));
    if (const char* refused = asker::why_not_join(asker::channel_of(tx), asked))
        return failure<E>(asker::so_far(tx, refused, why));
    asker::close(tx);
    auto& state = asker::state(asked);
    state.wait();
    auto failed = state.failed();
    if (!failed) return failure<E>(detail::fallback("channel closed unexpectedly", why));
    if (failed->cause().kind() == cause_kind::exception) std::rethrow_exception(failed->cause().exception());
    return std::move(*failed);
}

/// The same for many: closes the channel, joins all of `workers` (any range of them), and answers with the
/// earliest failure that is no consequence of another; the rest are its `also_failed`.
template <class Item, std::ranges::forward_range Workers>
[[nodiscard]] auto resolve_first(const detail::handle<Item>& tx, Workers&& workers, const push_error& why)
    -> failure<typename std::ranges::range_value_t<Workers>::error_type> {
    using detail::asker;
    using answer = failure<typename std::ranges::range_value_t<Workers>::error_type>;
    if (!detail::is_resolvable(why)) return answer(detail::fallback("nothing was closed", why));
    for (auto& asked : workers)
        if (const char* refused = asker::why_not_join(asker::channel_of(tx), asked))
            return answer(asker::so_far(tx, refused, why));
    asker::close(tx);
    auto failed = report(workers);
    if (!failed) return answer(detail::fallback("all workers exited but the channel closed", why));
    if (failed->cause().kind() == cause_kind::exception) std::rethrow_exception(failed->cause().exception());
    return std::move(*failed);
}

} // namespace inquest::inline INQUEST_ABI
