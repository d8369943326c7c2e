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
#include <optional>
#include <stop_token>
#include <thread>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

using mutex = std::mutex;
using condition_variable = std::condition_variable;
template <class T>
using atomic = std::atomic<T>;
using clock = std::chrono::steady_clock;
using jthread = std::jthread;
using thread_id = std::thread::id;
using thread_handle = std::thread::native_handle_type;
using stop_source = std::stop_source;
using stop_token = std::stop_token;
template <class F>
using stop_callback = std::stop_callback<F>;

/// Whether threads take their steps in turns, so that nobody spins unless a test asks for it.
inline constexpr bool explored = false;
/// A hint to the processor in a loop that waits for another thread.
inline void spin_hint() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");
#endif
}
/// Whether this process had one processor only, when first asked: nobody can do anything while a thread spins there.
[[nodiscard]] bool one_processor() noexcept;
/// Lets somebody else run, if somebody can.
inline void yield() noexcept { std::this_thread::yield(); }
/// A place on the calling thread whose value lives until the thread has ended. Filled before any other thread-local
/// object is made, it outlives them all.
template <class T>
[[nodiscard]] std::optional<T>& until_thread_ends() noexcept {
    static thread_local std::optional<T> kept;
    return kept;
}

}}} // namespace inquest::INQUEST_ABI::detail

#endif
