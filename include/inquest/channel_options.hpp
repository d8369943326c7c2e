// The choices made when a channel is built.
#pragma once

#include <inquest/detail/config.hpp>

#include <cstddef>
#include <optional>
#include <string>

namespace inquest { inline namespace INQUEST_ABI {

/// What the failure of one attached worker does to its channel.
enum class on_failure : unsigned char {
    fail_fast,  ///< it ends the stream at once, for everybody
    keep_going, ///< the other workers go on; the channel closes when the last of them has ended
};

/// What becomes of items that nobody will pop any more.
enum class undelivered : unsigned char {
    keep, ///< kept until `recover` hands them out or the last handle is destroyed; whoever waits on one, as for the reply
          ///< that it carries, waits as long
    discard, ///< destroyed when delivery ends: for items that carry replies somebody waits on
};

/// How a channel is built.
struct channel_options {
    std::size_t capacity = 0; ///< the exact bound, at least 1
    std::string name{};       ///< shown in messages that concern the channel itself; may be empty
    inquest::on_failure on_failure = inquest::on_failure::fail_fast; ///< what one worker's failure does
    /// What becomes of items left over. Unset: `discard` for a `sender`, a `receiver`, a `std::promise` or a
    /// `std::packaged_task`, whose other sides would wait as long as such an item is kept; `keep` for all other types, also
    /// those that have one of these as a member.
    std::optional<inquest::undelivered> undelivered{};
    /// How long a call that must wait looks again and again before it parks, in microseconds; 0: it parks at once, which
    /// is right if a process has far more threads than processors. Unset: 50, about what parking and being woken
    /// costs. Either way only while items come faster than that: if they come more rarely it parks at once. So does
    /// the first call of each side that waits, and the next one after a call that lost its processor to another thread
    /// while it spun. While items stream, a call that has spun may let some more come, or some more places be free,
    /// before it goes on: a pop for a few microseconds, a push for as long as it may spin, up to 50.
    std::optional<unsigned> spin{};
};

}} // namespace inquest::INQUEST_ABI
