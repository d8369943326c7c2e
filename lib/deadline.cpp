#include <inquest/detail/deadline.hpp>

#include <algorithm>
#include <cmath>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

clock::duration whole_ticks(long double n) noexcept {
    n = std::ceil(n);
    if (std::isnan(n)) return clock::duration::zero();
    if (n >= static_cast<long double>(no_limit.count())) return no_limit;
    if (n <= static_cast<long double>(clock::duration::min().count())) return clock::duration::min();
    return clock::duration(static_cast<clock::duration::rep>(n));
}

time_limit time_limit::after(clock::duration d) {
    const auto now = clock::now();
    return {now, d >= forever - now ? forever : now + d};
}

clock::time_point deadline_after(clock::duration d) {
    return d == no_limit ? forever : time_limit::after(d).until;
}

any_deadline any_deadline::after(clock::duration limit) noexcept {
    any_deadline its;
    its.read_ = after_ticks;
    its.ticks_ = limit.count();
    return its;
}
any_deadline any_deadline::at_ours(clock::time_point when) noexcept {
    any_deadline its;
    its.read_ = at_ticks;
    its.ticks_ = when.time_since_epoch().count();
    return its;
}
clock::time_point any_deadline::after_ticks(const any_deadline& of) {
    return deadline_after(clock::duration(of.ticks_));
}
clock::time_point any_deadline::at_ticks(const any_deadline& of) {
    return clock::time_point(clock::duration(of.ticks_));
}

// Often enough for whoever waits for a moment of the day; a thread that sleeps is woken as often, for next to nothing.
clock::time_point any_deadline::next_look() const {
    using namespace std::chrono_literals;
    return std::min(now_at(), clock::now() + 100ms);
}

}}} // namespace inquest::INQUEST_ABI::detail
