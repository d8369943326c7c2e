// Pushing, and returning the cause if that fails, in one line.
#pragma once

#include <inquest/resolve.hpp>

/// Pushes to `tx`; on failure returns `std::unexpected(inquest::resolve(tx, worker, ...))` from the enclosing
/// function, or rethrows what the worker threw. The value comes last, so that commas in it do no harm.
#define INQUEST_PUSH(tx, worker, ...)                                                                        \
    do {                                                                                                     \
        auto&& inquest_tx_ = (tx);                                                                           \
        if (auto inquest_sent_ = inquest_tx_.push(__VA_ARGS__); !inquest_sent_)                              \
            return ::std::unexpected(::inquest::resolve(inquest_tx_, (worker), inquest_sent_.error()));      \
    } while (false)
