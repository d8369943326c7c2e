// Why a worker ended or a stream broke: cheap to copy, type-erased, never changes once recorded.
#pragma once

#include <inquest/cause_kind.hpp>
#include <inquest/detail/cause_record.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

class cause;

namespace detail {

cause to_cause(std::shared_ptr<const cause_record> record) noexcept;
/// Null for the empty cause.
const std::shared_ptr<const cause_record>& record_of(const cause& of) noexcept;
/// A cause that is only a text, with what is known to be behind it.
cause unexplained(std::string text, const cause& upstream, cause_kind kind = cause_kind::unexplained);
cause unexplained(std::string text);

} // namespace detail

/// A shared, immutable record of why something ended. Copying is a reference count; any thread may read it.
/// Nothing here blocks; `message` and `text` allocate and call the error's own formatter, if it has one.
class cause {
  public:
    /// The empty cause.
    cause() noexcept = default;
    /// The same record, shared.
    cause(const cause& other) noexcept;
    /// Leaves `other` empty.
    cause(cause&& other) noexcept = default;
    /// The same record, shared.
    cause& operator=(const cause& other) noexcept;
    /// Leaves `other` empty.
    cause& operator=(cause&& other) noexcept;
    /// The last copy that is destroyed destroys the error in it.
    ~cause();

    /// A cause of the program's own: any error value, a text, or a `std::exception_ptr`. A null pointer to characters
    /// reads "(null)".
    template <class E>
        requires(!std::same_as<std::remove_cvref_t<E>, cause>)
    explicit cause(E&& error, std::source_location where = std::source_location::current());

    /// False for the empty cause: nothing failed. The empty cause of a closed channel still says who closed it.
    explicit operator bool() const noexcept;

    /// What kind of event it reports; `unexplained` for the empty cause.
    [[nodiscard]] cause_kind kind() const noexcept;
    /// The worker's name, numbered if workers share it; empty if no worker was concerned.
    [[nodiscard]] std::string worker() const;
    /// The items it was working on, if it had popped any.
    [[nodiscard]] std::optional<item_range> items() const noexcept;
    /// A short text of the item that it had in hand, if it was in a pool that leases items and was given `describe_item`; else
    /// empty. Allocates.
    [[nodiscard]] std::string item_text() const;
    /// One line: who, on which item, and what.
    [[nodiscard]] std::string message() const;
    /// Only what happened, without who and where.
    [[nodiscard]] std::string text() const;
    /// The very exception that was thrown, or null.
    [[nodiscard]] std::exception_ptr exception() const noexcept;
    /// The error value, if it is exactly an E; null otherwise. Lives as long as any copy of this cause. Also null if
    /// that can't be told for certain: if the cause was made in another shared object that hides its symbols, and E is a
    /// local type, an unnamed one, in an unnamed namespace, nested in a template, or a template over any of these or over
    /// values; likewise for every type in code that Clang compiles without RTTI.
    template <class E>
    [[nodiscard]] const E* get() const noexcept;
    /// The cause behind this one: for a worker that ended on a broken stream, what broke it; for one that returned a failure
    /// that is not another worker's, the cause in it. Empty if this is the first.
    [[nodiscard]] cause upstream() const noexcept;
    /// Where the program was, for causes that have a place in the source.
    [[nodiscard]] std::optional<std::source_location> where() const noexcept;
    /// The system's number of the thread that it happened on, as debuggers and the thread list show it; 0 for a cause of the
    /// program's own.
    [[nodiscard]] std::uint64_t thread_id() const noexcept;
    /// How long ago it was recorded; zero for the empty cause.
    [[nodiscard]] std::chrono::nanoseconds age() const;
    /// Process-wide order in which workers ended, from 1; 0 if this is not a worker's end.
    [[nodiscard]] std::uint64_t sequence() const noexcept;
    /// True if this can only have followed from something else that had already broken.
    [[nodiscard]] bool is_consequence() const noexcept;

    /// True if both are the same record, not merely alike.
    friend bool operator==(const cause&, const cause&) = default;

  private:
    friend cause detail::to_cause(std::shared_ptr<const detail::cause_record> record) noexcept;
    friend const std::shared_ptr<const detail::cause_record>& detail::record_of(const cause& of) noexcept;
    std::shared_ptr<const detail::cause_record> record_;
};

/// The exception that travels in a worker's future when its function neither returned nor threw: the thread
/// never started, or was ended by pthread_exit or pthread_cancel.
class ended : public std::exception {
  public:
    /// May throw std::bad_alloc.
    explicit ended(inquest::cause why);
    /// Shares the cause and the text.
    ended(const ended& other) noexcept;
    /// Shares the cause and the text.
    ended& operator=(const ended& other) noexcept;
    ~ended() override;
    /// The cause's message.
    [[nodiscard]] const char* what() const noexcept override;
    /// How the worker ended.
    [[nodiscard]] const inquest::cause& cause() const noexcept { return why_; }

  private:
    inquest::cause why_;
    std::shared_ptr<const std::string> text_; // shared: copying an exception must not throw
};

inline cause detail::to_cause(std::shared_ptr<const cause_record> record) noexcept {
    cause made;
    made.record_ = std::move(record);
    return made;
}

inline const std::shared_ptr<const detail::cause_record>& detail::record_of(const cause& of) noexcept {
    return of.record_;
}

template <class E>
    requires(!std::same_as<std::remove_cvref_t<E>, cause>)
cause::cause(E&& error, std::source_location where)
    : record_(std::make_shared<const detail::given_record<detail::given_value<E>>>(std::forward<E>(error),
                                                                                   where)) {}

template <class E>
const E* cause::get() const noexcept {
    if (!record_ || record_->value_type != detail::identity_of<E>()) return nullptr;
    return static_cast<const E*>(record_->value);
}

}} // namespace inquest::INQUEST_ABI
