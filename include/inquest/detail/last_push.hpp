// Where a sender pushed last, which is also what says that it pushed nothing, or takes no more pushes.
#pragma once

#include <inquest/detail/sync.hpp>

#include <cstring>
#include <source_location>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// Any thread may call any operation; only assigning, moving and destroying it need exclusive access.
class last_push {
  public:
    last_push() noexcept : place_(none()) {}
    /// A copy has pushed nothing; of one that has finished, it has finished too.
    last_push(const last_push& other) noexcept : place_(other.is_finished() ? finished() : none()) {}
    /// What was moved from is finished.
    last_push(last_push&& other) noexcept : place_(other.place_.exchange(finished())) {}
    last_push& operator=(last_push&& other) noexcept {
        place_ = other.place_.exchange(finished());
        return *this;
    }
    last_push& operator=(const last_push&) = delete;

    /// Pushed there last, and so neither finished nor moved from.
    [[nodiscard, gnu::always_inline]] bool matches(const std::source_location& where) const noexcept {
        return same(where, place_.load());
    }
    [[nodiscard]] bool is_finished() const noexcept { return same(place_.load(), finished()); }
    /// False if it was finished already.
    bool finish() noexcept { return !same(place_.exchange(finished()), finished()); }
    /// A push went in. Changes nothing once it is finished: a push that was blocked by then may still go in.
    void note(const std::source_location& where) noexcept {
        auto last = place_.load();
        while (!same(last, where) && !same(last, finished()) &&
               !place_.compare_exchange_strong(last, where)) {
        }
    }
    [[nodiscard]] std::source_location place() const noexcept { return place_.load(); }
    /// Whether this is the place of a sender that pushed nothing.
    [[nodiscard]] static bool is_none(const std::source_location& place) noexcept {
        return same(place, none());
    }

  private:
    [[nodiscard]] static bool same(const std::source_location& one,
                                   const std::source_location& other) noexcept {
        return std::memcmp(&one, &other, sizeof one) == 0;
    }
    // Places that nobody pushes from.
    static const std::source_location& none() noexcept;
    static const std::source_location& finished() noexcept;

    atomic<std::source_location> place_;
};

}}} // namespace inquest::INQUEST_ABI::detail
