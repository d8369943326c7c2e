// Which type a value is of: known exactly, across shared objects, and without RTTI (with Clang, then within one only).
//
// Within a program or shared object a type is known by the address of an object of its own. Another shared object may
// have another such object for the same type, so there it is known by its name, provided that no other type can have
// that name too. Local types, unnamed types, lambdas, types in unnamed namespaces and templates over any of these have no
// name that is theirs alone; neither, for all that can be told here, have templates over values and what is nested in
// a template. Across shared objects such a type equals nothing, unless the dynamic linker has made the two objects one.
#pragma once

#include <inquest/detail/config.hpp>

#include <cstddef>
#include <string_view>
#include <type_traits>
#if defined(__clang__) && defined(__cpp_rtti)
#include <typeinfo>
#endif

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// One for each type. Not const: a linker may make one of constants that are equal.
template <class T>
inline char type_mark = 0;

// What the compiler writes for T stands at the end of these texts. Not string_view: GCC would explain that name too.
template <class T>
constexpr const char* signature_over() noexcept {
    return __PRETTY_FUNCTION__;
}
template <template <class...> class T>
constexpr const char* signature_over_template() noexcept {
    return __PRETTY_FUNCTION__;
}
constexpr std::string_view argument_in(std::string_view signature) noexcept {
    const auto start = signature.find("T = ");
    if (start == std::string_view::npos) return {};
    return signature.substr(start + 4, signature.size() - start - 5);
}

/// Whether a name is made of identifiers only. A name that has none of its own, or stands in a function, is written with
/// brackets of some kind: `main()::error`, `{anonymous}::error`, `(lambda at ...)`.
constexpr bool is_plain(std::string_view name) noexcept {
    for (const char c : name) // not all_of: this is compiled for each type
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == ':' || static_cast<unsigned char>(c) >= 0x80))
            return false;
    return !name.empty();
}

/// T's name as it is the same everywhere, empty if there is no way to tell; and whether it may be a local type's even
/// though the compiler writes it plainly.
#ifndef __clang__
template <class T>
constexpr std::string_view name_of() noexcept {
    return argument_in(signature_over<T>());
}
template <class T>
constexpr bool is_hidden_local() noexcept {
    return false;
}
#else
// Clang leaves out inline namespaces, and the function that a local type stands in; the mangled name has both. It is asked
// of a template over T, whose type_info is made here: T's own may be in another shared object, or nowhere.
template <class T>
struct named_type {};
template <class T>
std::string_view name_of() noexcept {
#ifdef __cpp_rtti
    return typeid(named_type<T>).name();
#else
    return {};
#endif
}
template <class T>
bool is_hidden_local() noexcept {
    return name_of<T>().find("named_typeIZ") != std::string_view::npos;
}
#endif

/// Whether T's name is its own in every shared object.
template <class T>
struct naming {
    static constexpr bool is_unique() noexcept {
        return std::is_fundamental_v<T> ||
               (is_plain(argument_in(signature_over<T>())) && !is_hidden_local<T>());
    }
};
template <class T>
struct naming<const T> : naming<T> {};
template <class T>
struct naming<T*> : naming<T> {};
template <class T>
struct naming<T&> : naming<T> {};
template <class T>
struct naming<T&&> : naming<T> {};
template <template <class...> class Template, class... Ts>
struct naming<Template<Ts...>> {
    static constexpr bool is_unique() noexcept {
        return is_plain(argument_in(signature_over_template<Template>())) && (naming<Ts>::is_unique() && ...);
    }
};
template <class R, class... Args, bool nothrow>
struct naming<R(Args...) noexcept(nothrow)> {
    static constexpr bool is_unique() noexcept {
        return naming<R>::is_unique() && (naming<Args>::is_unique() && ...);
    }
};

/// A type, to be compared. Two are equal only if they are surely of one type; the default one is of none.
struct type_identity {
    const void* mark = nullptr;
    std::string_view name{}; // empty where others may have it too
    std::size_t size = 0, alignment = 0;

    friend bool operator==(const type_identity& a, const type_identity& b) noexcept;
};

template <class T>
type_identity identity_of() noexcept {
#ifndef __clang__
    constexpr // so that nothing of it is done when the program runs
#else
    const
#endif
        std::string_view name = naming<T>::is_unique() ? name_of<T>() : std::string_view();
    return {&type_mark<T>, name, sizeof(T), alignof(T)};
}

}}} // namespace inquest::INQUEST_ABI::detail
