// The status words of a channel's operations.
#pragma once

#include <inquest/detail/config.hpp>

#include <string_view>

namespace inquest { inline namespace INQUEST_ABI {

/// Why an operation on a channel did not do what was asked.
enum class status : unsigned char {
    empty,     ///< try_pop: nothing queued now; more may come
    full,      ///< try_push: no room now
    closed,    ///< push: nothing is taken any more. pop: drained after the receiving side closed
    complete,  ///< pop: drained, and the producers said that this was all of it
    truncated, ///< pop: drained, but the stream broke off: what was popped is not all there should have been
    aborted,   ///< pop: delivery was ended at once by a failure; items may be left undelivered
    stopped,   ///< this call alone was told to stop
    timeout,   ///< this call alone ran out of time
    interrupted, ///< whoever waited at that moment was told not to, by `interrupt`
};

/// The status as the word it is. Never blocks, never throws.
[[nodiscard]] std::string_view to_string(status s) noexcept;

}} // namespace inquest::INQUEST_ABI
