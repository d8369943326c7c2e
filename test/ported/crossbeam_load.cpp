// What crossbeam-channel's tests/array.rs asks for under load; the table of its cases is in crossbeam.cpp.
#include "ported.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace crossbeam_load {

using namespace std::chrono_literals;
using inquest::make_channel;
using inquest::receiver;
using inquest::status;
using ported::drop;
using ported::got;
using ported::marked;
using ported::refusal;
using support::stress;
using support::wait_for;

namespace {

struct nothing {};

/// Carries the receiving end of the next channel of its own kind.
struct letter {
    std::unique_ptr<receiver<letter>> next;
};

} // namespace

TEST_CASE("the size is exact when alone, and never above the capacity under load") {
    constexpr std::size_t capacity = 1000;
    auto [tx, rx] = make_channel<std::size_t>(capacity);
    std::atomic<int> wrong{0};
    const auto expect = [&](bool good) { wrong += !good; };
    for (std::size_t round = 0; round < capacity / 10; ++round) {
        for (std::size_t i = 0; i < 50; ++i) expect(tx.push(i) && tx.size() == i + 1);
        for (std::size_t i = 50; i > 0; --i) expect(rx.pop() && rx.size() == i - 1);
    }
    for (std::size_t i = 0; i < capacity; ++i) expect(tx.push(i) && tx.size() == i + 1);
    for (std::size_t i = 0; i < capacity; ++i) expect(got(rx.pop()) == i);
    CHECK(tx.size() == 0);
    CHECK(rx.size() == 0);
    {
        const auto n = static_cast<std::size_t>(stress(25'000));
        const std::jthread consumer([&, n] {
            for (std::size_t i = 0; i < n; ++i) expect(got(rx.pop()) == i && rx.size() <= capacity);
        });
        const std::jthread producer([&, n] {
            for (std::size_t i = 0; i < n; ++i) expect(tx.push(i) && tx.size() <= capacity);
        });
    }
    CHECK(wrong == 0);
    CHECK(tx.size() == 0);
    CHECK(rx.size() == 0);
}

TEST_CASE("one to one: all items, in order, then the end") {
    auto [tx, rx] = make_channel<int>(3);
    const int n = stress(100'000);
    std::atomic<int> wrong{0};
    {
        const std::jthread consumer([&, in = std::move(rx)]() mutable {
            for (int i = 0; i < n; ++i) wrong += got(in.pop()) != i;
            CHECK(refusal(in.pop()) == status::complete);
        });
        const std::jthread producer([&, out = std::move(tx)]() mutable {
            for (int i = 0; i < n; ++i) wrong += !out.push(i);
            out.finish();
        });
    }
    CHECK(wrong == 0);
}

TEST_CASE("four to four: every item once for each producer") {
    auto [tx, rx] = make_channel<int>(3);
    const int n = stress(25'000);
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < n; ++i)
                    if (const auto item = rx.pop()) ++seen[static_cast<std::size_t>(*item)];
            });
            threads.emplace_back([&] {
                for (int i = 0; i < n; ++i) (void)tx.push(i);
            });
        }
    }
    CHECK(std::ranges::all_of(seen, [](const auto& times) { return times == 4; }));
    CHECK(tx.size() == 0);
}

TEST_CASE("one item through one short-lived channel, thousands of times") {
    std::atomic<int> wrong{0};
    for (int round = 0; round < stress(10'000); ++round) {
        auto [tx, rx] = make_channel<int>(1);
        const std::jthread consumer([&] { wrong += got(rx.pop()) != round; });
        const std::jthread producer([&] { wrong += !tx.push(round); });
    }
    CHECK(wrong == 0);
}

TEST_CASE("requests iterated over, answers polled for") {
    auto [ask, asked] = make_channel<nothing>(1);
    auto [answer, answered] = make_channel<int>(1);
    const int n = stress(50'000);
    int count = 0;
    {
        const std::jthread client([&, out = std::move(ask), in = std::move(answered)]() mutable {
            for (;;) {
                while (const auto item = in.try_pop())
                    if ((count += *item) == n) return;
                if (!out.push({})) return;
            }
        });
        for ([[maybe_unused]] const auto& request : asked)
            if (!answer.push(1)) break;
    }
    CHECK(count == n);
}

TEST_CASE("timed calls that keep running out of time lose and double nothing") {
    constexpr int n = 100;
    constexpr int capacity = 2;
    auto [tx, rx] = make_channel<int>(capacity);
    std::atomic<int> push_timeouts{0}, pop_timeouts{0}, wrong{0};
    // Over the first half the consumer takes nothing before the producer has run out of time once more; after it
    // the producer adds nothing before the consumer has.
    const auto once_more = [](std::atomic<int>& timeouts) {
        wait_for("a timeout", [&, before = timeouts.load()] { return timeouts > before; });
    };
    {
        const std::jthread producer([&] {
            for (int i = 0; i < n; ++i) {
                if (i >= n / 2 + capacity) once_more(pop_timeouts);
                while (!tx.push_for(i, 100us)) ++push_timeouts;
            }
        });
        const std::jthread consumer([&] {
            for (int i = 0; i < n; ++i) {
                if (i < n / 2) once_more(push_timeouts);
                auto item = rx.pop_for(100us);
                for (; !item; item = rx.pop_for(100us)) ++pop_timeouts;
                wrong += *item != i;
            }
        });
    }
    CHECK(wrong == 0);
    CHECK(push_timeouts >= n / 2);
    CHECK(pop_timeouts >= n / 2 - capacity);
    CHECK(rx.size() == 0);
}

TEST_CASE("every item is destroyed exactly once, popped or not") {
    std::minstd_rand random(20);
    const auto up_to = [&](int n) { return std::uniform_int_distribution(0, n - 1)(random); };
    for (int round = 0; round < stress(100); ++round) {
        const int steps = up_to(10'000);
        const int more = up_to(50);
        std::atomic<int> deaths{0}, wrong{0};
        auto [tx, rx] = make_channel<marked>(50);
        {
            const std::jthread consumer([&] {
                for (int i = 0; i < steps; ++i) wrong += !rx.pop();
            });
            const std::jthread producer([&] {
                for (int i = 0; i < steps; ++i) wrong += !tx.push(marked(deaths));
            });
        }
        for (int i = 0; i < more; ++i) wrong += !tx.push(marked(deaths));
        CHECK(wrong == 0);
        CHECK(deaths == steps);
        CHECK(marked::alive() == more);
        drop(std::move(tx));
        drop(std::move(rx));
        CHECK(deaths == steps + more);
        CHECK(marked::alive() == 0);
    }
}

TEST_CASE("who has pushed finds something to pop, whoever else is at it") {
    auto [tx, rx] = make_channel<int>(4);
    std::atomic<int> wrong{0};
    ported::start_line all(4);
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&, n = stress(25'000)] {
                all.arrive();
                for (int i = 0; i < n; ++i) {
                    wrong += !tx.push(0);
                    wrong += !rx.try_pop();
                }
            });
    }
    CHECK(wrong == 0);
}

TEST_CASE("ends of channels travel through channels, a thousand in a chain") {
    auto [tx, rx] = make_channel<letter>(1);
    const int n = stress(1000);
    std::atomic<int> wrong{0};
    {
        const std::jthread builder([&, out = std::move(tx)]() mutable {
            for (int i = 0; i < n; ++i) {
                auto [next_tx, next_rx] = make_channel<letter>(1);
                wrong += !out.push({std::make_unique<receiver<letter>>(std::move(next_rx))});
                out = std::move(next_tx);
            }
        });
        const std::jthread follower([&, in = std::move(rx)]() mutable {
            for (int i = 0; i < n; ++i) {
                auto item = in.pop();
                if (!item) return void(++wrong);
                in = std::move(*item->next);
            }
        });
    }
    CHECK(wrong == 0);
}

} // namespace crossbeam_load
