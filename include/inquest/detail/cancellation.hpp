// Keeping a thread from being cancelled.
#pragma once

#include <inquest/detail/config.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// While one lives, the calling thread can't be cancelled.
class uncancelled {
  public:
    uncancelled() noexcept;
    ~uncancelled();
    uncancelled(const uncancelled&) = delete;
    uncancelled& operator=(const uncancelled&) = delete;
    /// Whether it could be, as the system says it.
    [[nodiscard]] int before() const noexcept { return before_; }

  private:
    int before_ = 0;
};

/// Gives the calling thread back, when it is destroyed, whether it can be cancelled.
class kept_cancellation {
  public:
    kept_cancellation() noexcept;
    ~kept_cancellation();
    kept_cancellation(const kept_cancellation&) = delete;
    kept_cancellation& operator=(const kept_cancellation&) = delete;

  private:
    int before_ = 0;
};

/// From here to the thread's end it can no longer be cancelled.
void disable_cancellation() noexcept;

}}} // namespace inquest::INQUEST_ABI::detail
