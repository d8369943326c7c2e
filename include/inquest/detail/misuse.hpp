// What does not compile, and says what to write instead.
#pragma once

#include <inquest/detail/config.hpp>

#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// A call on a const end.
template <class End, class Result>
Result refuse_const() {
    static_assert(std::is_void_v<End>, "a const end neither pushes nor pops: pass it as sender<T>& or "
                                       "receiver<T>&, and make the lambda that captured it mutable");
    std::unreachable();
}

/// A pop into what is no variable of the items' own type.
template <class Into, class Result>
Result refuse_argument() {
    static_assert(std::is_void_v<Into>,
                  "pop assigns to a variable of the channel's own item type, and returns the "
                  "item if it is given none: while (auto item = rx.pop())");
    std::unreachable();
}

/// Making a channel of no capacity.
template <class Never>
consteval void refuse_no_channel() {
    static_assert(!std::is_void_v<Never>,
                  "a channel<T> is made with its capacity: for later, keep a std::optional of it");
}

}}} // namespace inquest::INQUEST_ABI::detail
