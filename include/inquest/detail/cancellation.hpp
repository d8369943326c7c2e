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

  private:
    int before_ = 0;
};

/// From here to the thread's end it can no longer be cancelled.
void disable_cancellation() noexcept;

}}} // namespace inquest::INQUEST_ABI::detail
