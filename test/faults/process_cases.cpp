// Ends of whole processes, each a case of its own, run by the test `process`: exit with live workers, static
// destruction, fork, exceptions that are left uncaught, and what is written to standard error.
#include <inquest/flusher.hpp>
#include <inquest/inquest.hpp>
#include <inquest/pipeline.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <optional>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;

namespace {

void say(const char* what) {
    std::fputs(what, stdout);
    std::fputs("\n", stdout);
    std::fflush(stdout);
}

struct says_so {
    const char* what;
    ~says_so() { say(what); }
};

long drain(receiver<int>& in) {
    long n = 0;
    while (in.pop()) ++n;
    return n;
}

using counter = inquest::worker<long, inquest::no_error>;

// Either order of static objects: the worker outlives its channel, or the reverse.
int static_channel_first() {
    static inquest::channel<int> queue(1);
    static counter w = spawn("static", queue, drain);
    return queue.push(1) ? 0 : 1;
}
int static_worker_first() {
    static std::optional<counter> w;
    static inquest::channel<int> queue(1);
    w.emplace(spawn("static", queue, drain));
    return queue.push(1) ? 0 : 1;
}
int static_failure() {
    static auto w =
        spawn("static", []() -> std::expected<void, std::string> { return std::unexpected("late"); });
    return 0;
}

// exit() while workers are blocked, called by main and by a worker that has a static handle.
int exit_in_main() {
    static inquest::channel<int> queue(1);
    static counter w = spawn("reader", queue, drain);
    std::exit(3);
}
int exit_in_worker() {
    static inquest::channel<int> queue(1);
    static std::atomic<bool> ready{false};
    static auto reader = spawn("reader", queue, drain);
    static auto w = spawn("leaver", [] {
        while (!ready) std::this_thread::yield();
        std::exit(4);
    });
    ready = true;
    for (;;) ::pause();
}

void terminated() {
    say("terminated");
    std::_Exit(5);
}

int throw_uncaught() {
    std::set_terminate(terminated);
    auto w = spawn({.name = "w", .on_exception = inquest::on_exception::terminate}, [] {
        const says_so local{"unwound"}; // never said: the stack is as it was
        throw std::runtime_error("nobody catches this");
    });
    (void)w.join();
    return 0;
}
// As its copies do, the second of which is made by a pop.
struct copied_once {
    copied_once() = default;
    copied_once(const copied_once&) {
        const says_so local{"unwound"};
        if (++copies == 2) throw std::runtime_error("nobody catches this either");
    }
    copied_once& operator=(const copied_once&) = delete;
    ~copied_once() = default;
    static inline std::atomic<int> copies{0};
};
int throw_uncaught_in_a_waiting_pop() {
    std::set_terminate(terminated);
    auto [tx, rx] = make_channel<copied_once>(1);
    auto w = spawn({.name = "w", .on_exception = inquest::on_exception::terminate}, std::move(rx),
                   [](receiver<copied_once>& in) { (void)in.pop(); });
    for (;;) { // until it waits
        const auto seen = w.peek();
        if (!seen && seen.error().activity() == inquest::activity::popping) break;
        std::this_thread::yield();
    }
    (void)tx.push(copied_once());
    (void)w.join();
    return 0;
}
int throw_uncaught_in_a_flusher() {
    std::set_terminate(terminated);
    auto log = inquest::make_flusher<int>(
        {.name = "log", .capacity = 1, .batch = 1, .on_exception = inquest::on_exception::terminate},
        [](std::span<int>) {
            const says_so local{"unwound"};
            throw std::runtime_error("nobody catches this");
        });
    (void)log.push(1);
    (void)log.finish();
    return 0;
}
int throw_uncaught_in_shared_threads() {
    std::set_terminate(terminated);
    const auto options = [](const char* name) {
        return inquest::stage_options{.name = name, .on_exception = inquest::on_exception::terminate};
    };
    (void)inquest::make_pipeline(options("one"), [] { return std::optional(1); })
        .sink(options("throw"),
              [](int) {
                  const says_so local{"unwound"};
                  throw std::runtime_error("nobody catches this");
              })
        .run({}, {.threads = 1});
    return 0;
}
int throw_caught() {
    auto w = spawn({.name = "w", .on_exception = inquest::on_exception::record}, [] {
        const says_so local{"unwound"};
        throw std::runtime_error("x");
    });
    try {
        (void)w.join();
    } catch (const std::runtime_error& e) {
        say(e.what());
    }
    return 0;
}
int pthread_exit_uncaught() {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn({.name = "w", .on_exception = inquest::on_exception::terminate}, std::move(rx),
                   [](receiver<int>&) {
                       const says_so local{"unwound"};
                       ::pthread_exit(nullptr);
                   });
    say(w.join().error().message().c_str());
    return tx.push(1) ? 1 : 0;
}
int success_uncaught() {
    auto w = spawn({.name = "w", .on_exception = inquest::on_exception::terminate},
                   []() -> std::expected<int, std::string> { return 6; });
    return w.join().value();
}

// The child's status, or 100 and more where it was killed.
int status_of(pid_t child) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child) return 99;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

// A fork in the midst of traffic. What the parent had is let go in the child without waiting for threads that
// are not there, or for locks that they hold.
int fork_under_load() {
    for (int round = 0; round < 20; ++round) {
        auto ends = make_channel<int>(1);
        std::optional<sender<int>> tx(std::move(ends.first));
        std::optional<receiver<int>> rx(std::move(ends.second));
        inquest::channel<int>* other = new inquest::channel<int>(1);
        std::optional<counter> w;
        w.emplace(spawn("busy", *rx, drain));
        std::optional<counter> w2;
        w2.emplace(spawn("busy", *other, drain));
        std::atomic<bool> over{false};
        std::thread pusher([&] {
            while (!over && tx->push(1) && other->push(2)) {
            }
        });
        const pid_t child = ::fork();
        if (child == 0) {
            ::alarm(20);
            const bool refused = !w->join() && !w2->join() && !w->join_for(std::chrono::hours(1))->get();
            w.reset();
            w2.reset();
            rx.reset();
            tx.reset();
            delete other;
            ::_exit(refused ? 0 : 1);
        }
        over = true;
        pusher.join();
        const int status = status_of(child);
        if (status != 0) return status;
        tx->finish();
        if (!other->close()) return 98;
        if (!w->join() || !w2->join()) return 97;
        delete other;
    }
    return 0;
}

// A child that goes on by itself, as a daemon does, with workers and channels of its own. Meanwhile the parent's
// threads spawn workers, whose names go through one register.
int fork_and_work() {
    std::atomic<bool> over{false};
    std::thread spawner([&] {
        while (!over) (void)spawn("parent", [] {}).join();
    });
    std::thread setter([&] { // holds a lock of the library most of the time
        while (!over) inquest::set_failure_hook([](const inquest::cause&) {});
    });
    int bad = 0;
    for (int round = 0; round < 20 && bad == 0; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::alarm(20);
            inquest::set_failure_hook({});
            auto [tx, rx] = make_channel<int>(1);
            auto w = spawn("child", std::move(rx), drain);
            for (int i = 0; i < 100; ++i)
                if (!tx.push(i)) ::_exit(1);
            tx.finish();
            ::_exit(w.join().value() == 100 ? 0 : 2);
        }
        bad = status_of(child);
    }
    over = true;
    spawner.join();
    setter.join();
    return bad;
}

// A fork inside a worker's function. The child, which has that thread alone, comes to the function's end too: it must
// not record an outcome that is the parent's to record, nor take locks that the parent's other threads held.
int fork_in_worker() {
    auto [tx, rx] = make_channel<int>(1);
    const pid_t parent = ::getpid();
    int status = 99;
    inquest::set_eager_failure_hook([](const inquest::cause& why) { say(why.message().c_str()); });
    auto w = spawn("forking", std::move(rx), [&](receiver<int>& in) -> std::expected<int, std::string> {
        const auto item = in.pop();
        const pid_t child = ::fork();
        if (child == 0) {
            ::alarm(20);
            return std::unexpected("in the child");
        }
        status = status_of(child);
        return *item;
    });
    if (!tx.push(6)) return 98;
    const auto& result = w.join();
    if (::getpid() != parent) return 97;
    return result && *result == 6 ? status : 96;
}

// A fork while an item is copied under a lock of the channel's: in the child nobody will ever let go of it.
struct forks {
    static inline void (*at_copy)() = nullptr;
    forks() = default;
    forks(const forks&) {
        if (at_copy) at_copy();
    }
};
int fork_in_copy() {
    static std::optional<inquest::announced_workers> announced;
    static int status = 99;
    auto [tx, rx] = make_channel<forks>(1);
    auto w = spawn("w", rx, [](receiver<forks>& in) {
        while (in.pop()) {
        }
    });
    announced.emplace(rx.announce_workers(1));
    forks::at_copy = [] {
        forks::at_copy = nullptr;
        const pid_t child = ::fork();
        if (child == 0) {
            ::alarm(20);
            announced.reset();
            ::_exit(0);
        }
        status = status_of(child);
    };
    const forks item;
    if (!tx.push(item)) return 98;
    announced.reset();
    tx.finish();
    return w.join() ? status : 97;
}

std::expected<void, std::string> fails() { return std::unexpected("no more"); }

int unobserved() {
    auto [tx, rx] = make_channel<int>(1);
    auto sent = tx.push(1);
    auto w = spawn("frames", std::move(rx), [](receiver<int>& in) {
        (void)in.pop();
        return fails();
    });
    while (!w.is_done()) std::this_thread::yield(); // before it is asked to stop
    return sent ? 0 : 1;
}
int hook_throws() {
    inquest::set_failure_hook([](const inquest::cause&) { throw std::runtime_error("from the hook"); });
    auto w = spawn("w", fails);
    return 0;
}
int logger_throws() {
    inquest::detail::set_log([](bool, std::string_view) { throw std::runtime_error("from the logger"); });
    auto w = spawn("w", fails);
    return 0;
}
int no_words() {
    struct wordless {
        std::string message() const { throw std::runtime_error("no words"); }
    };
    auto w = spawn("w", []() -> std::expected<void, wordless> { return std::unexpected(wordless{}); });
    return 0;
}
int long_wait() {
    inquest::set_long_wait_threshold(std::chrono::milliseconds(20));
    auto [tx, rx] = make_channel<int>({.capacity = 1, .name = "jobs"});
    auto w = spawn("slow", std::move(rx), drain);
    std::thread closer([&out = tx] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50)); // the long wait itself
        out.finish();
    });
    (void)w.join();
    closer.join();
    return 0;
}

const std::map<std::string, int (*)()> cases{
    {"static_channel_first", static_channel_first},
    {"static_worker_first", static_worker_first},
    {"static_failure", static_failure},
    {"exit_in_main", exit_in_main},
    {"exit_in_worker", exit_in_worker},
    {"throw_uncaught", throw_uncaught},
    {"throw_uncaught_in_a_waiting_pop", throw_uncaught_in_a_waiting_pop},
    {"throw_uncaught_in_a_flusher", throw_uncaught_in_a_flusher},
    {"throw_uncaught_in_shared_threads", throw_uncaught_in_shared_threads},
    {"throw_caught", throw_caught},
    {"pthread_exit_uncaught", pthread_exit_uncaught},
    {"success_uncaught", success_uncaught},
    {"fork_under_load", fork_under_load},
    {"fork_and_work", fork_and_work},
    {"fork_in_worker", fork_in_worker},
    {"fork_in_copy", fork_in_copy},
    {"unobserved", unobserved},
    {"hook_throws", hook_throws},
    {"logger_throws", logger_throws},
    {"no_words", no_words},
    {"long_wait", long_wait},
};

} // namespace

int main(int argc, char** argv) {
    const auto found = argc == 2 ? cases.find(argv[1]) : cases.end();
    if (found == cases.end()) return 2;
    return found->second();
}
