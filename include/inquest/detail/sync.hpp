// The only place where synchronisation is named. In normal builds each alias *is* the standard type; a build
// that defines INQUEST_SYNC_HEADER finds other types under the same names there, and explores interleavings.
#pragma once

#include <inquest/detail/config.hpp>

#ifdef INQUEST_SYNC_HEADER
#include INQUEST_SYNC_HEADER
#else

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace inquest::inline INQUEST_ABI::detail {

using mutex = std::mutex;
using condition_variable = std::condition_variable;
template <class T>
using atomic = std::atomic<T>;
using clock = std::chrono::steady_clock;
using jthread = std::jthread;
using stop_source = std::stop_source;
using stop_token = std::stop_token;
template <class F>
using stop_callback = std::stop_callback<F>;

} // namespace inquest::inline INQUEST_ABI::detail

#endif

namespace inquest::inline INQUEST_ABI::detail {

class worker_record;

/// The worker whose function runs on the calling thread, or null.
extern constinit thread_local worker_record* current_worker;

/// A value that one thread writes as it goes along, and that others may glance at to say what it is doing.
/// Relaxed: no other data is read through it, and a glance that comes late is as good as one that came earlier.
template <class T>
class glanced {
  public:
    void set(T value) noexcept { value_.store(value, std::memory_order_relaxed); }
    [[nodiscard]] T get() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    atomic<T> value_{};
};

} // namespace inquest::inline INQUEST_ABI::detail
