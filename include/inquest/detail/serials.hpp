// Numbers that a process gives once: unlike addresses and thread ids, none is ever given again.
#pragma once

#include <inquest/detail/config.hpp>

#include <cstdint>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// How often the process had been forked when it came to be. What was made under another number belongs to a
/// parent: its threads are not here, and a lock of its may be held for ever.
[[nodiscard]] unsigned fork_generation() noexcept;

/// The calling thread's number in this process.
[[nodiscard]] std::uint64_t this_thread_serial() noexcept;

/// A channel's number in this process, from 1. It may be remembered longer than the channel lives.
using channel_serial = std::uint64_t;
inline constexpr channel_serial no_channel = 0;
[[nodiscard]] channel_serial next_channel_serial() noexcept;

/// Draws the number that orders worker ends. Call under the locks of the channels that the worker reads.
[[nodiscard]] std::uint64_t next_sequence() noexcept;

}}} // namespace inquest::INQUEST_ABI::detail
