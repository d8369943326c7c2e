// A pipe that stays open.
#pragma once

#include "../support/support.hpp"
#include "pipes.hpp"

#include <atomic>
#include <string>
#include <sys/ioctl.h>
#include <thread>
#include <utility>

/// A pipe with that text, as a program's standard input: it comes to no end while the program runs.
class open_input {
  public:
    explicit open_input(std::string text)
        : feeder_([this, text = std::move(text)] { is_fed_ = write_all(ends_.write.fd(), text); }) {}
    ~open_input() {
        ends_.read.close(); // what is not read goes with the pipe
        feeder_.join();
    }
    open_input(const open_input&) = delete;
    open_input& operator=(const open_input&) = delete;
    int fd() const { return ends_.read.fd(); }
    /// Until the program has read all of it.
    void wait_until_read() const {
        support::wait_for("the input to be read", [this] {
            int left = 0;
            return is_fed_ && ::ioctl(fd(), FIONREAD, &left) == 0 && left == 0;
        });
    }

  private:
    pipe_ends ends_ = make_pipe();
    std::atomic<bool> is_fed_{false};
    std::jthread feeder_;
};
