// What a worker's function may take and return, and what the compiler says of one that takes or returns anything else.
#pragma once

#include <inquest/detail/sync.hpp>
#include <inquest/failure.hpp>
#include <inquest/worker_options.hpp>

#include <concepts>
#include <exception>
#include <expected>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

template <class... Ends>
class worker_ends;

template <class Fn, class... Args>
concept callable_with = requires(Fn& fn, Args&&... args) { fn(std::forward<Args>(args)...); };

template <class Fn, class... Ends>
concept worker_callable = callable_with<Fn, stop_token, Ends&...> || callable_with<Fn, Ends&...>;

/// What a worker's function returns; its stop token comes first if it takes one.
template <class Fn, class... Ends>
struct returned_by : std::invoke_result<Fn&, Ends&...> {};
template <class Fn, class... Ends>
    requires callable_with<Fn, stop_token, Ends&...>
struct returned_by<Fn, Ends...> : std::invoke_result<Fn&, stop_token, Ends&...> {};

template <class R, class... Refused>
inline constexpr bool is_one_of = (std::is_same_v<R, Refused> || ...);

template <class R>
inline constexpr bool is_only_unexpected = false;
template <class E>
inline constexpr bool is_only_unexpected<std::unexpected<E>> = true;

template <class R>
inline constexpr bool has_lonely_error = false;
template <class T, class E>
inline constexpr bool has_lonely_error<std::expected<T, E>> =
    !std::is_copy_constructible_v<E> && !std::is_same_v<E, no_error>;
template <class T, class E>
    requires(!std::is_void_v<E>)
inline constexpr bool has_lonely_error<std::expected<T, failure<E>>> = has_lonely_error<std::expected<T, E>>;

/// A status of a class.
template <class R>
concept says_ok = requires(const R& result) {
    { result.ok() } -> std::convertible_to<bool>;
};

/// True if a worker can run an Fn. If not, the compiler says what to write: these sentences are for users, and stand
/// here, two calls below `spawn`, so that they are among the first lines of what it prints.
template <class Fn, class... Ends>
consteval bool is_worker_function(std::type_identity<worker_ends<Ends...>>) {
    if constexpr (std::is_member_pointer_v<Fn>) {
        static_assert(sizeof(Fn) == 0,
                      "a member function needs its object: spawn a lambda that calls it, such "
                      "as [this](auto& rx) { return run(rx); }");
        return false;
    } else if constexpr (!worker_callable<Fn, Ends...>) {
        static_assert(
            sizeof...(Ends) == 0,
            "a worker's function is called with its ends, as receiver<T>& and sender<T>& in the order "
            "of spawn, after a std::stop_token if it takes one: let it capture everything else");
        static_assert(sizeof...(Ends) > 0,
                      "the function of a worker without ends is called with () or (std::stop_token): let it "
                      "take these, and capture everything else");
        return false;
    } else {
        using R = std::remove_cv_t<typename returned_by<Fn, Ends...>::type>;
        constexpr bool is_value = std::is_void_v<R> || std::is_object_v<R>;
        static_assert(is_value,
                      "a worker's result outlives its function: return it by value, not by reference");
        static_assert(!is_only_unexpected<R>,
                      "a function that returns only std::unexpected does not say what success is: give it a "
                      "return type, such as -> std::expected<void, int>");
        constexpr bool looks_successful = std::is_pointer_v<R> || says_ok<R> ||
                                          is_one_of<R, bool, int, std::nullptr_t, std::error_code,
                                                    std::error_condition, std::exception_ptr>;
        static_assert(!looks_successful,
                      "a worker that returns this always looks successful: return std::expected<T, E>, or "
                      "spawn returns_errno(fn), returns_status(fn), returns_bool(fn), returns_ok(fn) or "
                      "returns_value(fn)");
        static_assert(!has_lonely_error<R>, "a worker's error is kept in more than one place, so it must be "
                                            "copyable: put what is not into a std::shared_ptr");
        return is_value && !is_only_unexpected<R> && !looks_successful && !has_lonely_error<R>;
    }
}

/// Throws std::invalid_argument for an empty std::function, a null pointer, and the like.
template <class Fn>
void refuse_empty(const Fn& fn) {
    if constexpr (std::is_constructible_v<Fn, std::nullptr_t> && requires { fn == nullptr; }) {
        if (fn == nullptr) throw std::invalid_argument("inquest: a worker's function is empty");
    }
}

}}} // namespace inquest::INQUEST_ABI::detail
