// Pushing, and leaving the function with the cause if that fails, in one line.
#pragma once

#include <inquest/detail/own_cause.hpp>

#include <expected>
#include <utility>

/// Pushes to `tx`; on failure returns `std::unexpected(inquest::resolve(tx, worker, ...))` from the enclosing
/// function, or rethrows what the worker threw. In place of the worker there may be a range of them, for
/// `resolve_first`. The value comes last, so that commas in it do no harm.
#define INQUEST_PUSH(tx, worker, ...)                                                                        \
    do {                                                                                                     \
        auto&& inquest_tx_ = (tx);                                                                           \
        if (auto inquest_sent_ = inquest_tx_.push(__VA_ARGS__); !inquest_sent_)                              \
            return ::std::unexpected(                                                                        \
                ::inquest::detail::resolve_any(inquest_tx_, (worker), inquest_sent_.error()));               \
    } while (false)

/// The same in a function that returns anything else, such as `main`, or one that returns a bool: on failure it returns
/// `on_failure(failure)`.
///
///     const auto say = [](const auto& failure) { std::cerr << failure.message() << '\n'; return 1; };
///     INQUEST_PUSH_OR(say, tx, worker, line);
#define INQUEST_PUSH_OR(on_failure, tx, worker, ...)                                                         \
    do {                                                                                                     \
        auto&& inquest_tx_ = (tx);                                                                           \
        if (auto inquest_sent_ = inquest_tx_.push(__VA_ARGS__); !inquest_sent_)                              \
            return (                                                                                         \
                on_failure)(::inquest::detail::resolve_any(inquest_tx_, (worker), inquest_sent_.error()));   \
    } while (false)

/// For a push by whoever has no worker to ask: if it fails, returns `std::unexpected` of the push's own cause as a `failure<E>`,
/// whatever the E of the enclosing function; waits for nobody and rethrows nothing. With a pool's push it returns the pool's failure;
/// that push itself waits for the workers, and rethrows what they threw.
///
///     INQUEST_TRY(tx.push(line));
///     INQUEST_TRY(pool.push(line));
#define INQUEST_TRY(...)                                                                                     \
    do {                                                                                                     \
        if (auto inquest_sent_ = (__VA_ARGS__); !inquest_sent_)                                              \
            return ::std::unexpected(::inquest::detail::passed_on(::std::move(inquest_sent_).error()));      \
    } while (false)
