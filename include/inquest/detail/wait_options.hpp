// How long a call may take, and what else may end it.
#pragma once

#include <inquest/detail/deadline.hpp>

#include <chrono>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// The caller's own stop token for one call, if one is given: a std::stop_token is taken for it. A reference, so
/// that a call counts no owners.
struct stop_token_ref {
    constexpr stop_token_ref() noexcept = default;
    constexpr stop_token_ref(const stop_token& its) noexcept : token(&its) {}
    const stop_token* token = nullptr; // alive as long as the call
};

/// What a blocking call waits for besides its channel.
struct wait_options {
    bool block = true;
    any_deadline deadline{};
    const stop_token* token = nullptr; // replaces the worker's own

    [[nodiscard]] static wait_options none() noexcept { return {.block = false}; }
    [[nodiscard]] static wait_options under(stop_token_ref stop) noexcept { return {.token = stop.token}; }
    template <class Rep, class Period>
    [[nodiscard]] static wait_options up_to(const std::chrono::duration<Rep, Period>& limit,
                                            stop_token_ref stop) noexcept {
        return {.deadline = any_deadline::after(ticks(limit)), .token = stop.token};
    }
    template <class Clock, class Duration>
    [[nodiscard]] static wait_options until(const std::chrono::time_point<Clock, Duration>& deadline,
                                            stop_token_ref stop) noexcept {
        return {.deadline = any_deadline::at(deadline), .token = stop.token};
    }
};

}}} // namespace inquest::INQUEST_ABI::detail
