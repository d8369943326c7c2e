// What a function's result means, for those that do not say it by std::expected: `spawn("name", returns_errno(drain))`.
//
// A worker's function must say what is a failure. These wrap one that says so in an older way; what it throws passes
// through. The result is a function object that is called as `fn` is, a std::stop_token and a `receiver<T>&` included,
// and holds its own copy of it. None of them blocks, but for what `fn` does. All throw std::invalid_argument for an empty
// std::function or a null pointer, and what copying or moving `fn` throws.
#pragma once

#include <inquest/detail/minmax.hpp>
#include <inquest/detail/worker_function.hpp>

#include <concepts>
#include <cstddef>
#include <expected>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

/// The error of a worker whose function returned false, and said no more.
struct returned_false {
    /// "returned false".
    [[nodiscard]] std::string message() const { return "returned false"; }
    /// All of them are the same.
    friend bool operator==(const returned_false&, const returned_false&) = default;
};

namespace detail {

/// Fn, with its result made into what `Meaning` says it is. Invocable exactly as Fn is.
template <class Meaning, class Fn>
class returning {
  public:
    explicit returning(Fn fn) : fn_(std::move(fn)) { refuse_empty(fn_); }

    template <class... Args>
        requires std::invocable<Fn&, Args...>
    auto operator()(Args&&... args) {
        return Meaning::template call<std::invoke_result_t<Fn&, Args...>>(
            [&]() -> decltype(auto) { return std::invoke(fn_, std::forward<Args>(args)...); });
    }

  private:
    Fn fn_;
};

struct errno_meaning {
    template <class R>
    static auto call(auto&& fn) {
        using value = std::remove_cvref_t<R>;
        static_assert(std::signed_integral<value>,
                      "returns_errno takes a function that returns a signed integer, "
                      "of which a negative one is an error");
        using result = std::expected<value, int>;
        if constexpr (std::signed_integral<value>) {
            const value got = fn();
            if (got < 0) // a long may be less than any int is
                return result(std::unexpect,
                              static_cast<int>(larger<long long>(got, std::numeric_limits<int>::min())));
            return result(std::in_place, got);
        }
    }
};

struct status_meaning {
    template <class R>
    static std::expected<void, int> call(auto&& fn) {
        static_assert(std::same_as<std::remove_cvref_t<R>, int>,
                      "returns_status takes a function that returns an int: 0 is success, all else an error");
        if constexpr (std::same_as<std::remove_cvref_t<R>, int>)
            if (const int status = fn(); status != 0) return std::unexpected(status);
        return {};
    }
};

struct bool_meaning {
    template <class R>
    static std::expected<void, returned_false> call(auto&& fn) {
        static_assert(std::same_as<std::remove_cvref_t<R>, bool>,
                      "returns_bool takes a function that returns bool: false is an error");
        if constexpr (std::same_as<std::remove_cvref_t<R>, bool>)
            if (!fn()) return std::unexpected(returned_false());
        return {};
    }
};

template <class R>
concept says_ok_or_has_value = says_ok<R> && requires(R& result) {
    result.status();
    *result;
};

struct ok_meaning {
    template <class R>
    static auto call(auto&& fn) {
        using value = std::remove_cvref_t<R>;
        static_assert(says_ok<value>,
                      "returns_ok takes a function that returns a status: a class with ok() and, if "
                      "that may hold a value, with status() and operator*");
        if constexpr (says_ok_or_has_value<value>) {
            value got = fn();
            using result = std::expected<std::remove_cvref_t<decltype(*got)>,
                                         std::remove_cvref_t<decltype(got.status())>>;
            if (!got.ok()) return result(std::unexpect, got.status());
            return result(std::in_place, *std::move(got));
        } else if constexpr (says_ok<value>) {
            using result = std::expected<void, value>;
            if (value got = fn(); !got.ok()) return result(std::unexpect, std::move(got));
            return result();
        }
    }
};

template <class R>
inline constexpr bool says_error = is_only_unexpected<R>;
template <class T, class E>
inline constexpr bool says_error<std::expected<T, E>> = true;

struct value_meaning {
    template <class R>
    static auto call(auto&& fn) {
        using value = std::remove_cvref_t<R>;
        static_assert(!says_error<value>,
                      "this function says by std::expected what is an error: spawn it as it is");
        using result = std::expected<value, no_error>;
        if constexpr (std::is_void_v<value>) {
            fn();
            return result();
        } else if constexpr (!says_error<value>)
            return result(std::in_place, fn());
    }
};

} // namespace detail

/// A negative integer is an error, kept as it is: a negative errno, whose text is the system's. Gives
/// `std::expected<R, int>`, R being the signed integer that `fn` returns.
template <class Fn>
[[nodiscard]] auto returns_errno(Fn fn) {
    return detail::returning<detail::errno_meaning, Fn>(std::move(fn));
}

/// 0 is success, any other int is the error: an errno, whose text is the system's. Gives `std::expected<void, int>`.
template <class Fn>
[[nodiscard]] auto returns_status(Fn fn) {
    return detail::returning<detail::status_meaning, Fn>(std::move(fn));
}

/// False is an error. Gives `std::expected<void, returned_false>`.
template <class Fn>
[[nodiscard]] auto returns_bool(Fn fn) {
    return detail::returning<detail::bool_meaning, Fn>(std::move(fn));
}

/// A status that is not `ok()` is the error, as of absl, LevelDB or gRPC, and so is the `status()` of what else would hold a value. Gives
/// `std::expected<void, Status>`, or `std::expected<T, Status>` of a StatusOr<T>. The text of a status is its `message()`, `ToString()`
/// or `error_message()`.
template <class Fn>
[[nodiscard]] auto returns_ok(Fn fn) {
    return detail::returning<detail::ok_meaning, Fn>(std::move(fn));
}

/// Whatever it is, it is a value, also a bool, a pointer, an int or a std::error_code; errors are thrown. Gives
/// `std::expected<R, no_error>`.
template <class Fn>
[[nodiscard]] auto returns_value(Fn fn) {
    return detail::returning<detail::value_meaning, Fn>(std::move(fn));
}

}} // namespace inquest::INQUEST_ABI
