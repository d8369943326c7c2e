#include <inquest/detail/deadline.hpp>

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

}}} // namespace inquest::INQUEST_ABI::detail
