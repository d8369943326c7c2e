// Descriptors that close themselves, and what is read from and written to them.
#pragma once

#include <doctest/doctest.h>

#include <csignal>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

/// An open file, closed at the end.
class descriptor {
  public:
    explicit descriptor(int fd) : fd_(fd) { REQUIRE(fd >= 0); }
    explicit descriptor(const std::string& path, int flags = O_RDWR)
        : descriptor(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
    ~descriptor() { close(); }
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&&) = delete;
    int fd() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

  private:
    int fd_;
};

struct pipe_ends {
    descriptor read, write;
};
inline pipe_ends make_pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    return {descriptor(ends[0]), descriptor(ends[1])};
}

inline std::string read_to_end(int fd) {
    std::string all;
    char some[4096];
    for (ssize_t n = 0; (n = ::read(fd, some, sizeof some)) > 0;)
        all.append(some, static_cast<std::size_t>(n));
    return all; // of a terminal, EIO is its end
}

/// All of it, unless nobody reads: then it is false.
inline bool write_all(int fd, std::string_view bytes) {
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    while (!bytes.empty()) {
        const auto n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}
