// Ending a wait in poll() from another thread.
#pragma once

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

/// A file descriptor to be polled beside others, readable once `wake` was called.
class wake_up {
  public:
    wake_up() : fd_(eventfd(0, EFD_CLOEXEC)) {
        if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    ~wake_up() { close(fd_); }
    wake_up(const wake_up&) = delete;
    wake_up& operator=(const wake_up&) = delete;
    int fd() const { return fd_; }
    void wake() const {
        const std::uint64_t one = 1;
        (void)!write(fd_, &one, sizeof one); // full is as good: it is readable
    }

  private:
    int fd_;
};
