// What the macros return of a push that failed.
#pragma once

#include <inquest/resolve.hpp>

#include <ranges>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// As `resolve`, of one worker or a range of them.
template <class Item, class Asked>
auto resolve_any(const channel_handle<Item>& tx, Asked&& asked, const push_error& why) {
    if constexpr (std::ranges::forward_range<Asked>)
        return resolve_first(tx, asked, why);
    else
        return resolve(tx, asked, why);
}

/// What a push itself knows, as a failure of whatever kind the function returns.
class own_cause {
  public:
    explicit own_cause(const push_error& its) : failure_(known(its)) {}
    template <class E>
    operator failure<E>() const {
        if constexpr (std::is_void_v<E>)
            return failure_;
        else
            return typed<E>(failure<>(failure_));
    }

  private:
    static failure<> known(const push_error& its);
    failure<> failure_;
};

inline own_cause passed_on(const push_error& its) { return own_cause(its); }
template <class E>
failure<E> passed_on(failure<E>&& its) noexcept {
    return std::move(its);
}

}}} // namespace inquest::INQUEST_ABI::detail
