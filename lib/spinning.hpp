// Looking again and again, for a while, before blocking. Private to the library.
#pragma once

#include <inquest/detail/deadline.hpp>
#include <inquest/detail/spin_policy.hpp>

#include <algorithm>
#include <cstddef>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// How often to look before others are let run.
inline unsigned polls_per_yield() noexcept { return one_processor() ? 1 : most_polls_per_yield; }

/// True as soon as `news()` says so, false after so many looks, of which there is one at least.
template <class F>
bool poll(F&& news, std::size_t times = polls_per_yield()) {
    for (std::size_t look = 1;; ++look) {
        if (news()) return true;
        if (look >= times) return false;
        for (unsigned i = 0; i < hints_between_looks; ++i) spin_hint();
    }
}

/// True as soon as `news()` says so, false after the limit or at the deadline.
template <class F>
bool spin(F&& news, clock::time_point deadline = forever) {
    if constexpr (spin_limit > clock::duration::zero()) {
        if (news()) return true;
        auto now = clock::now();
        for (const auto until = std::min(deadline, now + spin_limit); now < until; now = clock::now()) {
            if (poll(news)) return true;
            yield();
        }
    }
    return false;
}

}}} // namespace inquest::INQUEST_ABI::detail
