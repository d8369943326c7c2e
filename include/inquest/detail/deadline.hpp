// Points in time up to which a call may wait.
#pragma once

#include <inquest/detail/sync.hpp>

#include <chrono>
#include <cmath>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// "As long as it takes." Kept apart from real deadlines: waiting until max() overflows in some clocks.
inline constexpr clock::time_point forever = clock::time_point::max();

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

}}} // namespace inquest::INQUEST_ABI::detail
