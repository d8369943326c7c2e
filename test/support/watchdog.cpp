#include "watchdog.hpp"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace support {
namespace {

struct state {
    std::mutex guard;
    std::condition_variable changed;
    std::string test_case;
    std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
    std::map<long, const char*> doing;

    static state& get() {
        static state* const only = new state;
        return *only;
    }
};

std::chrono::seconds limit() {
    const char* text = std::getenv("INQUEST_TEST_SECONDS");
    return std::chrono::seconds(text ? std::atoi(text) : 60);
}

std::string first_line(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

std::string state_line(const std::filesystem::path& task) {
    std::ifstream in(task / "status");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("State:")) return line.substr(7);
    return "?";
}

[[noreturn]] void give_up(state& s) {
    std::fprintf(stderr, "\nwatchdog: '%s' is still running after %lld s\n", s.test_case.c_str(),
                 static_cast<long long>(limit().count()));
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        const long id = std::atol(task.path().filename().c_str());
        const auto doing = s.doing.find(id);
        std::fprintf(stderr, "  thread %ld '%s': %s, in %s%s%s\n", id,
                     first_line(task.path() / "comm").c_str(), state_line(task.path()).c_str(),
                     first_line(task.path() / "wchan").c_str(), doing == s.doing.end() ? "" : ", ",
                     doing == s.doing.end() ? "" : doing->second);
    }
    std::fflush(nullptr);
    const std::string gdb = "command -v gdb >/dev/null && timeout 60 gdb -p " + std::to_string(getpid()) +
                            " -batch -ex 'thread apply all backtrace' 1>&2 2>/dev/null";
    if (std::system(gdb.c_str()) != 0) std::fputs("watchdog: no backtraces: gdb is not there\n", stderr);
    std::signal(SIGABRT, SIG_DFL); // doctest's handler belongs to the test's thread, which hangs
    std::abort();
}

void keep_watch() {
    state& s = state::get();
    std::unique_lock lock(s.guard);
    for (;;) {
        if (s.until == std::chrono::steady_clock::time_point::max())
            s.changed.wait(lock);
        else if (s.changed.wait_until(lock, s.until) == std::cv_status::timeout &&
                 std::chrono::steady_clock::now() >= s.until)
            give_up(s);
    }
}

} // namespace

void watch(std::string test_case) {
    static const bool started = (std::thread(keep_watch).detach(), true);
    (void)started;
    state& s = state::get();
    const std::lock_guard lock(s.guard);
    s.until = test_case.empty() ? std::chrono::steady_clock::time_point::max()
                                : std::chrono::steady_clock::now() + limit();
    s.test_case = std::move(test_case);
    s.doing.clear();
    s.changed.notify_one();
}

void doing(const char* what) {
    state& s = state::get();
    const std::lock_guard lock(s.guard);
    s.doing[::syscall(SYS_gettid)] = what;
}

} // namespace support
