// Atomic values, by what may be concluded from reading them; and what keeps values apart that threads write.
#pragma once

#include <inquest/detail/sync.hpp>

#include <cstddef>
#include <cstdint>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// What threads write on lines of their own does not slow each other down. Processors fetch lines in pairs.
inline constexpr std::size_t cache_line = 64, line_pair = 2 * cache_line;

/// A value that others may glance at. Relaxed: no other data is read through it, and a glance that comes late is as good
/// as one that came earlier.
template <class T>
class relaxed {
  public:
    relaxed() noexcept = default;
    explicit relaxed(T value) noexcept : value_(value) {}
    void set(T value) noexcept { value_.store(value, std::memory_order_relaxed); }
    [[nodiscard]] T get() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    atomic<T> value_{};
};

/// A value that says more than itself: whoever has seen it may touch what was written before it was set.
template <class T>
class acquire_release {
  public:
    void set(T value) noexcept { value_.store(value, std::memory_order_release); }
    [[nodiscard]] T get() const noexcept { return value_.load(std::memory_order_acquire); }

  private:
    atomic<T> value_{};
};

/// Says which side a slot belongs to now: a number that only grows.
using turn = acquire_release<std::uint64_t>;

}}} // namespace inquest::INQUEST_ABI::detail
