// The answer to "why": always a cause, and the typed error if a worker gave one.
#pragma once

#include <inquest/cause.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

template <class E = void>
class failure;

namespace detail {

template <class U, class E>
inline constexpr bool is_failure_of_another = false;
template <class U, class E>
inline constexpr bool is_failure_of_another<failure<U>, E> = !std::is_void_v<U> && !std::is_same_v<U, E>;

/// What a failure knows beside its cause.
struct failure_context {
    std::vector<cause> others;
    std::optional<std::source_location> push_site{};
    std::size_t undelivered = 0;
};

/// Says that the error in a failure is of the type that is now given to it, or of none.
struct typed_anew {};

} // namespace detail

/// A failure of any kind, without the type of its error. Cheap to copy; nothing here blocks.
template <>
class failure<void> {
  public:
    /// With the failures of others, earliest first. May throw std::bad_alloc.
    explicit failure(inquest::cause why, std::vector<inquest::cause> others = {});
    /// Made by the library: the same, as the answer to a push that was refused there. May throw std::bad_alloc.
    failure(const failure& its, std::source_location push_site, std::size_t undelivered);
    /// Shares the causes.
    failure(const failure& other) noexcept;
    /// Leaves `other` with the empty cause.
    failure(failure&& other) noexcept = default;
    /// Shares the causes.
    failure& operator=(const failure& other) noexcept;
    /// Leaves `other` with the empty cause.
    failure& operator=(failure&& other) noexcept;
    ~failure();

    /// The reason: the first of several failures, by time, that is no consequence of another. Never empty.
    [[nodiscard]] const inquest::cause& cause() const noexcept { return cause_; }
    /// The failures of the other workers that were asked about, and those that came with a failure that was passed on;
    /// earliest first. Valid while this object lives.
    [[nodiscard]] std::span<const inquest::cause> also_failed() const noexcept;
    /// Where in the source the refused push stands, if this was asked because of one.
    [[nodiscard]] std::optional<std::source_location> push_site() const noexcept {
        return context_ ? context_->push_site : std::nullopt;
    }
    /// Items that were queued when that push was refused.
    [[nodiscard]] std::size_t undelivered() const noexcept { return context_ ? context_->undelivered : 0; }
    /// One line: who, on which item, and what. Allocates, and calls the error's own formatter.
    [[nodiscard]] std::string message() const { return cause_.message(); }
    /// Several lines, without one at the end: that message; the thread, and how long ago it was; the push that was refused, with
    /// how many items were undelivered; what is behind the cause, if the message does not say it; and who else failed, with a mark
    /// on what can only be a consequence. Allocates, and calls the errors' own formatters.
    [[nodiscard]] std::string details() const;

  private:
    inquest::cause cause_;
    std::shared_ptr<const detail::failure_context> context_; // null: nothing is known
};

/// A failure of a worker whose errors are of type E. Converts to `failure<>`, which drops only the type.
///
/// A worker's function may return `std::expected<T, failure<E>>`, most often with what it was given of another worker: see
/// `spawn`. E may be `no_error`, if workers report by exception.
template <class E>
class failure : public failure<void> {
  public:
    /// The type of its error.
    using error_type = E;

    using failure<void>::failure;
    /// For the library's own use, which knows whose failure `any` is.
    failure(detail::typed_anew, failure<void> any) noexcept : failure<void>(std::move(any)) {}
    /// A failure of the program's own, so that a function that returns one can fail in other ways too.
    template <class U>
        requires(std::convertible_to<U, E> && !std::derived_from<std::remove_cvref_t<U>, failure<void>> &&
                 !std::same_as<std::remove_cvref_t<U>, inquest::cause>)
    failure(U&& error)
        : failure<void>(detail::to_cause(std::make_shared<const detail::given_record<E>>(
              E(std::forward<U>(error)), std::source_location()))) {}

    /// The error value in `cause`, if that is an E; null if the worker ended in another way, which `cause` describes.
    [[nodiscard]] const E* error() const noexcept { return this->cause().template get<E>(); }
    /// The same by value, or `other` if there is none.
    template <class U>
        requires std::convertible_to<U, E>
    [[nodiscard]] E error_or(U&& other) const {
        if (const E* mine = error()) return *mine;
        return static_cast<E>(std::forward<U>(other));
    }

    /// Neither its error alone nor a failure of another type: does not compile, and says what to write.
    template <class U>
        requires(std::same_as<U, E> || detail::is_failure_of_another<U, E>)
    operator U() const {
        static_assert(sizeof(U*) == 0, "a worker's failure is more than its error: let this function return "
                                       "std::expected<T, failure<E>> with the worker's E, or with failure<>");
        std::unreachable();
    }
};

namespace detail {

// The same failures, of a worker whose errors are of type E.
template <class E>
failure<E> typed(failure<>&& any) noexcept {
    return {typed_anew{}, std::move(any)};
}
template <class E>
std::optional<failure<E>> typed(std::optional<failure<>>&& any) noexcept {
    if (!any) return std::nullopt;
    return failure<E>(typed_anew{}, *std::move(any));
}

} // namespace detail

}} // namespace inquest::INQUEST_ABI
