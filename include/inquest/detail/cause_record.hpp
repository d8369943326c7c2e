// What a cause points to.
#pragma once

#include <inquest/cause_kind.hpp>
#include <inquest/detail/describe.hpp>
#include <inquest/detail/observers.hpp>
#include <inquest/detail/sync.hpp>
#include <inquest/detail/type_identity.hpp>
#include <inquest/status.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

class worker_identity;

/// Copies as much of `text` as `into` takes, and marks the end if that is not all; returns how much it wrote.
std::size_t copy_cut(std::string_view text, std::span<char> into) noexcept;

/// Text of a bounded length that is set without allocating; what does not fit is cut and marked.
template <std::size_t Size>
class fixed_text {
  public:
    void set(std::string_view text) noexcept { size_ = copy_cut(text, chars_); }
    [[nodiscard]] std::string_view view() const noexcept { return {chars_.data(), size_}; }

  private:
    std::array<char, Size> chars_{};
    std::size_t size_ = 0;
};

/// What a cause points to. Written by one thread, then published under a lock or a latch and read-only.
/// Every field can be filled without allocating, so a worker can record its end with no memory left.
struct cause_record {
    cause_record() noexcept;
    ~cause_record();
    cause_record(const cause_record&) = delete;
    cause_record& operator=(const cause_record&) = delete;

    cause_kind kind = cause_kind::unexplained;
    bool consequence = false;
    bool during_unwinding = false; // abandoned: while an exception was passing
    bool by_stop = false;          // abandoned: by a worker whose owner had requested its stop
    std::uint64_t sequence = 0;
    std::shared_ptr<const worker_identity> who;
    std::uint64_t thread = 0;     // the system's number of the thread concerned
    clock::time_point recorded{}; // when that was
    item_range items;
    const std::string* items_of = nullptr; // the channel's name, if the worker read several
    std::exception_ptr exception;
    const char* exception_type = nullptr; // the mangled name, in static storage
    const void* value = nullptr;          // the typed error
    type_identity value_type;
    std::string (*value_text)(const void*) = nullptr;
    int system_error = 0;                         // never_started: why
    const char* attribute = nullptr;              // and of its thread, which one it was refused, if one
    std::shared_ptr<const cause_record> upstream; // null: none
    status broken_ending = status::complete;      // broken_stream: how the stream ended
    std::string channel_name;                     // closed: the name, if the channel has one
    const char* place_file = nullptr;             // null if there is no place
    std::source_location place;
    fixed_text<480> what;      // of the exception; far from the parts that every end writes
    fixed_text<120> item_text; // of the item that it had in hand, by the user's formatter
    /// The one part that changes once the record is published. It says nothing of what happened, only whether it is
    /// yet to be reported; whoever reads a cause never sees it. It stands here because workers that pass a failure on share
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
        recorded = clock::now();
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

}}} // namespace inquest::INQUEST_ABI::detail
