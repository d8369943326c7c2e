// A text for any error type.
#pragma once

#include <inquest/detail/config.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// The compiler's own text for T, to be read: two local types may have the same.
template <class T>
constexpr std::string_view type_signature() noexcept {
    return __PRETTY_FUNCTION__;
}

/// T's name, cut out of its signature.
template <class T>
constexpr std::string_view type_name() noexcept {
    constexpr std::string_view text = type_signature<T>();
    constexpr auto start = text.find("T = ") + 4;
    constexpr auto stop = text.find_first_of(";]", start);
    return text.substr(start, stop - start);
}

/// `what()` of the exception, or its type's name. Never rethrows to the caller.
std::string describe_exception(const std::exception_ptr& thrown);
/// The text of an errno value, of either sign, with the number.
std::string describe_errno(int number);
/// `type(number)`, of an enum; its value as the bits of a `long long` if it is signed.
std::string describe_enum(std::string_view type, unsigned long long number, bool is_signed);
/// Names the type.
std::string describe_unknown(std::string_view type);
/// What `write` writes.
std::string describe_streamed(void (*write)(std::ostream& out, const void* value), const void* value);

template <class S>
concept text = std::convertible_to<S, std::string> || std::convertible_to<S, std::string_view>;

template <class E>
concept has_message = requires(const E& e) {
    { e.message() } -> text;
};
template <class E>
concept has_status_text = requires(const E& e) {
    { e.ToString() } -> text;
} || requires(const E& e) {
    { e.error_message() } -> text;
};
template <class E>
concept has_what = requires(const E& e) {
    { e.what() } -> text;
};
// Found beside the type only, never by where this header was included: std::to_string would take an old enum for
// the number that it converts to.
void to_string() = delete;
template <class E>
concept has_to_string = requires(const E& e) {
    { to_string(e) } -> text;
};
// An enum must have an operator of its own, for the same reason.
template <class E>
concept streamable = (!std::is_enum_v<E> && requires(std::ostream& out, const E& e) { out << e; }) ||
                     (std::is_enum_v<E> && requires(std::ostream& out, const E& e) { operator<<(out, e); });

/// One line for an error value of any type; a type with no text of its own is named.
template <class E>
std::string describe(const E& error) {
    if constexpr (std::same_as<E, std::string>)
        return error;
    else if constexpr (std::convertible_to<const E&, const char*>) {
        const char* const text = error;
        return text ? text : "(null)";
    } else if constexpr (std::convertible_to<const E&, std::string_view>)
        return std::string(std::string_view(error));
    else if constexpr (has_message<E>)
        return std::string(error.message());
    else if constexpr (has_status_text<E>) {
        if constexpr (requires { error.ToString(); })
            return std::string(error.ToString());
        else
            return std::string(error.error_message());
    } else if constexpr (has_what<E>)
        return std::string(error.what());
    else if constexpr (std::same_as<E, std::exception_ptr>)
        return describe_exception(error);
    else if constexpr (std::is_error_code_enum_v<E>)
        return std::error_code(error).message();
    else if constexpr (std::is_error_condition_enum_v<E>)
        return std::error_condition(error).message();
    else if constexpr (std::same_as<E, int>)
        return describe_errno(error);
    else if constexpr (has_to_string<E>)
        return std::string(to_string(error));
    else if constexpr (streamable<E>) {
        return describe_streamed(
            [](std::ostream& out, const void* value) { out << *static_cast<const E*>(value); },
            std::addressof(error));
    } else if constexpr (std::is_enum_v<E>) {
        return describe_enum(type_name<E>(), static_cast<unsigned long long>(error),
                             std::is_signed_v<std::underlying_type_t<E>>);
    } else
        return describe_unknown(type_name<E>());
}

}}} // namespace inquest::INQUEST_ABI::detail
