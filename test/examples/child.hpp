// A program that runs beside the test: it can be sent signals, and what it used is known when it has ended.
#pragma once

#include <cerrno>
#include <csignal>
#include <spawn.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

extern char** environ;

struct child_end {
    int status;    ///< the exit status, or 128 + the signal that ended it
    long peak_kib; ///< the most memory that it had
};

class child {
  public:
    struct descriptors {
        int in, out, err;
    };
    /// Runs the program at `arguments[0]`, whose standard files these are.
    child(const std::vector<std::string>& arguments, const descriptors& its) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        const int from[] = {its.in, its.out, its.err};
        for (int to = 0; to < 3; ++to) posix_spawn_file_actions_adddup2(&actions, from[to], to);
        std::vector<char*> argv;
        for (const auto& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
        argv.push_back(nullptr);
        const int bad = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (bad != 0) throw std::system_error(bad, std::generic_category(), arguments.at(0));
    }
    ~child() {
        if (pid_ <= 0) return;
        kill(SIGKILL);
        (void)wait();
    }
    child(const child&) = delete;
    child& operator=(const child&) = delete;

    void kill(int signal) const { ::kill(pid_, signal); }
    /// Waits for its end. Once.
    child_end wait() {
        int status = 0;
        rusage used{};
        while (wait4(pid_, &status, 0, &used) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), used.ru_maxrss};
    }

  private:
    pid_t pid_ = 0;
};
