// What `squeeze` reads and writes. No wait here is longer than somebody wants what is waited for.
#pragma once

#include "buffer.hpp"
#include "posix_file.hpp"
#include "wake_up.hpp"

#include <inquest/channel.hpp>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <expected>
#include <optional>
#include <poll.h>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

using io_result = std::expected<void, std::error_code>;

/// Waits until a call for one of `events` would not block, or `given_up` is awake: then it is false.
inline std::expected<bool, std::error_code> wait_for(const posix_file& file, short events,
                                                     const wake_up& given_up) {
    pollfd both[2] = {{file.fd(), events, 0}, {given_up.fd(), POLLIN, 0}};
    while (poll(both, 2, -1) < 0)
        if (errno != EINTR) return std::unexpected(std::error_code(errno, std::generic_category()));
    return both[1].revents == 0;
}

class input_file {
  public:
    /// Throws std::system_error if the system knows nothing of it.
    explicit input_file(posix_file&& file) : file_(std::move(file)) {
        if (fstat(file_.fd(), &its_) != 0) throw std::system_error(errno, std::generic_category());
    }
    [[nodiscard]] const struct stat& its() const noexcept { return its_; }
    [[nodiscard]] bool is_regular() const noexcept { return S_ISREG(its_.st_mode); }
    /// How many bytes were read. For any thread.
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

  private:
    friend class reading;
    posix_file file_;
    struct stat its_{};
    std::atomic<std::uint64_t> position_{0};
};

/// Reads a file for a pipeline, as long as it wants more. While it waits for a silent file, that can be given up.
class reading {
  public:
    explicit reading(input_file& from) : from_(from) {}
    /// Reads what is there, until `into` has at most `size` bytes. False at the end, or once it is given up.
    std::expected<bool, std::error_code> read_some(buffer& into, std::size_t size) {
        const auto wanted = wait_for(from_.file_, POLLIN, given_up_);
        if (!wanted || !*wanted) return wanted;
        const auto got = from_.file_.read({into.end(), size - into.size()});
        if (!got) return std::unexpected(got.error());
        into.grow(*got);
        from_.position_ += *got;
        return *got > 0;
    }
    /// Reads until `into` has `size` bytes; at the end, or once it is given up, there are fewer.
    io_result fill(buffer& into, std::size_t size) {
        while (into.size() < size) {
            const auto more = read_some(into, size);
            if (!more) return std::unexpected(more.error());
            if (!*more) break;
        }
        return {};
    }
    /// Gives up once `out` takes no more, while the result lives: a call that waits returns, and so do all later ones.
    template <class T>
    [[nodiscard]] auto while_open(inquest::sender<T>& out) const {
        return out.on_close([this](const inquest::pop_error&) { given_up_.wake(); });
    }

  private:
    input_file& from_;
    const wake_up given_up_;
};

/// Where the result goes: a new file, standard output, or, of a test, nowhere. A new file is removed unless it is committed.
class output_file {
  public:
    static output_file nowhere() { return output_file(std::nullopt, {}); }
    static output_file standard() { return output_file(posix_file(STDOUT_FILENO), {}); }
    static std::expected<output_file, std::error_code> create(const std::string& path) {
        auto file = posix_file::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
        if (!file) return std::unexpected(file.error());
        return output_file(std::move(*file), path);
    }
    output_file(output_file&& other) noexcept
        : file_(std::move(other.file_)), path_(std::exchange(other.path_, {})), at_once_(other.at_once_) {}
    output_file& operator=(output_file&&) = delete;
    ~output_file() {
        if (!path_.empty()) ::unlink(path_.c_str());
    }

    /// Writes all of it, unless it is given up before.
    io_result write(std::string_view bytes, const wake_up& given_up) {
        while (file_ && !bytes.empty()) {
            const auto wanted = wait_for(*file_, POLLOUT, given_up);
            if (!wanted) return std::unexpected(wanted.error());
            if (!*wanted) break;
            const auto written = file_->write(bytes.substr(0, at_once_));
            if (!written) return std::unexpected(written.error());
            bytes.remove_prefix(*written);
        }
        return {};
    }
    /// All was written: a new file gets the rights, owner and times of `like`, and stays.
    io_result commit(const struct stat& like) {
        if (!file_) return {};
        if (!path_.empty()) {
            if (auto failed = take_after(like)) return std::unexpected(failed);
        }
        if (const auto failed = file_->close()) return std::unexpected(failed);
        path_.clear();
        return {};
    }

  private:
    output_file(std::optional<posix_file>&& file, std::string path)
        : file_(std::move(file)), path_(std::move(path)) {
        struct stat its{};
        if (file_ && fstat(file_->fd(), &its) == 0 && S_ISREG(its.st_mode)) at_once_ = SSIZE_MAX;
    }
    std::error_code take_after(const struct stat& like) {
        auto rights = like.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
        // If it can't have the same group, what that may do is nothing for another.
        if (fchown(file_->fd(), like.st_uid, like.st_gid) != 0 &&
            fchown(file_->fd(), static_cast<uid_t>(-1), like.st_gid) != 0)
            rights &= ~static_cast<mode_t>(S_IRWXG);
        const timespec times[2] = {like.st_atim, like.st_mtim};
        if (fchmod(file_->fd(), rights) != 0 || futimens(file_->fd(), times) != 0)
            return {errno, std::generic_category()};
        return {};
    }

    std::optional<posix_file> file_;
    std::string path_; // of a new file that is not committed
    // As much as a pipe takes without a wait if it takes anything.
    std::size_t at_once_ = PIPE_BUF;
};
