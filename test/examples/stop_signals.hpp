// SIGINT and SIGTERM as something to be polled.
#pragma once

#include "wake_up.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <poll.h>

/// From the first of them on a program is to come to its end; a second one ends it at once, whatever it is doing. There is one
/// object of it.
class stop_signals {
  public:
    stop_signals() {
        wake_ = &wake_up_;
        struct sigaction action{};
        action.sa_handler = [](int signal) {
            const int before = errno;
            first_ = signal;
            wake_->wake();
            for (const int each : signals) std::signal(each, SIG_DFL);
            errno = before;
        };
        action.sa_flags = SA_RESTART;
        for (const int each : signals) sigaction(each, &action, nullptr);
    }
    ~stop_signals() {
        for (const int each : signals) std::signal(each, SIG_DFL);
    }
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;

    /// Readable once one has come.
    int fd() const { return wake_up_.fd(); }
    /// Which has come; 0: none.
    int signal() const { return first_; }
    const char* name() const { return first_ == SIGINT ? "SIGINT" : "SIGTERM"; }
    /// Waits so long for one. True if it has come.
    bool wait_for(std::chrono::milliseconds limit) const {
        pollfd one{fd(), POLLIN, 0};
        (void)poll(&one, 1, static_cast<int>(limit.count()));
        return first_ != 0;
    }

  private:
    static constexpr int signals[] = {SIGINT, SIGTERM};
    static inline std::atomic<int> first_ = 0; // lock-free, so that a handler may set it
    static inline const wake_up* wake_ = nullptr;
    wake_up wake_up_;
};
