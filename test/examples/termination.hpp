// Signals that ask a program to end, turned into a request to stop.
#pragma once

#include "wake_up.hpp"

#include <atomic>
#include <csignal>
#include <poll.h>
#include <stop_token>
#include <sys/signalfd.h>
#include <system_error>
#include <thread>
#include <unistd.h>

/// While one lives, SIGINT, SIGTERM and SIGHUP don't end the process, but request a stop; those that it ignores stay ignored. Make
/// it before other threads, which inherit what it blocks.
class termination {
  public:
    termination() {
        sigemptyset(&its_);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            struct sigaction now{};
            sigaction(signal, nullptr, &now);
            if (now.sa_handler != SIG_IGN) sigaddset(&its_, signal);
        }
        pthread_sigmask(SIG_BLOCK, &its_, &before_);
        fd_ = signalfd(-1, &its_, SFD_CLOEXEC);
        if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
        waits_ = std::thread([this] { wait(); });
    }
    /// If there was such a signal, the process ends by it here.
    ~termination() {
        ended_.wake();
        waits_.join();
        close(fd_);
        if (received_ != 0) raise(received_);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    termination(const termination&) = delete;
    termination& operator=(const termination&) = delete;

    [[nodiscard]] std::stop_token requested() const { return stop_.get_token(); }

  private:
    void wait() {
        pollfd both[2] = {{fd_, POLLIN, 0}, {ended_.fd(), POLLIN, 0}};
        while (poll(both, 2, -1) < 0 || both[0].revents == 0)
            if (both[1].revents != 0) return;
        signalfd_siginfo what{};
        if (read(fd_, &what, sizeof what) != sizeof what) return;
        received_ = static_cast<int>(what.ssi_signo);
        stop_.request_stop();
    }

    sigset_t its_{}, before_{};
    int fd_ = -1;
    wake_up ended_;
    std::atomic<int> received_{0};
    std::stop_source stop_;
    std::thread waits_;
};
