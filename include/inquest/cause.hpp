// Why a worker ended or a stream broke: cheap to copy, type-erased, never changes once recorded.
#pragma once

#include <inquest/detail/describe.hpp>
#include <inquest/detail/sync.hpp>
#include <inquest/detail/type_identity.hpp>
#include <inquest/status.hpp>

#include <array>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

/// What kind of event a cause reports.
enum class cause_kind : unsigned char {
    given,         ///< handed to `close` or `abort` by the program itself
    error,         ///< a worker returned an error value, or a failure that is no other worker's end
    exception,     ///< a worker threw
    finished,      ///< a worker returned success: a cause only if something was left undone
    broken_stream, ///< a worker returned success although the stream it read had broken off
    never_started, ///< a worker's thread could not be created
    forced_unwind, ///< a worker's thread was ended by pthread_exit or pthread_cancel
    abandoned,     ///< a producer left without `finish`
    dropped,       ///< the last receiver went away
    destroyed,     ///< the channel object itself was destroyed
    closed,        ///< nothing failed: the channel was closed, and the empty cause says by whom
    unexplained,   ///< the fallback: nothing of the above was recorded
};

/// Channel-wide push numbers, counted from 1. `after` says that the worker had seen the end of the stream.
struct item_range {
    std::uint64_t first = 0; ///< the earliest of those it took last
    std::uint64_t last = 0;  ///< the latest; 0 if it took none
    bool after = false;      ///< it had taken `last`, and then been told that the stream had ended
    friend bool operator==(const item_range&, const item_range&) = default;
};

class cause;

namespace detail {

class worker_identity;
struct cause_record;
cause to_cause(std::shared_ptr<const cause_record> record) noexcept;
/// Null for the empty cause. Lives as long as any copy of it.
const cause_record* record_of(const cause& of) noexcept;

} // namespace detail

/// A shared, immutable record of why something ended. Copying is a reference count; any thread may read it.
/// Nothing here blocks; `message` and `text` allocate and call the error's own formatter, if it has one.
class cause {
  public:
    cause() noexcept = default;

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
    /// One line: who, on which item, and what.
    [[nodiscard]] std::string message() const;
    /// What alone, without who and where.
    [[nodiscard]] std::string text() const;
    /// The very exception that was thrown, or null.
    [[nodiscard]] std::exception_ptr exception() const noexcept;
    /// The error value, if it is exactly an E; null otherwise. Lives as long as any copy of this cause. Also null if
    /// that can't be told for certain: if the cause was made in another shared object that hides its symbols, and E is a
    /// local type, an unnamed one, in an unnamed namespace, nested in a template, or a template over any of these or over
    /// values; and there for all types in what Clang compiles without RTTI.
    template <class E>
    [[nodiscard]] const E* get() const noexcept;
    /// The cause behind this one: of a worker's end on a broken stream, what broke it; of a worker that returned a failure
    /// of no other worker, the cause in that. Empty if this is the first.
    [[nodiscard]] cause upstream() const noexcept;
    /// Where the program was, for causes that have a place in the source.
    [[nodiscard]] std::optional<std::source_location> where() const noexcept;
    /// Process-wide order in which workers ended, from 1; 0 for what is no worker's end.
    [[nodiscard]] std::uint64_t sequence() const noexcept;
    /// True if this can only have followed from something else that had already broken.
    [[nodiscard]] bool is_consequence() const noexcept;

    /// True if both are the same record, not merely alike.
    friend bool operator==(const cause&, const cause&) = default;

  private:
    friend cause detail::to_cause(std::shared_ptr<const detail::cause_record> record) noexcept;
    friend const detail::cause_record* detail::record_of(const cause& of) noexcept;
    std::shared_ptr<const detail::cause_record> record_;
};

/// The exception that travels in a worker's future when its function neither returned nor threw: the thread
/// never started, or was ended by pthread_exit or pthread_cancel.
class ended : public std::exception {
  public:
    explicit ended(inquest::cause why);
    /// The cause's message.
    [[nodiscard]] const char* what() const noexcept override;
    /// How the worker ended.
    [[nodiscard]] const inquest::cause& cause() const noexcept { return why_; }

  private:
    inquest::cause why_;
    std::shared_ptr<const std::string> text_; // shared: copying an exception must not throw
};

namespace detail {

/// Text of a bounded length that is set without allocating; what does not fit is cut and marked.
class fixed_text {
  public:
    void set(std::string_view text) noexcept;
    [[nodiscard]] std::string_view view() const noexcept { return {chars_.data(), size_}; }

  private:
    std::array<char, 480> chars_{};
    std::size_t size_ = 0;
};

/// Who has been handed a failure, and who holds it: the worker that failed, and those that passed the failure on. A worker
/// that was handed it and then passes it on no longer counts: whoever asks that worker is handed it.
class observers {
  public:
    /// Somebody has been handed it, for good.
    void add() noexcept;
    /// A worker's function has been handed it, and may pass it on.
    void add_worker() noexcept;
    /// A worker passes it on, and holds it from now on; `counted` if `add_worker` was called for that one.
    void pass_on(bool counted) noexcept;
    /// The object of a worker that holds it is gone. True if that was the last one and nobody has observed the failure: then
    /// the caller reports it to the hook, and it counts as observed.
    [[nodiscard]] bool leave() noexcept;
    /// Somebody has been handed it for good.
    [[nodiscard]] bool any() const noexcept { return (state_.load() & for_good) != 0; }

  private:
    static constexpr std::uint64_t for_good = 1ULL << 63, one_holder = 1ULL << 32, one_worker = 1;
    void change(auto&& next) noexcept;
    atomic<std::uint64_t> state_{
        one_holder}; // for good or not, the holders, the workers that have been handed it
};

/// What a cause points to. Written by one thread, then published under a lock or a latch and read-only.
/// Every field can be filled without allocating, so a worker can record its end with no memory left.
struct cause_record {
    cause_kind kind = cause_kind::unexplained;
    bool consequence = false;
    bool during_unwinding = false; // abandoned: while an exception was passing
    std::uint64_t sequence = 0;
    std::shared_ptr<const worker_identity> who;
    std::uint64_t thread = 0; // the system's number, if there is no worker to name
    item_range items;
    std::exception_ptr exception;
    const char* exception_type = nullptr; // the mangled name, in static storage
    const void* value = nullptr;          // the typed error
    type_identity value_type;
    std::string (*value_text)(const void*) = nullptr;
    int system_error = 0; // never_started: why
    cause upstream;
    status broken_ending = status::complete; // broken_stream: how the stream ended
    std::string channel_name;                // closed: the name, if the channel has one
    const char* place_file = nullptr;        // null if there is no place
    std::source_location place;
    fixed_text what; // of the exception; far from the parts that every end writes
    /// The one part that changes once the record is published. It says nothing of what happened, only whether the hook is
    /// yet to be told; whoever reads a cause never sees it. It stands here because workers that pass a failure on share
    /// the cause, and nothing else.
    mutable observers observed_by;

    void set_value(const auto& error) noexcept {
        using E = std::remove_cvref_t<decltype(error)>;
        value = std::addressof(error);
        value_type = identity_of<E>();
        value_text = [](const void* e) { return describe(*static_cast<const E*>(e)); };
    }
    /// The same value as in `other`, which must live as long.
    void share_value(const cause_record& other) noexcept {
        value = other.value;
        value_type = other.value_type;
        value_text = other.value_text;
    }
    void set_place(const std::source_location& where) noexcept {
        place_file = where.file_name();
        place = where;
    }
    /// Notes the exception being handled: the object, its type's name and a copy of its text. Call in a
    /// handler.
    void set_current_exception() noexcept;
};

/// A cause that is only a text, with what is known to be behind it.
cause unexplained(std::string text, cause upstream = {});

/// A cause of the program's own, holding its value.
template <class E>
struct given_record final : cause_record {
    E error;
    template <class U>
    given_record(U&& e, const std::source_location& where) : error(kept(std::forward<U>(e))) {
        kind = cause_kind::given;
        if constexpr (std::same_as<E, std::exception_ptr>)
            exception = error;
        else
            set_value(error);
        set_place(where);
    }

  private:
    // A pointer to characters may be null, which a string can't be made of.
    template <class U>
    static decltype(auto) kept(U&& e) {
        if constexpr (std::same_as<E, std::string> && std::convertible_to<U, const char*>) {
            const char* const text = e;
            return text ? text : "(null)";
        } else
            return std::forward<U>(e);
    }
};

// A literal, a pointer to characters and a view of some are kept as a string: what they point to may not outlive
// the call.
template <class E>
using given_value = std::conditional_t<std::convertible_to<E, const char*> ||
                                           std::same_as<std::remove_cvref_t<E>, std::string_view>,
                                       std::string, std::remove_cvref_t<E>>;

} // namespace detail

inline cause detail::to_cause(std::shared_ptr<const cause_record> record) noexcept {
    cause made;
    made.record_ = std::move(record);
    return made;
}

inline const detail::cause_record* detail::record_of(const cause& of) noexcept { return of.record_.get(); }

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
