// A pipe that stays open.
#pragma once

#include "../support/support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <utility>

/// A pipe with that text, as a program's standard input: it comes to no end while the program runs.
class open_input {
  public:
    explicit open_input(std::string text) {
        REQUIRE(::pipe2(ends_, O_CLOEXEC) == 0);
        feeder_ = std::jthread([this, text = std::move(text)] { // what is not read goes with the pipe
            sigset_t broken_pipe;
            sigemptyset(&broken_pipe);
            sigaddset(&broken_pipe, SIGPIPE);
            pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
            for (std::size_t at = 0; at < text.size();) {
                const auto n = ::write(ends_[1], text.data() + at, text.size() - at);
                if (n < 0) return;
                at += static_cast<std::size_t>(n);
            }
            is_fed_ = true;
        });
    }
    ~open_input() {
        ::close(ends_[0]);
        feeder_.join();
        ::close(ends_[1]);
    }
    open_input(const open_input&) = delete;
    open_input& operator=(const open_input&) = delete;
    int fd() const { return ends_[0]; }
    /// Until the program has read all of it.
    void wait_until_read() const {
        support::wait_for("the input to be read", [this] {
            int left = 0;
            return is_fed_ && ::ioctl(ends_[0], FIONREAD, &left) == 0 && left == 0;
        });
    }

  private:
    int ends_[2]{};
    std::atomic<bool> is_fed_{false};
    std::jthread feeder_;
};
