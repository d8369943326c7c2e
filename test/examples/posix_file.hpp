// A file as the system has it: no buffer of its own, and each call answers with the system's own error.
#pragma once

#include <cerrno>
#include <cstddef>
#include <expected>
#include <fcntl.h>
#include <span>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

class posix_file {
  public:
    static std::expected<posix_file, std::error_code> open(const char* path, int flags, mode_t mode = 0666) {
        const auto fd = retried([&] { return ::open(path, flags | O_CLOEXEC, mode); });
        if (!fd) return std::unexpected(fd.error());
        return posix_file(static_cast<int>(*fd));
    }
    /// Takes over `fd`.
    explicit posix_file(int fd) noexcept : fd_(fd) {}
    posix_file(posix_file&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    posix_file& operator=(posix_file&&) = delete;
    ~posix_file() {
        if (fd_ >= 0) ::close(fd_);
    }

    int fd() const noexcept { return fd_; }
    /// Reads what is there, at most the length of `into`; 0 at the end.
    std::expected<std::size_t, std::error_code> read(std::span<char> into) {
        return retried([&] { return ::read(fd_, into.data(), into.size()); });
    }
    /// Writes `bytes`, or only the first of them: answers how many.
    std::expected<std::size_t, std::error_code> write(std::string_view bytes) {
        return retried([&] { return ::write(fd_, bytes.data(), bytes.size()); });
    }
    /// Cuts the file to `size` bytes, and goes on writing there.
    std::error_code cut(std::size_t size) {
        const auto to = static_cast<off_t>(size);
        const auto done = retried([&] { return ::ftruncate(fd_, to); });
        if (!done) return done.error();
        return ::lseek(fd_, to, SEEK_SET) < 0 ? last_error() : std::error_code();
    }
    /// Returns once what was written is on the disk.
    std::error_code sync() {
        const auto done = retried([&] { return ::fsync(fd_); });
        return done ? std::error_code() : done.error();
    }
    std::error_code close() { // not retried: after EINTR the descriptor is gone all the same
        return ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR ? std::error_code() : last_error();
    }

  private:
    static std::error_code last_error() { return {errno, std::generic_category()}; }
    static std::expected<std::size_t, std::error_code> retried(auto&& call) {
        for (;;) {
            const auto result = call();
            if (result >= 0) return static_cast<std::size_t>(result);
            if (errno != EINTR) return std::unexpected(last_error());
        }
    }

    int fd_;
};
