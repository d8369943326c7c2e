// Points in time up to which a call may wait.
#pragma once

#include <inquest/detail/sync.hpp>

#include <chrono>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// "As long as it takes." Kept apart from real deadlines: waiting until max() overflows in some clocks.
inline constexpr clock::time_point forever = clock::time_point::max();

/// "Not at all": what is there already counts.
inline constexpr clock::time_point at_once = clock::time_point::min();

/// "No limit", of a duration.
inline constexpr clock::duration no_limit = clock::duration::max();

/// So many ticks of our clock: rounded up, and cut to what the clock can count, in both directions. What is not a number
/// counts as no time at all.
[[nodiscard]] clock::duration whole_ticks(long double n) noexcept;

/// A duration of any kind in ticks of our clock.
template <class Rep, class Period>
[[nodiscard]] clock::duration ticks(const std::chrono::duration<Rep, Period>& d) noexcept {
    // Floating, because no integer holds unsigned counts, huge ones and foreign periods without overflow.
    return whole_ticks(static_cast<long double>(d.count()) * Period::num * clock::duration::period::den /
                       (static_cast<long double>(Period::den) * clock::duration::period::num));
}

/// The moment that is `d` from now, or `forever`.
[[nodiscard]] clock::time_point deadline_after(clock::duration d);

/// A time point of our clock, in whatever ticks it came, cut as a duration is.
template <class Duration>
[[nodiscard]] clock::time_point deadline_at(const std::chrono::time_point<clock, Duration>& when) noexcept {
    return clock::time_point(ticks(when.time_since_epoch()));
}

/// How long a call may wait, counted from its beginning: what it reports of its waiting counts from there too.
struct time_limit {
    clock::time_point since, until;

    /// Reads the clock once, so that what has waited for all of `d` reports no less.
    [[nodiscard]] static time_limit after(clock::duration d);
    [[nodiscard]] static time_limit at(clock::time_point deadline) { return {clock::now(), deadline}; }
    [[nodiscard]] static time_limit none() { return at(forever); }
};

}}} // namespace inquest::INQUEST_ABI::detail
