// A gate that opens once.
#pragma once

#include <inquest/detail/wait_list.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// Opens once; any number of threads may wait for it.
class latch {
  public:
    void open() noexcept;
    [[nodiscard]] bool is_open() const noexcept { return open_.load(); }
    /// True once open, false at the deadline.
    bool wait(clock::time_point deadline = forever);

  private:
    mutex mutex_;
    wait_list line_;           // protected by mutex_
    atomic<bool> open_{false}; // written under mutex_
};

}}} // namespace inquest::INQUEST_ABI::detail
