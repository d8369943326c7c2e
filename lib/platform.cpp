#include "platform.hpp"

#include <inquest/detail/atomics.hpp>
#include <inquest/detail/serials.hpp>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#endif

namespace inquest::platform {

std::uintptr_t this_thread_handle() noexcept {
#ifdef INQUEST_PTHREADS
    return (std::uintptr_t)pthread_self(); // an integer or a pointer, as the system has it
#else
    return 0;
#endif
}

std::uint64_t this_thread_number() noexcept {
#if defined(__linux__)
    return static_cast<std::uint64_t>(::syscall(SYS_gettid));
#else
    return std::hash<std::thread::id>{}(std::this_thread::get_id());
#endif
}

void set_thread_name(std::uintptr_t thread, const std::string& name) noexcept {
#if defined(__linux__)
    (void)pthread_setname_np((pthread_t)thread, name.c_str());
#else
    (void)thread;
    (void)name;
#endif
}

int set_processors(std::string_view processors) noexcept {
#if defined(__linux__)
    cpu_set_t set;
    CPU_ZERO(&set);
    const char *at = processors.data(), *const end = at + processors.size();
    const auto number = [&](unsigned& into) {
        const auto read = std::from_chars(at, end, into);
        at = read.ptr;
        return read.ec == std::errc() && into < CPU_SETSIZE;
    };
    for (;; ++at) {
        unsigned first = 0;
        if (!number(first)) return EINVAL;
        unsigned last = first;
        if (at != end && *at == '-') {
            ++at;
            if (!number(last) || last < first) return EINVAL;
        }
        for (; first <= last; ++first) CPU_SET(first, &set);
        if (at == end) break;
        if (*at != ',') return EINVAL;
    }
    // Linux leaves out those that are not there, or not for this process, as long as one is.
    cpu_set_t its;
    if (::sched_setaffinity(0, sizeof set, &set) != 0 || ::sched_getaffinity(0, sizeof its, &its) != 0)
        return errno;
    return CPU_EQUAL(&set, &its) ? 0 : EINVAL;
#else
    (void)processors;
    return ENOTSUP;
#endif
}

int set_priority(const thread_priority& to) noexcept {
    if (to.policy == scheduling::inherited) return to.value == 0 ? 0 : EINVAL;
    if (to.policy > scheduling::round_robin) return EINVAL;
#if defined(__linux__)
    if (to.policy == scheduling::time_sharing) {
        // Linux has a nice value for each thread. As it stands: setpriority would quietly take the nearest.
        if (to.value < -20 || to.value > 19) return EINVAL;
        const sched_param none{};
        if (const int problem = pthread_setschedparam(pthread_self(), SCHED_OTHER, &none)) return problem;
        return ::setpriority(PRIO_PROCESS, static_cast<id_t>(this_thread_number()), to.value) == 0 ? 0
                                                                                                   : errno;
    }
#endif
#ifdef INQUEST_PTHREADS
    sched_param parameters{};
    parameters.sched_priority = to.value;
    return pthread_setschedparam(pthread_self(), to.policy == scheduling::fifo ? SCHED_FIFO : SCHED_RR,
                                 &parameters);
#else
    return ENOTSUP;
#endif
}

void around_fork(void (*before)(), void (*after)()) noexcept {
#ifdef INQUEST_PTHREADS
    (void)pthread_atfork(before, after, after);
#else
    (void)before;
    (void)after;
#endif
}

std::string demangle(const char* mangled) {
#if __has_include(<cxxabi.h>)
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                      std::free);
    if (text) return text.get();
#endif
    return mangled;
}

} // namespace inquest::platform

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

namespace {

constinit relaxed<unsigned> forks;
#ifdef INQUEST_PTHREADS
[[maybe_unused]] const int counting = pthread_atfork(nullptr, nullptr, [] { forks.set(forks.get() + 1); });
#endif

} // namespace

#ifndef INQUEST_SYNC_HEADER
bool one_processor() noexcept {
    static const bool one = [] {
#if defined(__linux__)
        // The main thread or the caller may have been given one of several.
        cpu_set_t its, mains;
        if (::sched_getaffinity(0, sizeof its, &its) == 0 &&
            ::sched_getaffinity(::getpid(), sizeof mains, &mains) == 0) {
            CPU_OR(&its, &its, &mains);
            return CPU_COUNT(&its) == 1;
        }
#endif
        return std::thread::hardware_concurrency() == 1;
    }();
    return one;
}
#endif

unsigned fork_generation() noexcept { return forks.get(); }

}}} // namespace inquest::INQUEST_ABI::detail
