// The kinds of causes.
#pragma once

#include <inquest/detail/config.hpp>

#include <cstdint>

namespace inquest { inline namespace INQUEST_ABI {

/// What kind of event a cause reports.
enum class cause_kind : unsigned char {
    given,         ///< handed to `close` or `abort` by the program itself
    error,         ///< a worker returned an error value, or a failure that is no other worker's end
    exception,     ///< a worker threw
    finished,      ///< a worker returned success: a cause only if something was left undone
    broken_stream, ///< a worker returned success although the stream it read had broken off
    never_started, ///< a worker's thread could not be created
    forced_unwind, ///< a worker's thread was ended by pthread_exit or pthread_cancel
    abandoned,     ///< a producer left without `finish`
    dropped,       ///< the last receiver went away
    destroyed,     ///< the channel object itself was destroyed
    closed,        ///< nothing failed: the channel was closed, and the empty cause says by whom
    not_pushed,    ///< nothing failed: a push found no room, ran out of time, or was asked to stop
    unexplained,   ///< the fallback: nothing of the above was recorded
};

/// Channel-wide push numbers, counted from 1. `after` says that the worker had seen the end of the stream.
struct item_range {
    std::uint64_t first = 0; ///< the earliest of those it took last
    std::uint64_t last = 0;  ///< the latest; 0 if it took none
    bool after = false;      ///< it had taken `last`, and then been told that the stream had ended
    /// True if all of it is equal.
    friend bool operator==(const item_range&, const item_range&) = default;
};

}} // namespace inquest::INQUEST_ABI
