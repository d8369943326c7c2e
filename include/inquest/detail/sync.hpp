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
using thread_id = std::thread::id;

inline thread_id this_thread_id() noexcept { return std::this_thread::get_id(); }

class worker_record;

/// The worker whose function runs on the calling thread, or null.
extern constinit thread_local worker_record* current_worker;

} // namespace inquest::inline INQUEST_ABI::detail

#endif
