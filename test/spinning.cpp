// Waiting calls spin before they park: how long, and that it costs nothing where nothing comes.
#include "support/support.hpp"

#include <inquest/inquest.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>
#include <vector>

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

namespace spinning {

using namespace std::chrono_literals;
using inquest::channel;
using inquest::make_channel;
using inquest::status;
using support::stress;
using support::wait_for_a_call;
using support::wait_for_blocked;

namespace {

// What the process has run so far, on all processors together.
std::chrono::nanoseconds cpu_time() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

constexpr unsigned minute = 60'000'000;

// The first call that waits on either side parks however long it may spin.
void have_first_pop_parked(channel<int>& queue) {
    std::jthread consumer([&] { CHECK(queue.pop().value() == 0); });
    wait_for_blocked(queue);
    CHECK(queue.push(0));
}
void have_first_push_parked(channel<int>& queue) {
    while (queue.try_push(0)) {
    }
    std::jthread producer([&] { CHECK(queue.push(1)); });
    wait_for_blocked(queue);
    CHECK(queue.pop());
}

} // namespace

TEST_CASE("with spin = 0 two hundred threads share one channel, and each item arrives once") {
    constexpr int producers = 100, consumers = 100, capacity = 8;
    const int each = stress(1000);
    auto [tx, rx] = make_channel<int>({.capacity = capacity, .spin = 0});
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(producers * each));
    {
        std::vector<std::jthread> threads;
        for (int c = 0; c < consumers; ++c)
            threads.emplace_back([&, rx]() mutable {
                while (const auto item = rx.pop()) ++seen[static_cast<std::size_t>(*item)];
            });
        for (int p = 0; p < producers; ++p)
            threads.emplace_back([&, p, tx]() mutable {
                for (int i = 0; i < each; ++i) CHECK(tx.push(p * each + i));
                tx.finish();
            });
        tx.finish();
    }
    CHECK(std::ranges::all_of(seen, [](const auto& times) { return times == 1; }));
    CHECK(rx.ended()->status() == status::complete);
}

TEST_CASE("with spin = 0 a call that waits parks at once, and with a long spin not after the first") {
    for (const unsigned spin : {0U, minute}) {
        channel<int> queue({.capacity = 1, .spin = spin});
        const auto see_how_it_waits = [&] {
            wait_for_a_call(queue);
            if (spin == 0) return wait_for_blocked(queue);
            std::size_t parked = 0;
            for (int i = 0; i < 100; ++i) {
                std::this_thread::sleep_for(100us);
                parked += inquest::detail::channel_inspector::parked(queue);
            }
            CHECK(parked == 0);
        };
        have_first_pop_parked(queue);
        {
            std::jthread consumer([&] { CHECK(queue.pop().value() == 7); });
            see_how_it_waits();
            CHECK(queue.push(7));
        }
        have_first_push_parked(queue);
        std::jthread producer([&] { CHECK(queue.push(8)); });
        see_how_it_waits();
        CHECK(queue.pop());
    }
}

TEST_CASE("a call that spins ends with a close, a stop, a deadline and the channel's own end") {
    channel<int> queue({.capacity = 1, .spin = minute});
    have_first_pop_parked(queue);
    CHECK(queue.pop_for(1ms).error().status() == status::timeout);
    {
        std::stop_source stop;
        std::jthread consumer(
            [&] { CHECK(queue.pop(stop.get_token()).error().status() == status::stopped); });
        wait_for_a_call(queue);
        stop.request_stop();
    }
    {
        auto worker = inquest::spawn("w", queue, [](inquest::receiver<int>& in) { CHECK(!in.pop()); });
        wait_for_a_call(queue);
        worker.request_stop();
    }
    channel<int> second({.capacity = 1, .spin = minute});
    have_first_pop_parked(second);
    {
        std::jthread consumer([&] { CHECK(second.pop().error().status() == status::complete); });
        wait_for_a_call(second);
        second.close();
    }
    auto third = std::make_unique<channel<int>>(inquest::channel_options{.capacity = 1, .spin = minute});
    have_first_pop_parked(*third);
    std::jthread consumer([&it = *third] { CHECK(it.pop().error().status() == status::aborted); });
    wait_for_a_call(*third);
    third.reset();
}

// What waits for more than one item, or for more than one place, does so for a moment only: whatever the stream was
// before, a single one is enough.
TEST_CASE("after a fast stream a single item, and a single place, is taken") {
    constexpr std::size_t capacity = 64;
    channel<int> queue({.capacity = capacity, .spin = 1000});
    support::rounds items(200'000);
    int popped = 0;
    {
        std::jthread consumer([&] {
            while (queue.pop().value() != -1) ++popped;
        });
        while (items.another()) CHECK(queue.push(items.number()));
        CHECK(queue.push(-1));
    }
    CHECK(popped == items.number());
    for (support::rounds rounds(100); rounds.another();) {
        std::jthread consumer([&] { CHECK(queue.pop().value() == rounds.number()); });
        wait_for_a_call(queue);
        CHECK(queue.push(rounds.number()));
    }
    while (queue.try_push(0)) {
    }
    for (support::rounds rounds(100); rounds.another();) {
        std::jthread producer([&] { CHECK(queue.push(rounds.number())); });
        wait_for_a_call(queue);
        CHECK(queue.pop());
    }
    CHECK(queue.size() == capacity);
}

TEST_CASE("a stream ends in full while calls slip behind for more of it") {
    for (support::rounds rounds(200); rounds.another();) {
        auto [tx, rx] = make_channel<int>({.capacity = 64, .spin = 1000});
        std::jthread consumer([&rx] {
            int expected = 0;
            while (const auto item = rx.pop()) CHECK(*item == expected++);
            CHECK(expected == 1000);
        });
        for (int i = 0; i < 1000; ++i) CHECK(tx.push(i));
        tx.finish();
    }
}

TEST_CASE("calls that wait for long use no processor") {
    auto [tx, rx] = make_channel<int>(1);
    {
        std::vector<std::jthread> waiting;
        for (int c = 0; c < 8; ++c)
            waiting.emplace_back([&] { CHECK(rx.pop().error().status() == status::complete); });
        wait_for_blocked(rx, 8);
        const auto before = cpu_time();
        std::this_thread::sleep_for(400ms);
        CHECK(cpu_time() - before < 100ms); // eight that spun would take all of each processor
        tx.finish();
    }
}

#ifdef __linux__
TEST_CASE("a call whose yield let somebody compute for a time slice parks the next time") {
    cpu_set_t ours, one;
    CPU_ZERO(&one);
    REQUIRE(sched_getaffinity(0, sizeof ours, &ours) == 0);
    for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu)
        if (CPU_ISSET(cpu, &ours)) CPU_SET(cpu, &one);
    const auto stay_on_one = [&] { return pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0; };
    channel<int> queue({.capacity = 1, .spin = minute});
    have_first_pop_parked(queue);
    bool parked = false;
    std::jthread consumer([&] {
        CHECK(stay_on_one());
        while (queue.pop()) {
        }
    });
    for (int round = 0; !parked && round < 50; ++round) {
        wait_for_a_call(queue);
        std::jthread([&] {
            CHECK(stay_on_one());
            for (const auto end = std::chrono::steady_clock::now() + 20ms;
                 std::chrono::steady_clock::now() < end;) {
            }
        }).join();
        CHECK(queue.push(round));
        for (int i = 0; !parked && i < 100; ++i) {
            std::this_thread::sleep_for(100us);
            parked = inquest::detail::channel_inspector::parked(queue) > 0;
        }
    }
    CHECK(parked);
    queue.close();
}
#endif

TEST_CASE("items that come rarely are waited for without spinning") {
    constexpr unsigned millisecond = 1'000;
    channel<int> queue({.capacity = 1, .spin = millisecond});
    std::jthread consumer([&] {
        while (queue.pop()) {
        }
    });
    const auto send = [&](int items) {
        for (int i = 0; i < items; ++i) {
            std::this_thread::sleep_for(5ms);
            CHECK(queue.push(i));
        }
    };
    send(10); // after so many it has seen that they come more rarely than that
    const auto before = cpu_time();
    send(60);
    CHECK(cpu_time() - before < 50ms); // it would spin for one millisecond for each
    queue.close();
}

} // namespace spinning
