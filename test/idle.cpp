// A call that waits does nothing until something happens that concerns it.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <string>

#ifdef __linux__
#include <ctime>
#include <fstream>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace std::chrono_literals;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using support::wait_for_blocked;

namespace {

/// How often the calling thread has gone to sleep so far.
long sleeps() {
    rusage used{};
    REQUIRE(::getrusage(RUSAGE_THREAD, &used) == 0);
    return used.ru_nvcsw;
}

/// Lets time pass, as the number of naps that the calling thread takes: another one that took as many would be seen.
constexpr int naps = 100;
void pass_time() {
    for (int i = 0; i < naps; ++i) std::this_thread::sleep_for(1ms);
}

/// Makes `call` on a thread of its own, wakes it after a while by `wake`, and returns how often it slept.
long sleeps_of(const std::function<void()>& call, const std::function<void()>& blocked,
               const std::function<void()>& wake) {
    long slept = 0;
    std::jthread caller([&] {
        const long before = sleeps();
        call();
        slept = sleeps() - before;
    });
    blocked();
    pass_time();
    wake();
    caller.join();
    return slept;
}

/// A thread of this process, as the system sees it from outside.
struct thread_seen {
    long id = ::syscall(SYS_gettid);
    pthread_t handle = ::pthread_self();

    /// Neither running nor waiting for a processor.
    bool is_asleep() const {
        std::ifstream in("/proc/self/task/" + std::to_string(id) + "/stat");
        std::string text;
        std::getline(in, text);
        const auto name_end = text.rfind(')');
        return name_end != std::string::npos && name_end + 2 < text.size() && text[name_end + 2] == 'S';
    }
    std::chrono::nanoseconds cpu_time() const {
        clockid_t clock{};
        timespec t{};
        REQUIRE(::pthread_getcpuclockid(handle, &clock) == 0);
        REQUIRE(::clock_gettime(clock, &t) == 0);
        return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
    }
};

} // namespace

TEST_CASE("a call that waits sleeps once, however long that takes") {
    constexpr long few = naps / 4; // some locks may be met held
    auto [tx, rx] = make_channel<int>(1);
    const auto until_blocked = [&end = tx] { wait_for_blocked(end); };
    SUBCASE("a pop") {
        CHECK(sleeps_of([&in = rx] { CHECK(in.pop()); }, until_blocked, [&out = tx] { CHECK(out.push(1)); }) <
              few);
    }
    SUBCASE("a pop with a limit") {
        CHECK(sleeps_of([&in = rx] { CHECK(in.pop_for(1h)); }, until_blocked,
                        [&out = tx] { CHECK(out.push(1)); }) < few);
    }
    SUBCASE("a pop that can be stopped") {
        std::stop_source stop;
        CHECK(
            sleeps_of([&, &in = rx] { CHECK(in.pop(stop.get_token()).error().status() == status::stopped); },
                      until_blocked, [&] { stop.request_stop(); }) < few);
    }
    SUBCASE("a push") {
        CHECK(tx.push(1));
        CHECK(sleeps_of([&out = tx] { CHECK(out.push(2)); }, until_blocked, [&in = rx] { CHECK(in.pop()); }) <
              few);
    }
    SUBCASE("a range") {
        std::vector<int> two;
        CHECK(sleeps_of([&, &in = rx] { CHECK(in.pop_exactly(two, 1).value() == 1); }, until_blocked,
                        [&out = tx] { CHECK(out.push(1)); }) < few);
    }
    SUBCASE("a join") {
        auto w = spawn("w", rx, [](receiver<int>& in) -> std::expected<void, int> {
            if (!in.pop()) return std::unexpected(1);
            return {};
        });
        CHECK(sleeps_of([&] { CHECK(w.join()); }, until_blocked, [&out = tx] { CHECK(out.push(1)); }) < few);
    }
}

TEST_CASE("a call under a token of its own sleeps on when the worker that makes it is asked to stop") {
    auto [tx, rx] = make_channel<int>(1);
    std::stop_source mine;
    std::function<status()> call;
    SUBCASE("a pop") {
        call = [&, &in = rx] { return in.pop(mine.get_token()).error().status(); };
    }
    SUBCASE("a pop with a limit") {
        call = [&, &in = rx] { return in.pop_for(1h, mine.get_token()).error().status(); };
    }
    SUBCASE("a push") {
        CHECK(tx.push(1));
        call = [&, &out = tx] { return out.push(2, mine.get_token()).error().status(); };
    }
    std::atomic<const thread_seen*> seen{nullptr};
    auto w = spawn("w", [&] {
        const thread_seen self;
        seen = &self;
        CHECK(call() == status::stopped);
    });
    wait_for_blocked(tx);
    const thread_seen& its = *seen.load();
    CHECK(w.request_stop());
    const auto before = its.cpu_time();
    int asleep = 0; // seen so: one look could fall on a lock that it met held
    support::wait_for("the call to sleep on, or to run for long", [&] {
        asleep = its.is_asleep() ? asleep + 1 : 0;
        return asleep == 10 || its.cpu_time() - before > 50ms;
    });
    CHECK(asleep == 10);
    CHECK(!w.is_done());
    mine.request_stop();
    CHECK(w.join());
    tx.finish();
}

#endif

namespace idle {

} // namespace idle
