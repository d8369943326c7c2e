#include "program.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

extern char** environ;

namespace support {
namespace {

struct pipe_pair {
    int read = -1, write = -1;
    pipe_pair() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
        read = ends[0];
        write = ends[1];
    }
    ~pipe_pair() {
        close_read();
        close_write();
    }
    void close_read() {
        if (read >= 0) ::close(read);
        read = -1;
    }
    void close_write() {
        if (write >= 0) ::close(write);
        write = -1;
    }
};

std::string slurp(int fd) {
    std::string text;
    char buffer[4096];
    for (;;) {
        const auto n = ::read(fd, buffer, sizeof buffer);
        if (n > 0)
            text.append(buffer, static_cast<std::size_t>(n));
        else if (n == 0 || errno != EINTR)
            return text;
    }
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/// Holds in this process only while it lives, and for good in a program that is started meanwhile.
class file_limit {
  public:
    explicit file_limit(std::optional<rlim_t> most) {
        if (!most) return;
        set_ = ::getrlimit(RLIMIT_FSIZE, &before_) == 0;
        const rlimit lower{.rlim_cur = *most, .rlim_max = before_.rlim_max};
        if (!set_ || ::setrlimit(RLIMIT_FSIZE, &lower) != 0)
            throw std::system_error(errno, std::generic_category(), "setrlimit");
    }
    ~file_limit() {
        if (set_) ::setrlimit(RLIMIT_FSIZE, &before_);
    }
    file_limit(const file_limit&) = delete;
    file_limit& operator=(const file_limit&) = delete;

  private:
    rlimit before_{};
    bool set_ = false;
};

/// Makes a write to a pipe that nobody reads fail, and not end the tests. For a thread's whole life.
void block_sigpipe() {
    sigset_t pipes;
    ::sigemptyset(&pipes);
    ::sigaddset(&pipes, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipes, nullptr);
}

} // namespace

outcome run(const std::vector<std::string>& arguments, const std::string& input) {
    return run(arguments, surroundings{.input = input});
}

outcome run(const std::vector<std::string>& arguments, const surroundings& with) {
    pipe_pair in, out, err;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, with.input_from < 0 ? in.read : with.input_from, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out.write, 1);
    ::posix_spawn_file_actions_adddup2(&actions, err.write, 2);
    std::vector<char*> argv;
    for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    pid_t child = 0;
    const int bad = [&] {
        const file_limit limit(with.largest_file);
        return ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
    }();
    ::posix_spawn_file_actions_destroy(&actions);
    if (bad != 0) throw std::system_error(bad, std::generic_category(), arguments.at(0));
    in.close_read();
    out.close_write();
    err.close_write();

    outcome result;
    {
        const std::jthread feeder([&] {
            block_sigpipe();
            const std::string& input = with.input;
            std::size_t at = 0;
            while (at < input.size()) { // a program that stops reading ends this with EPIPE
                const auto n = ::write(in.write, input.data() + at, input.size() - at);
                if (n > 0)
                    at += static_cast<std::size_t>(n);
                else if (n < 0 && errno != EINTR)
                    break;
            }
            in.close_write();
        });
        const std::jthread errors([&] { result.err = slurp(err.read); });
        const std::jthread output([&] { result.out = slurp(out.read); });
        try {
            if (with.meanwhile) with.meanwhile(child);
        } catch (
            ...) { // which says why the test fails; the program may be waiting for what does not come now
            ::kill(child, SIGKILL);
            (void)wait_for(child);
            throw;
        }
    }
    const int status = wait_for(child);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

std::string from_build(const char* variable) {
    const char* value = std::getenv(variable);
    if (!value) throw std::runtime_error(std::string(variable) + " is not set: run this through meson test");
    return value;
}

} // namespace support
