// Handing a channel to files of older standards: see bridge.hpp, which these include.
#pragma once

#include <inquest/bridge.hpp>
#include <inquest/channel.hpp>

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

namespace detail {

/// The errno or the value of the error code in it, as of a thrown std::system_error; 0 if there is none.
[[nodiscard]] int code_in(const cause& why) noexcept;

/// What a channel of T does for a file that does not know it.
template <class T>
struct bridged {
    static constexpr bridge::status done = bridge::status::done;
    static constexpr bridge::status as_bridge(status s) noexcept {
        return static_cast<bridge::status>(static_cast<int>(s) + 1);
    }
    static channel<T>& of(void* its) noexcept { return *static_cast<channel<T>*>(its); }
    static const channel<T>& of(const void* its) noexcept { return *static_cast<const channel<T>*>(its); }

    /// One of three calls, by the limit.
    static bridge::status call(long long limit, auto&& waiting, auto&& trying, auto&& timed) {
        const auto end = limit == bridge::detail::no_limit  ? waiting()
                         : limit == bridge::detail::no_wait ? trying()
                                                            : timed(std::chrono::nanoseconds(limit));
        return end ? done : as_bridge(end.error().status());
    }
    static bridge::status push_copy(void* to, const T& item, long long limit) {
        if constexpr (std::is_copy_constructible_v<T>)
            return call(
                limit, [&] { return of(to).push(item); }, [&] { return of(to).try_push(item); },
                [&](auto time) { return of(to).push_for(item, time); });
        else
            return bridge::status::closed; // never called: the older file can't name a copy of it
    }
    static bridge::status push_moved(void* to, T& item, long long limit) {
        return call(
            limit, [&] { return of(to).push(std::move(item)); },
            [&] { return of(to).try_push(std::move(item)); },
            [&](auto time) { return of(to).push_for(std::move(item), time); });
    }
    static bridge::status pop(void* from, T& into, long long limit) {
        return call(
            limit, [&] { return of(from).pop(into); }, [&] { return of(from).try_pop(into); },
            [&](auto time) { return of(from).pop_for(into, time); });
    }
    static bool close(void* its) { return of(its).close(); }
    static bool fail(void* its, std::string&& text) { return of(its).close(cause(std::move(text))); }
    static bool is_closed(const void* its) { return of(its).is_closed(); }
    static std::size_t size(const void* its) { return of(its).size(); }
    static std::size_t capacity(const void* its) { return of(its).capacity(); }
    static bridge::reason why(const void* its) {
        const auto known = of(its).cause();
        if (!known) return {std::string(), 0};
        return {known.message(), code_in(known)};
    }
    static constexpr bridge::detail::operations<T> operations{push_copy, push_moved, pop,      close, fail,
                                                              is_closed, size,       capacity, why};
};

} // namespace detail

/// The same channel for files of C++11, C++14 and C++17, which include bridge.hpp. It must outlive what is returned, and its copies. T is
/// assigned by their pops; a container of what can't be copied, which says that it can, is to be wrapped in a class. Does not block or throw.
template <class T>
[[nodiscard]] bridge::queue<T> bridge_to(channel<T>& queue) noexcept {
    return {detail::bridged<T>::operations, &queue};
}

}} // namespace inquest::INQUEST_ABI
