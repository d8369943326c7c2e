// The functions that are called when a channel closes.
#pragma once

#include <inquest/close_callback.hpp>
#include <inquest/detail/latch.hpp>
#include <inquest/detail/serials.hpp>
#include <inquest/push_error.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// A function of the user's. What it throws goes no further.
struct close_function {
    explicit close_function(std::function<void(const pop_error&)> its) : function(std::move(its)) {}
    void call(const pop_error& ending) const noexcept;
    const std::function<void(const pop_error&)> function;
    bool waits = true;        // for the channel to close; protected by the list's mutex
    std::uint64_t caller = 0; // the thread that runs it; protected by the list's mutex
    latch returned;
};

/// Those of one channel. Any thread may call any operation.
class close_callbacks {
  public:
    /// May throw std::bad_alloc.
    void add(std::shared_ptr<close_function> one);
    /// It is not called any more, which in a forked child it never is; if it is running on another thread, waits until it has returned.
    void remove(close_function& one) noexcept;
    /// The channel has closed: calls each of them once, in the order in which they were added, with no lock held.
    void run(const pop_error& ending) noexcept;

  private:
    const unsigned generation_ = fork_generation();
    mutex mutex_;
    std::list<std::shared_ptr<close_function>> waiting_; // protected by mutex_
};

}}} // namespace inquest::INQUEST_ABI::detail
