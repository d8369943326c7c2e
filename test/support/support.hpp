// What the tests share: waiting for a state, counted and awkward item types, stress counts.
#pragma once

#include "watchdog.hpp"

#include <inquest/inquest.hpp>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#if defined(__has_feature)
#define SUPPORT_HAS_FEATURE(x) __has_feature(x)
#else
#define SUPPORT_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || SUPPORT_HAS_FEATURE(thread_sanitizer)
#define SUPPORT_THREAD_SANITIZER 1
#else
#define SUPPORT_THREAD_SANITIZER 0
#endif
#if defined(__SANITIZE_ADDRESS__) || SUPPORT_HAS_FEATURE(address_sanitizer) || SUPPORT_THREAD_SANITIZER
#define SUPPORT_SANITIZER 1
#else
#define SUPPORT_SANITIZER 0
#endif

namespace support {

/// Waits for `state()` by looking again and again; the watchdog ends it where it never comes.
template <class F>
void wait_for(const char* what, F&& state) {
    doing(what);
    while (!state()) std::this_thread::yield();
    doing("running");
}

/// Pushes 1 until that fails, and answers why.
inquest::push_error push_error_of(auto& tx) {
    for (;;)
        if (auto sent = tx.push(1); !sent) return sent.error();
}

/// Waits until `n` calls are blocked in the channel of `end`.
template <class T>
void wait_for_blocked(const inquest::detail::handle<T>& end, std::size_t n = 1) {
    wait_for("waiting for calls to block",
             [&] { return inquest::detail::access::core(end)->blocked() == n; });
}

/// Waits until a call waits in the channel of `end`, spinning or parked.
template <class T>
void wait_for_a_call(const inquest::detail::handle<T>& end) {
    wait_for("waiting for a call to begin to wait",
             [&] { return inquest::detail::access::core(end)->inside() > 0; });
}

/// `n`, or a tenth of it where INQUEST_TEST_TENTH is set, as slow sanitizer builds have it.
inline int stress(int n) {
    static const bool tenth = std::getenv("INQUEST_TEST_TENTH") != nullptr;
    return tenth ? (n + 9) / 10 : n;
}

/// Counts its objects.
struct counted {
    explicit counted(int v = 0) : value(v) { ++alive(); }
    counted(const counted& o) : value(o.value) { ++alive(); }
    counted(counted&& o) noexcept : value(std::exchange(o.value, -1)) { ++alive(); }
    counted& operator=(const counted&) = default;
    counted& operator=(counted&& o) noexcept {
        value = std::exchange(o.value, -1);
        return *this;
    }
    ~counted() { --alive(); }
    static std::atomic<int>& alive() {
        static std::atomic<int> n{0};
        return n;
    }
    int value;
};

/// Throws at the N-th copy from now, once.
struct touchy {
    explicit touchy(int v) : value(v) {}
    touchy(const touchy& o) : value(o.value) {
        if (fuse() > 0 && fuse().fetch_sub(1) == 1) throw std::runtime_error("copying failed");
    }
    static std::atomic<int>& fuse() {
        static std::atomic<int> left{0};
        return left;
    }
    int value;
};

/// An exception type of a test's own, to be told by its dynamic type.
struct bad_frame : std::runtime_error {
    bad_frame(const std::string& what, int n) : std::runtime_error(what), frame(n) {}
    int frame;
};

/// Keeps the failure hook's findings while it lives.
class caught_hook {
  public:
    caught_hook()
        : before_(inquest::set_failure_hook([this](const inquest::cause& c) {
              const std::lock_guard lock(guard_);
              seen_.push_back(c.message());
          })) {}
    ~caught_hook() { inquest::set_failure_hook(before_); }
    std::vector<std::string> seen() {
        const std::lock_guard lock(guard_);
        return seen_;
    }

  private:
    std::mutex guard_;
    std::vector<std::string> seen_;
    inquest::failure_hook before_;
};

} // namespace support
