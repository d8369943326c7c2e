// What a worker meets in a process that has little stack, little address space, or signals: each a case of its own, run by the
// test `surroundings`.
#include <inquest/inquest.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <map>
#include <memory>
#include <new>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

using inquest::cause_kind;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using namespace std::chrono_literals;

namespace {

int wrong(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    return 1;
}

std::expected<long, std::string> sum_to_13(receiver<std::string>& in) {
    long sum = 0;
    while (auto item = in.pop_for(1min)) {
        if (*item == "13") return std::unexpected("no room for 13");
        sum += std::stol(*item);
    }
    return sum;
}

// Every ending of a worker, with its message.
int all_endings() {
    {
        auto [tx, rx] = make_channel<std::string>({.capacity = 2, .name = "numbers"});
        auto w = spawn("small", std::move(rx), sum_to_13);
        for (int i = 1;; ++i)
            if (auto sent = tx.push(std::to_string(i)); !sent) {
                if (resolve(tx, w, sent.error()).message() !=
                    "worker 'small' failed on item 13: no room for 13")
                    return wrong("another failure");
                break;
            }
    }
    auto thrower = spawn("small", [] { throw std::runtime_error("thrown"); });
    try {
        (void)thrower.join();
        return wrong("not rethrown");
    } catch (const std::runtime_error& e) {
        if (std::string_view(e.what()) != "thrown") return wrong("another exception");
    }
    auto leaver = spawn("small", [] { ::pthread_exit(nullptr); });
    if (leaver.join().error().cause().kind() != cause_kind::forced_unwind) return wrong("no forced unwind");
    // Workers that start, join and report others, three deep.
    auto outer = spawn("outer", []() -> std::expected<long, inquest::failure<std::string>> {
        auto [tx, rx] = make_channel<std::string>(1);
        auto inner = spawn("inner", std::move(rx), sum_to_13);
        for (int i = 13;; ++i)
            if (auto sent = tx.push(std::to_string(i)); !sent)
                return std::unexpected(resolve(tx, inner, sent.error()));
    });
    const auto result = outer.join();
    if (result || result.error().message() != "worker 'inner' failed on item 1: no room for 13")
        return wrong("not passed on");
    if (result.error().details().empty()) return wrong("no details");
    auto pool = inquest::make_pool<int>({.name = "pool", .workers = 4, .capacity = 8}, [](receiver<int>& in) {
        long n = 0;
        while (in.pop()) ++n;
        return n;
    });
    for (int i = 0; i < 1000; ++i)
        if (!pool.push(i)) return wrong("a push failed");
    long all = 0;
    const auto counts = pool.finish().value();
    for (const long n : counts) all += n;
    return all == 1000 ? 0 : wrong("items were lost");
}

int all_endings_on_small_stacks() {
    pthread_attr_t small;
    if (::pthread_attr_init(&small) != 0 || ::pthread_attr_setstacksize(&small, 64 * 1024) != 0 ||
        ::pthread_setattr_default_np(&small) != 0)
        return wrong("no small stacks");
    return all_endings();
}

std::size_t address_space() {
    char text[64] = "";
    const int file = ::open("/proc/self/statm", O_RDONLY);
    const auto read = ::read(file, text, sizeof text - 1);
    ::close(file);
    return read > 0 ? std::stoul(text) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// The address space ends while workers are started: those that are there go on, the one that is not says why, and once there
// is room again others start.
int address_space_ends() {
    pthread_attr_t usual; // whatever this process was given
    if (::pthread_attr_init(&usual) != 0 || ::pthread_attr_setstacksize(&usual, 8 << 20) != 0 ||
        ::pthread_setattr_default_np(&usual) != 0)
        return wrong("no stacks");
    rlimit limit{};
    (void)::getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = address_space() + (std::size_t{40} << 20);
    if (::setrlimit(RLIMIT_AS, &limit) != 0) return wrong("setrlimit");
    for (int round = 0; round < 3; ++round) {
        auto [tx, rx] = make_channel<int>({.capacity = 4, .on_failure = inquest::on_failure::keep_going});
        std::vector<inquest::worker<long, inquest::no_error>> workers;
        const auto count = [](receiver<int>& in) {
            long n = 0;
            while (in.pop()) ++n;
            return n;
        };
        while (workers.size() < 1000) {
            workers.push_back(spawn("crowd", rx, count));
            if (!workers.back().is_done()) continue;
            const auto& result = workers.back().join();
            if (result || result.error().cause().kind() != cause_kind::never_started)
                return wrong("it has ended in another way");
            const auto text = result.error().message();
            if (!text.ends_with(" never started: Resource temporarily unavailable") &&
                !text.ends_with(" never started: Cannot allocate memory"))
                return wrong(text.c_str());
            break;
        }
        if (workers.size() < 2 || workers.size() == 1000) return wrong("the limit did not tell");
        workers.pop_back();
        try {
            const inquest::channel<std::string> large(std::size_t{1} << 30);
            return wrong("a channel larger than the address space");
        } catch (const std::bad_alloc&) {
        }
        tx.finish();
        rx = {};
        for (auto& w : workers) (void)w.request_stop();
        for (auto& w : workers) (void)w.wait();
    }
    return 0;
}

void ignored(int) {}

// Handlers that interrupt system calls run on all threads all the time: no wait ends early by that, and nothing is lost.
int signals() {
    struct sigaction action = {};
    action.sa_handler = ignored; // and no SA_RESTART
    if (::sigaction(SIGUSR1, &action, nullptr) != 0) return wrong("sigaction");
    auto [tx, rx] = make_channel<int>({.capacity = 2, .spin = 0});
    auto [silent, never] = make_channel<int>(1);
    auto sum = spawn("sum", std::move(rx), [](receiver<int>& in) {
        long total = 0;
        while (const auto item = in.pop()) total += *item;
        return total;
    });
    auto waits = spawn("waits", std::move(never), [](receiver<int>& in) {
        const auto begun = std::chrono::steady_clock::now();
        const auto item = in.pop_for(200ms);
        return std::optional(!item && item.error().status() == inquest::status::timeout &&
                             std::chrono::steady_clock::now() - begun >= 200ms);
    });
    const auto me = ::pthread_self();
    std::atomic<bool> over{false};
    std::thread storm([&, &sum = sum] {
        while (!over) {
            for (const auto target : {sum.native_handle(), waits.native_handle(), me})
                (void)::pthread_kill(target, SIGUSR1);
            std::this_thread::sleep_for(50us);
        }
    });
    long total = 0;
    bool pushed = true;
    for (int i = 0; i < 20000; ++i) {
        pushed = pushed && tx.push(i);
        total += i;
    }
    bool timed = true;
    { // neither of these has come to its end while the storm lasts
        while (!waits.is_done()) std::this_thread::sleep_for(1ms);
        timed = waits.peek().value().get().value().value();
    }
    over = true;
    storm.join();
    tx.finish();
    silent.finish();
    if (!pushed) return wrong("a push failed");
    if (!timed) return wrong("a timed pop ended early");
    return sum.join().value() == total ? 0 : wrong("items were lost");
}

// As a daemon ends: SIGTERM is blocked in all threads, and one waits for it, and asks the workers to stop.
int terminated() {
    sigset_t term;
    ::sigemptyset(&term);
    ::sigaddset(&term, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &term, nullptr); // before any thread is started
    auto [tx, rx] = make_channel<int>({.capacity = 1, .name = "jobs"});
    auto w = spawn("slow", std::move(rx), [](const std::stop_token& stop, receiver<int>& in) {
        long n = 0;
        while (in.pop()) ++n;
        return std::optional(std::pair(n, stop.stop_requested()));
    });
    std::jthread signal_thread([&, &w = w] {
        int which = 0;
        ::sigwait(&term, &which);
        (void)w.request_stop();
    });
    ::kill(::getpid(), SIGTERM);
    for (int i = 0;; ++i)
        if (const auto sent = tx.push(i); !sent) {
            std::puts(sent.error().cause().message().c_str());
            break;
        }
    return w.join().value().value().second ? 0 : wrong("not stopped");
}

const std::map<std::string_view, int (*)()> cases{
    {"all_endings", all_endings},
    {"all_endings_on_small_stacks", all_endings_on_small_stacks},
    {"address_space_ends", address_space_ends},
    {"signals", signals},
    {"terminated", terminated},
};

} // namespace

int main(int argc, char** argv) {
    const auto found = argc == 2 ? cases.find(argv[1]) : cases.end();
    return found == cases.end() ? 2 : found->second();
}
