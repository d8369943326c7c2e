// What differs between systems. Private to the library.
#pragma once

#include <inquest/worker_options.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#if __has_include(<pthread.h>)
#include <pthread.h>
#define INQUEST_PTHREADS
#endif

namespace inquest::platform {

/// The calling thread's handle, as an integer.
std::uintptr_t this_thread_handle() noexcept;
/// The number under which the system lists the calling thread.
std::uint64_t this_thread_number() noexcept;
/// The longest thread name that the system takes, in bytes.
inline constexpr std::size_t max_thread_name = 15;
/// Names a living thread. Failure is ignored: a name is a courtesy.
void set_thread_name(std::uintptr_t thread, const std::string& name) noexcept;
/// Lets the calling thread run on these processors only, which are listed as in "0-3,8". Zero, or the system's error.
[[nodiscard]] int set_processors(std::string_view processors) noexcept;
/// Gives the calling thread that priority. Zero, or the system's error.
[[nodiscard]] int set_priority(const thread_priority& to) noexcept;
/// Has `before` run ahead of every fork, and `after` behind it in both processes, so that a lock held by a thread
/// that the child does not have is not held there.
void around_fork(void (*before)(), void (*after)()) noexcept;

/// The process's only T. Never destroyed, because workers may outlive static destruction; its `guard` is held over
/// every fork. Have it made when the library is loaded: a fork that meets another thread making it would leave a
/// child that waits for that for ever.
template <class T>
T& process_wide() {
    static T* const only = [] {
        auto* made = new T;
        around_fork([] { process_wide<T>().guard.lock(); }, [] { process_wide<T>().guard.unlock(); });
        return made;
    }();
    return *only;
}

/// A mangled type name as a person would write it.
std::string demangle(const char* mangled);

} // namespace inquest::platform
