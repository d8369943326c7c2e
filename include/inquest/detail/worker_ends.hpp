// The ends that a worker's function is passed, and what becomes of them when it is over.
#pragma once

#include <inquest/channel.hpp>

#include <cstddef>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

// What the function is passed for each argument of `spawn`.
template <class T>
receiver<T> to_end(receiver<T> its) noexcept {
    return its;
}
template <class T>
sender<T> to_end(sender<T> its) noexcept {
    return its;
}
template <class T>
receiver<T> to_end(channel<T>& its) noexcept {
    return its.make_receiver();
}

template <class Arg>
concept end_argument = requires(Arg&& its) { to_end(std::forward<Arg>(its)); };
template <end_argument Arg>
using end_for = decltype(to_end(std::declval<Arg>()));

// Ends, and then a function.
template <class Given, std::size_t... Index>
consteval bool are_ends(std::index_sequence<Index...>) {
    return (end_argument<std::tuple_element_t<Index, Given>> && ...);
}
template <class... Args>
concept ends_and_function = sizeof...(Args) > 0 &&
                            are_ends<std::tuple<Args...>>(std::make_index_sequence<sizeof...(Args) - 1>());

template <class... Ends>
class worker_ends;

/// What `spawn` was given, taken apart.
template <class... Args>
struct spawned {
    using given = std::tuple<Args...>;
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

/// Throws std::invalid_argument for an end that was moved from.
template <class End>
void refuse_moved_from(const End& its) {
    if (handle_access::core(its)) return;
    throw std::invalid_argument(is_receiver<End> ? "inquest: a worker is given a moved-from receiver"
                                                 : "inquest: a worker is given a moved-from sender");
}

/// They are destroyed in the order in which they were given.
template <class... Ends>
class worker_ends {
  public:
    explicit worker_ends(Ends&&... its) : ends_(std::move(its)...) {}

    /// Calls `fn` with all of them.
    decltype(auto) apply(auto&& fn) { return std::apply(std::forward<decltype(fn)>(fn), ends_); }
    /// Calls `fn` with the channel of each receiver.
    void for_each_input(auto&& fn) const {
        each([&](const auto& end) {
            if constexpr (is_receiver<std::remove_cvref_t<decltype(end)>>) fn(handle_access::core(end));
        });
    }
    /// The same of each sender.
    void for_each_output(auto&& fn) const {
        each([&](const auto& end) {
            if constexpr (!is_receiver<std::remove_cvref_t<decltype(end)>>) fn(handle_access::core(end));
        });
    }
    /// The function is over: finishes each sender that is still open if it has completed its output, else abandons it.
    void end_outputs(const worker_record& record) noexcept {
        each([&](auto& end) {
            if constexpr (!is_receiver<std::remove_cvref_t<decltype(end)>>)
                handle_access::end_output(end, record);
        });
    }
    void refuse_moved_from() const {
        each([](const auto& end) { detail::refuse_moved_from(end); });
    }

  private:
    void each(auto&& fn) {
        std::apply([&](auto&... end) { (fn(end), ...); }, ends_);
    }
    void each(auto&& fn) const {
        std::apply([&](const auto&... end) { (fn(end), ...); }, ends_);
    }
    std::tuple<Ends...> ends_;
};

}}} // namespace inquest::INQUEST_ABI::detail
