// Blocked and cancelled calls, as .NET's System.Threading.Channels tests have them; the table of their cases is in
// dotnet.cpp.
#include "ported.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <malloc.h>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace dotnet_waiting {

using namespace std::chrono_literals;
using inquest::make_channel;
using inquest::status;
using ported::got;
using ported::refusal;
using support::stress;
using support::wait_for_blocked;

TEST_CASE("two thousand blocked pushes get through, first come first served") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.push(-1));
    const int n = stress(2000);
    std::atomic<int> wrong{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < n; ++i) {
        threads.emplace_back([&, i] { wrong += !tx.push(i); });
        wait_for_blocked(rx, threads.size());
    }
    for (int i = -1; i < n; ++i) wrong += got(rx.pop()) != i;
    threads.clear();
    CHECK(wrong == 0);
    CHECK(rx.size() == 0);
}

TEST_CASE("two thousand blocked producers: each one's items keep their order") {
    constexpr int each = 3;
    struct numbered {
        std::size_t producer;
        int number;
    };
    const auto n = static_cast<std::size_t>(stress(2000));
    auto [tx, rx] = make_channel<numbered>(1);
    CHECK(tx.push({n, 0}));
    std::atomic<int> wrong{0};
    std::vector<std::jthread> threads;
    for (std::size_t p = 0; p < n; ++p)
        threads.emplace_back([&, p] {
            for (int i = 0; i < each; ++i) wrong += !tx.push({p, i});
        });
    wait_for_blocked(rx, n);
    std::vector<int> next(n + 1);
    for (std::size_t i = 0; i < n * each + 1; ++i)
        if (const auto popped = rx.pop()) wrong += popped->number != next.at(popped->producer)++;
    threads.clear();
    CHECK(wrong == 0);
    CHECK(std::all_of(next.begin(), next.end() - 1, [](int count) { return count == each; }));
}

TEST_CASE("a hundred blocked pops get one item each") {
    for (const bool wait : {false, true}) {
        auto [tx, rx] = make_channel<int>(1);
        std::atomic<int> sum{0}, served{0};
        std::vector<std::jthread> threads;
        for (int t = 0; t < 100; ++t)
            threads.emplace_back([&] {
                sum += rx.pop().value_or(-10'000);
                ++served;
            });
        wait_for_blocked(tx, 100);
        for (int i = 0; i < 100; ++i) {
            CHECK((wait ? tx.push(i) : tx.try_push(i)));
            if (!wait) support::wait_for("one to be served", [&] { return served == i + 1; });
        }
        threads.clear();
        CHECK(sum == 99 * 100 / 2);
    }
}

TEST_CASE("a stop that was requested before the call: nothing is pushed, nothing popped") {
    const auto token = [] {
        const auto stop = std::make_unique<std::stop_source>();
        stop->request_stop();
        return stop->get_token();
    }();
    for (const std::size_t queued : {0U, 1U}) {
        auto [tx, rx] = make_channel<int>(2);
        if (queued) CHECK(tx.push(42));
        CHECK(refusal(tx.push(1, token)) == status::stopped);
        CHECK(refusal(tx.push_for(1, 1h, token)) == status::stopped);
        CHECK(refusal(rx.pop(token)) == status::stopped);
        CHECK(refusal(rx.pop_for(1h, token)) == status::stopped);
        CHECK(rx.size() == queued);
    }
}

TEST_CASE("pops that were stopped leave every item to those that come after") {
    auto [tx, rx] = make_channel<int>(1);
    for (int i = 0; i < 5; ++i) {
        std::stop_source stop;
        std::jthread consumer([&] { CHECK(refusal(rx.pop(stop.get_token())) == status::stopped); });
        wait_for_blocked(tx);
        stop.request_stop();
    }
    CHECK(tx.try_push(42));
    CHECK(got(rx.pop()) == 42);
    for (int i = 0; i < 7; ++i) {
        std::jthread consumer([&] { CHECK(got(rx.pop()) == i); });
        wait_for_blocked(tx);
        CHECK(tx.push(i));
    }
}

TEST_CASE("a push that was stopped leaves its turn to the next") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.push(42));
    std::stop_source stop;
    std::jthread first([&] { CHECK(refusal(tx.push(43, stop.get_token())) == status::stopped); });
    wait_for_blocked(rx, 1);
    std::jthread second;
    SUBCASE("one that comes after the stop") {
        stop.request_stop();
        first.join();
        second = std::jthread([&] { CHECK(tx.push(44)); });
        wait_for_blocked(rx, 1);
    }
    SUBCASE("one that is behind it in the line") {
        second = std::jthread([&] { CHECK(tx.push(44)); });
        wait_for_blocked(rx, 2);
        stop.request_stop();
    }
    CHECK(got(rx.pop()) == 42);
    CHECK(got(rx.pop()) == 44);
    second.join();
    CHECK(rx.size() == 0);
}

TEST_CASE("stops that race items: none is eaten") {
    constexpr int n = 16;
    int stopped = 0;
    for (int round = 0; round < stress(300); ++round) {
        auto [tx, rx] = make_channel<int>(n);
        std::stop_source stop;
        std::array<std::expected<int, inquest::pop_error>, n> popped{};
        ported::start_line both(2);
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < n; ++t)
            threads.emplace_back([&, t] { popped[t] = t % 2 ? rx.pop() : rx.pop(stop.get_token()); });
        wait_for_blocked(tx, n);
        threads.emplace_back([&, round] {
            both.arrive(round % 2 == 1);
            stop.request_stop();
        });
        both.arrive(round % 2 == 0);
        for (int i = 0; i < n; ++i) CHECK(tx.try_push(i));
        tx.finish();
        threads.clear();
        std::vector<int> all;
        for (std::size_t t = 0; t < n; ++t)
            if (popped[t]) {
                all.push_back(*popped[t]);
            } else {
                CHECK(t % 2 == 0); // nobody told the others to stop, and there was an item for each
                CHECK(refusal(popped[t]) == status::stopped);
                ++stopped;
            }
        for (const int left : rx) all.push_back(left);
        std::ranges::sort(all);
        std::vector<int> expected(n);
        std::iota(expected.begin(), expected.end(), 0);
        CHECK(all == expected);
    }
    MESSAGE("stopped: ", stopped);
}

TEST_CASE("a million calls that gave up leave no memory and no waiter behind") {
    auto [tx, rx] = make_channel<int>(1);
    std::stop_source stop;
    long wrong = 0;
    // Most find the time over at once; one in a hundred parks.
    const auto give_up = [&](int times, auto call) {
        for (int i = 0; i < times; ++i)
            wrong += refusal(call(std::chrono::microseconds(i % 100 == 0))) != status::timeout;
    };
    const auto all = [&](int times) {
        give_up(times / 4, [&](auto limit) { return rx.pop_for(limit); });
        give_up(times / 4, [&](auto limit) { return rx.pop_for(limit, stop.get_token()); });
        wrong += !tx.push(1);
        give_up(times / 4, [&](auto limit) { return tx.push_for(2, limit); });
        give_up(times / 4, [&](auto limit) { return tx.push_for(2, limit, stop.get_token()); });
        wrong += got(rx.pop()) != 1;
    };
    all(1000); // what is allocated once is allocated now
    const auto before = mallinfo2().uordblks;
    all(stress(1'000'000));
    const auto after = mallinfo2().uordblks;
    CHECK(wrong == 0);
    CHECK(after < before + 10'000);
    CHECK(inquest::detail::channel_inspector::parked(tx) == 0);
    stop.request_stop(); // finds none of those calls
    std::jthread consumer([&] { CHECK(got(rx.pop()) == 3); });
    wait_for_blocked(tx);
    CHECK(tx.push(3));
}

} // namespace dotnet_waiting
