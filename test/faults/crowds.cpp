// Far more threads than cores, one core alone, and a storm of signals: every item still comes once, and nobody is
// left waiting.
#include "../support/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

namespace crowds {

using inquest::make_channel;

namespace {

// `producers` times `each` items through a channel; true where each came once.
bool each_once(int producers, int consumers, std::size_t capacity, int each) {
    auto ends = make_channel<int>(capacity);
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(producers * each));
    {
        std::vector<std::jthread> threads;
        for (int c = 0; c < consumers; ++c)
            threads.emplace_back([&seen, rx = ends.second]() mutable {
                while (auto item = rx.pop()) ++seen[static_cast<std::size_t>(*item)];
            });
        for (int p = 0; p < producers; ++p)
            threads.emplace_back([p, each, tx = ends.first]() mutable {
                for (int i = 0; i < each; ++i)
                    if (!tx.push(p * each + i)) return;
                tx.finish();
            });
        ends.first.finish();
    }
    return std::ranges::all_of(seen, [](const auto& n) { return n == 1; });
}

/// The whole process on one core while it lives.
class one_core {
  public:
    one_core() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t first;
        CPU_ZERO(&first);
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &before_)) {
                CPU_SET(cpu, &first);
                break;
            }
        REQUIRE(::sched_setaffinity(0, sizeof first, &first) == 0); // threads made from here on inherit it
    }
    ~one_core() { ::sched_setaffinity(0, sizeof before_, &before_); }

  private:
    cpu_set_t before_;
};

std::atomic<long> signals{0};

} // namespace

TEST_CASE("64 threads on the cores there are: each item once") {
    CHECK(each_once(32, 32, 1, support::stress(200)));
    CHECK(each_once(32, 32, 16, support::stress(1000)));
    CHECK(each_once(63, 1, 2, support::stress(200)));
    CHECK(each_once(1, 63, 2, support::stress(5000)));
}

TEST_CASE("64 threads on one core: each item once") {
    const one_core here;
    CHECK(each_once(32, 32, 1, support::stress(200)));
    CHECK(each_once(32, 32, 16, support::stress(1000)));
}

TEST_CASE("a storm of signals ends no wait early and loses nothing") {
    struct sigaction act{};
    act.sa_handler = [](int) { ++signals; };
    struct sigaction before{};
    ::sigaction(SIGALRM, &act, &before); // without SA_RESTART: waits are interrupted
    itimerval storm{};
    storm.it_interval.tv_usec = storm.it_value.tv_usec = 200;
    ::setitimer(ITIMER_REAL, &storm, nullptr);

    CHECK(each_once(2, 2, 1, support::stress(20'000)));
    auto [tx, rx] = make_channel<int>(1);
    std::jthread storming([&out = tx, self = ::pthread_self()] { // at the very thread that waits
        support::wait_for("a hundred signals", [&] {
            ::pthread_kill(self, SIGALRM);
            return signals > 100;
        });
        CHECK(out.push(1));
    });
    CHECK(rx.pop().value() == 1);
    const auto since = inquest::detail::clock::now();
    CHECK(rx.pop_for(std::chrono::milliseconds(20)).error().status() == inquest::status::timeout);
    CHECK(inquest::detail::clock::now() - since >= std::chrono::milliseconds(20));

    storm.it_interval.tv_usec = storm.it_value.tv_usec = 0;
    ::setitimer(ITIMER_REAL, &storm, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
    CHECK(signals > 100);
    tx.finish();
}

} // namespace crowds
