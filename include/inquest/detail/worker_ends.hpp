// The ends that a worker's function is passed.
#pragma once

#include <inquest/channel.hpp>
#include <inquest/detail/worker_function.hpp>

#include <array>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

// What the function is passed for each argument of `spawn`, or what that is made from.
template <class T>
receiver<T>&& to_end(receiver<T>&& its) noexcept {
    return std::move(its);
}
template <class T>
receiver<T> to_end(const receiver<T>& its) {
    return its;
}
template <class T>
sender<T>&& to_end(sender<T>&& its) noexcept {
    return std::move(its);
}
template <class T>
sender<T> to_end(const sender<T>& its) {
    return its;
}
template <class T>
receiver<T> to_end(channel<T>& its) noexcept {
    return its.make_receiver();
}

template <class Arg>
concept end_argument = requires(Arg&& its) { to_end(std::forward<Arg>(its)); };
template <end_argument Arg>
using end_for = std::remove_cvref_t<decltype(to_end(std::declval<Arg>()))>;

// Ends, and then a function.
template <class Given, std::size_t... Index>
consteval bool are_ends(std::index_sequence<Index...>) {
    return (end_argument<std::tuple_element_t<Index, Given>> && ...);
}
template <class... Args>
concept ends_and_function = sizeof...(Args) > 0 &&
                            are_ends<std::tuple<Args...>>(std::make_index_sequence<sizeof...(Args) - 1>());

/// What `spawn` was given, taken apart.
template <class... Args>
struct spawned {
    using given = std::tuple<Args...>; // only named
    using indices = std::make_index_sequence<sizeof...(Args) - 1>;
    using function = std::decay_t<std::tuple_element_t<sizeof...(Args) - 1, given>>;

    template <std::size_t... Index>
    static auto ends_at(std::index_sequence<Index...>)
        -> std::type_identity<worker_ends<end_for<std::tuple_element_t<Index, given>>...>>;
    using ends = decltype(ends_at(indices()));
};

/// What is kept of what `spawn` was given: an end, or the function.
template <class Arg>
struct kept {
    using type = std::decay_t<Arg>;
};
template <end_argument Arg>
struct kept<Arg> {
    using type = end_for<Arg>;
};
template <class Arg>
using spawn_value = typename kept<Arg>::type;

template <class T>
inline constexpr bool is_receiver = false;
template <class T>
inline constexpr bool is_receiver<receiver<T>> = true;

/// Throws std::invalid_argument for an end that was moved from, and an empty std::function, a null pointer, and the like.
template <class Arg>
void refuse_bad_argument(const Arg& its) {
    if constexpr (requires { handle_access::core(its); }) {
        if (!handle_access::core(its)) refuse_moved_from(is_receiver<Arg>);
    } else {
        refuse_empty(its);
    }
}

/// Calls fn with its ends, after the stop token if it takes one.
template <class Fn, class... Ends>
decltype(auto) call_worker(Fn& fn, const stop_token& stop, Ends&... ends) {
    if constexpr (std::is_invocable_v<Fn&, stop_token, Ends&...>)
        return fn(stop, ends...);
    else
        return fn(ends...);
}

template <std::size_t, class End>
struct indexed_end {
    End end;
};
template <class Indices, class... Ends>
class indexed_ends;
template <std::size_t... Index, class... Ends>
class indexed_ends<std::index_sequence<Index...>, Ends...> : indexed_end<Index, Ends>... {
  public:
    template <class... Args>
    explicit indexed_ends(std::in_place_t, Args&&... its)
        : indexed_end<Index, Ends>{to_end(std::forward<Args>(its))}... {}

    /// What their destructors would do, and in that order: the last one first.
    void drop() noexcept {
        // Of an assignment the right side comes before the left one.
        [[maybe_unused]] int ignored = 0; // NOLINT(misc-const-correctness): it is what is assigned to
        static_cast<void>(
            ((handle_access::drop(static_cast<indexed_end<Index, Ends>&>(*this).end), ignored) = ... = 0));
    }
    /// Calls `fn` with all of them, in the order in which they were given, after the stop token if it takes one.
    decltype(auto) pass_to(auto& fn, const stop_token& stop) {
        return call_worker(fn, stop, static_cast<indexed_end<Index, Ends>&>(*this).end...);
    }
    [[nodiscard]] std::array<worker_end, sizeof...(Ends)> table() noexcept {
        return {handle_access::to_worker_end(static_cast<indexed_end<Index, Ends>&>(*this).end)...};
    }
};
/// As a std::tuple, which takes the compiler several times as long.
template <class... Ends>
class worker_ends : public indexed_ends<std::index_sequence_for<Ends...>, Ends...> {
    using indexed_ends<std::index_sequence_for<Ends...>, Ends...>::indexed_ends;
};

}}} // namespace inquest::INQUEST_ABI::detail
