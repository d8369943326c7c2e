// How long a call may take, and what else may end it.
#pragma once

#include <inquest/detail/parking.hpp>
#include <inquest/detail/worker_record.hpp>

#include <chrono>
#include <cmath>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// A duration of any kind in ticks of our clock: rounded up, and cut to what the clock can count, in both
/// directions. What is not a number counts as no time at all.
template <class Rep, class Period>
[[nodiscard]] clock::duration ticks(const std::chrono::duration<Rep, Period>& d) noexcept {
    // Floating, because no integer holds unsigned counts, huge ones and foreign periods without overflow.
    const long double n =
        std::ceil(static_cast<long double>(d.count()) * Period::num * clock::duration::period::den /
                  (static_cast<long double>(Period::den) * clock::duration::period::num));
    if (std::isnan(n)) return clock::duration::zero();
    if (n >= static_cast<long double>(clock::duration::max().count())) return clock::duration::max();
    if (n <= static_cast<long double>(clock::duration::min().count())) return clock::duration::min();
    return clock::duration(static_cast<clock::duration::rep>(n));
}

/// The moment that is `d` from now, or `forever`. Reads the clock.
[[nodiscard]] inline clock::time_point deadline_after(clock::duration d) {
    if (d == clock::duration::max()) return forever;
    const auto now = clock::now();
    return d >= forever - now ? forever : now + d;
}

/// A time point of our clock, in whatever ticks it came, cut as a duration is.
template <class Duration>
[[nodiscard]] clock::time_point deadline_at(const std::chrono::time_point<clock, Duration>& when) noexcept {
    return clock::time_point(ticks(when.time_since_epoch()));
}

/// The caller's own stop token for one call, where one is given: a std::stop_token is taken for it. A reference, so
/// that a call counts no owners.
struct stop_token_ref {
    constexpr stop_token_ref() noexcept = default;
    constexpr stop_token_ref(const stop_token& its) noexcept : token(&its) {}
    const stop_token* token = nullptr; // alive as long as the call
};

/// What a blocking call waits for besides its channel.
struct wait_options {
    bool block = true;
    clock::duration limit = clock::duration::max(); // from when it first waits: no clock is read before
    clock::time_point deadline = forever;
    const stop_token* token = nullptr; // replaces the worker's own

    [[nodiscard]] static wait_options none() noexcept { return {.block = false}; }
    [[nodiscard]] static wait_options under(stop_token_ref stop) noexcept { return {.token = stop.token}; }
    template <class Rep, class Period>
    [[nodiscard]] static wait_options up_to(const std::chrono::duration<Rep, Period>& limit,
                                            stop_token_ref stop) noexcept {
        return {.limit = ticks(limit), .token = stop.token};
    }
    template <class Duration>
    [[nodiscard]] static wait_options until(const std::chrono::time_point<clock, Duration>& deadline,
                                            stop_token_ref stop) noexcept {
        return {.deadline = deadline_at(deadline), .token = stop.token};
    }

    /// When to give up. Reads the clock where there is a limit.
    [[nodiscard]] clock::time_point deadline_from_now() const {
        return limit == clock::duration::max() ? deadline : deadline_after(limit);
    }
    [[nodiscard]] bool stop_requested() const noexcept {
        if (!block) return false;
        if (token) return token->stop_requested();
        return current_worker && current_worker->stop_requested();
    }
};

}}} // namespace inquest::INQUEST_ABI::detail
