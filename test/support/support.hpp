// What the tests share: waiting for a state, rounds of stress, counted and awkward item types.
#pragma once

#include "channel_inspector.hpp"
#include "watchdog.hpp"

#include <inquest/inquest.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

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

/// Looks for `state()` again and again until it has come. Yields at first; later it naps, because on a machine that is
/// busy with other things a thread that yields takes the processor from those that it waits for.
template <class F>
void look_for(F&& state) {
    using clock = std::chrono::steady_clock;
    constexpr std::chrono::microseconds yielding(200), longest(1000);
    std::chrono::microseconds nap(20);
    const auto begun = clock::now();
    while (!state()) {
        if (clock::now() - begun < yielding) {
            std::this_thread::yield();
            continue;
        }
        std::this_thread::sleep_for(nap);
        nap = std::min(2 * nap, longest);
    }
}

/// The same, under the watchdog, which says `what` if the state never comes.
template <class F>
void wait_for(const char* what, F&& state) {
    doing(what);
    look_for(state);
    doing("running");
}

/// What a thread waits at until it is opened.
struct gate {
    std::atomic<bool> open{false};
    void wait() const {
        look_for([this] { return open.load(); });
    }
};

/// 1 to `n`, in order.
inline std::vector<int> numbers(int n) {
    std::vector<int> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), 1);
    return all;
}

/// Pushes 1 until that fails, and returns why.
inquest::push_error push_error_of(auto& tx) {
    for (;;)
        if (auto sent = tx.push(1); !sent) return sent.error();
}

/// Waits until `n` calls are blocked in the channel of `end`.
template <class T>
void wait_for_blocked(const inquest::channel_handle<T>& end, std::size_t n = 1) {
    wait_for("waiting for calls to block",
             [&] { return inquest::detail::channel_inspector::parked(end) == n; });
}

/// Waits until a call waits in the channel of `end`, spinning or parked.
template <class T>
void wait_for_a_call(const inquest::channel_handle<T>& end) {
    wait_for("waiting for a call to begin to wait",
             [&] { return inquest::detail::channel_inspector::inside(end) > 0; });
}

/// `n`, or a tenth of it if INQUEST_TEST_TENTH is set, as slow sanitizer builds have it.
inline int stress(int n) {
    static const bool tenth = std::getenv("INQUEST_TEST_TENTH") != nullptr;
    return tenth ? (n + 9) / 10 : n;
}

/// Rounds of a race, for `while (rounds.another())`: as many as asked for, but on a busy machine no more than fit into
/// that time, and twenty in any case.
class rounds {
  public:
    explicit rounds(int most, std::chrono::seconds within = std::chrono::seconds(1))
        : most_(stress(most)), end_(std::chrono::steady_clock::now() + within) {}
    bool another() {
        if (done_ == most_) return false;
        if (done_ >= 20 && std::chrono::steady_clock::now() > end_) return false;
        ++done_;
        return true;
    }
    /// The number of this one, from 1.
    [[nodiscard]] int number() const { return done_; }

  private:
    const int most_;
    int done_ = 0;
    const std::chrono::steady_clock::time_point end_;
};

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
