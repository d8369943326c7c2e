// A program that runs beside the test: it can be sent signals, and asked how much memory it has had.
#pragma once

#include <cerrno>
#include <csignal>
#include <fstream>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

extern char** environ;

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
    /// The most memory that it has had so far.
    long peak_kib() const {
        std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
        for (std::string word; status >> word;)
            if (long kib = 0; word == "VmHWM:" && status >> kib) return kib;
        throw std::runtime_error("the system does not say how much memory a process has had");
    }
    /// Waits for its end, once: the exit status, or 128 + the signal that ended it.
    int wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

  private:
    pid_t pid_ = 0;
};
