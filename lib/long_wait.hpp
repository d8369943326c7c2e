// Waiting for something that may take long, and reporting it to the hook if it does. Private to the library.
#pragma once

#include <inquest/detail/deadline.hpp>
#include <inquest/hook.hpp>

#include <exception>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// Returns once `wait(deadline)` has returned true. Each time the wait has grown long, reports those that
/// `glance(waited)` returns, if any.
void wait_however_long(auto&& wait, auto&& glance) {
    const auto since = clock::now();
    for (clock::duration after = ticks(long_wait()); !wait(deadline_after(after));
         after = clock::now() - since)
        try {
            if (auto busy = glance(clock::now() - since); !busy.empty())
                report_long_wait(still_running::all(std::move(busy)));
        } catch (const std::exception&) { // no memory to say so, as a rule: the wait goes on
        }
}

}}} // namespace inquest::INQUEST_ABI::detail
