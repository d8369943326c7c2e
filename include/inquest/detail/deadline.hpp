// Points in time up to which a call may wait.
#pragma once

#include <inquest/detail/sync.hpp>

#include <chrono>
#include <type_traits>

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

/// A duration of any kind in ticks of our clock. Floating, because no integer holds unsigned counts, huge ones and foreign
/// periods without overflow.
template <class Rep, class Period>
[[nodiscard]] long double exact_ticks(const std::chrono::duration<Rep, Period>& d) noexcept {
    return static_cast<long double>(d.count()) * Period::num * clock::duration::period::den /
           (static_cast<long double>(Period::den) * clock::duration::period::num);
}
/// The same, cut to what the clock can count.
template <class Rep, class Period>
[[nodiscard]] clock::duration ticks(const std::chrono::duration<Rep, Period>& d) noexcept {
    return whole_ticks(exact_ticks(d));
}

/// The moment that is `d` from now, or `forever`.
[[nodiscard]] clock::time_point deadline_after(clock::duration d);

/// A time point of our clock, in whatever ticks it came, cut as a duration is.
template <class Duration>
[[nodiscard]] clock::time_point deadline_at(const std::chrono::time_point<clock, Duration>& when) noexcept {
    return clock::time_point(ticks(when.time_since_epoch()));
}

/// A deadline of any kind. Two words, so that calls that have none pay little for it.
class any_deadline {
  public:
    /// None.
    constexpr any_deadline() noexcept = default;
    /// So long after it is first asked for: no clock is read before.
    [[nodiscard]] static any_deadline after(clock::duration limit) noexcept;
    /// A time point of our clock, or of another, which may be set, or stand still, while somebody waits: that must live as long as
    /// this.
    template <class Clock, class Duration>
    [[nodiscard]] static any_deadline at(const std::chrono::time_point<Clock, Duration>& when) noexcept {
        if constexpr (std::is_same_v<Clock, clock>) {
            return at_ours(deadline_at(when));
        } else {
            any_deadline its;
            its.read_ = [](const any_deadline& of) {
                const auto& at = *static_cast<const std::chrono::time_point<Clock, Duration>*>(of.other_);
                return deadline_after(whole_ticks(exact_ticks(at.time_since_epoch()) -
                                                  exact_ticks(Clock::now().time_since_epoch())));
            };
            its.other_ = &when;
            return its;
        }
    }
    /// By our clock, if nobody sets another. Reads the clock unless it is none, or of ours.
    [[nodiscard]] clock::time_point now_at() const { return read_ ? read_(*this) : forever; }
    /// It is of another clock, to be read again.
    [[nodiscard]] bool may_be_set() const noexcept {
        return read_ && read_ != after_ticks && read_ != at_ticks;
    }
    /// When to read its clock again, or when it has come if that is before.
    [[nodiscard]] clock::time_point next_look() const;

  private:
    [[nodiscard]] static any_deadline at_ours(clock::time_point when) noexcept;
    static clock::time_point after_ticks(const any_deadline& of);
    static clock::time_point at_ticks(const any_deadline& of);

    clock::time_point (*read_)(const any_deadline& of) = nullptr; // null: none
    union {
        clock::rep ticks_ = 0;
        const void* other_;
    };
};

/// Calls `wait` with a time point of our clock, and until it returns what tests true, or until the deadline has passed by its own.
template <class Clock, class Duration, class Wait>
auto wait_until_deadline(const std::chrono::time_point<Clock, Duration>& deadline, const Wait& wait) {
    if constexpr (std::is_same_v<Clock, clock>) {
        return wait(deadline_at(deadline));
    } else {
        const auto its = any_deadline::at(deadline);
        for (;;) {
            auto result = wait(its.next_look());
            if (result || Clock::now() >= deadline) return result;
        }
    }
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
