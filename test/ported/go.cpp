// The behaviour that Go's src/runtime/chan_test.go and three programs of its test/chan ask for, from capacity 1
// on.
//
// There a receive from a closed channel gives a zero; here it is refused, and says why. There a goroutine may be
// left behind, blocked; here every thread is joined.
//
// src/runtime/chan_test.go           | here
// -----------------------------------+-----------------------------------------------------------------------------
// TestChan, capacity 0               | left out: capacity 0 is refused
// TestChan, receive from empty       | at each capacity: pop blocks while it is empty, try_pop does not
// TestChan, send to full             | at each capacity: push blocks while it is full, try_push does not
// TestChan, receive from closed      | at each capacity: what is queued survives a close, and then nothing comes
// TestChan, close unblocks receive   | at each capacity: a close ends a blocked pop
// TestChan, 100 integers, twice      | at each capacity: one producer's items come in order
// TestChan, 1000 from each of 4      | at each capacity: four producers and four consumers, nothing lost or doubled
// TestChan, len and cap              | at each capacity: size and capacity, empty and full
// TestNonblockRecvRace               | a channel with an item that is being closed never looks merely empty
// TestNonblockSelectRace, ...Race2,  | left out: select, we have none
//   TestSelfSelect, TestSelectStress |
// TestChanSendInterface              | items behind a common type, refused where there is no room
// TestPseudoRandomSend               | left out: what it asks for is the random choice of select
// TestMultiConsumer                  | 23 workers pass on 271 828 items: the number and the sum are exact
// TestShrinkStackDuringBlockedSend,  | left out: threads' stacks do not move
//   TestNoShrinkStackWhileParking    |
// TestSelectDuplicateChannel         | a pop that gave up does not keep the one behind it from being woken
// TestSelectStackAdjust              | left out: select, and stacks do not move
// Benchmark...                       | left out: no behaviour
//
// test/chan                          | here
// -----------------------------------+-----------------------------------------------------------------------------
// fifo.go, AsynchFifo                | first in, first out
// fifo.go, SynchFifo                 | a daisy chain of threads takes the items in turn
// goroutines.go                      | one item goes through a long chain of threads, which all end
// sieve1.go                          | a sieve of one thread per prime, taken down from its far end
// the other programs                 | left out: select, reflection or the language's grammar
#include "ported.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace go {

using namespace std::chrono_literals;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::status;
using ported::drop;
using ported::got;
using ported::refusal;
using support::stress;
using support::wait_for_blocked;

namespace {

/// Runs `body` for the capacities 1 to 199, or to a tenth of it.
template <class F>
void at_each_capacity(F&& body) {
    for (int n = 1; n <= stress(199); ++n) {
        CAPTURE(n);
        body(static_cast<std::size_t>(n));
    }
}

void fill(sender<int>& tx) {
    for (int i = 0; i < static_cast<int>(tx.capacity()); ++i) CHECK(tx.push(i));
}

} // namespace

TEST_CASE("at each capacity: pop blocks while it is empty, try_pop does not") {
    at_each_capacity([](std::size_t n) {
        auto [tx, rx] = make_channel<int>(n);
        std::atomic<int> popped{0}, wrong{0};
        {
            const auto pop = [&] {
                wrong += !rx.pop();
                ++popped;
            };
            const std::jthread one(pop), other(pop);
            wait_for_blocked(tx, 2);
            CHECK(popped == 0);
            CHECK(refusal(rx.try_pop()) == status::empty);
            CHECK(refusal(rx.pop_for(0s)) == status::timeout);
            CHECK(tx.push(0));
            CHECK(tx.push(0));
        }
        CHECK(popped == 2);
        CHECK(wrong == 0);
    });
}

TEST_CASE("at each capacity: push blocks while it is full, try_push does not") {
    at_each_capacity([](std::size_t n) {
        auto [tx, rx] = make_channel<int>(n);
        fill(tx);
        std::atomic<bool> pushed{false};
        std::jthread producer([&] { pushed = tx.push(-1).has_value(); });
        wait_for_blocked(rx);
        CHECK(!pushed);
        CHECK(refusal(tx.try_push(-2)) == status::full);
        CHECK(refusal(tx.push_for(-2, 0s)) == status::timeout);
        CHECK(got(rx.pop()) == 0);
        producer.join();
        CHECK(pushed);
        CHECK(tx.size() == n);
    });
}

TEST_CASE("at each capacity: what is queued survives a close, and then nothing comes") {
    at_each_capacity([](std::size_t n) {
        auto [tx, rx] = make_channel<int>(n);
        fill(tx);
        CHECK(tx.close());
        for (std::size_t i = 0; i < n; ++i) CHECK(got(rx.pop()) == static_cast<int>(i));
        CHECK(refusal(rx.pop()) == status::complete);
        CHECK(refusal(rx.try_pop()) == status::complete);
    });
}

TEST_CASE("at each capacity: a close ends a blocked pop") {
    at_each_capacity([](std::size_t n) {
        auto [tx, rx] = make_channel<int>(n);
        std::optional<status> end;
        std::jthread consumer([&] { end = refusal(rx.pop()); });
        wait_for_blocked(tx);
        CHECK(tx.close());
        consumer.join();
        CHECK(end == status::complete);
    });
}

TEST_CASE("at each capacity: one producer's items come in order") {
    at_each_capacity([](std::size_t n) {
        auto [tx, rx] = make_channel<int>(n);
        std::atomic<int> wrong{0};
        const auto produce = [&] {
            for (int i = 0; i < 100; ++i) wrong += !tx.push(i);
        };
        {
            const std::jthread producer(produce);
            for (int i = 0; i < 100; ++i) wrong += got(rx.pop()) != i;
        }
        {
            const std::jthread producer(produce);
            for (int i = 0; i < 100; ++i) wrong += got(rx.pop_for(1h)) != i;
        }
        CHECK(wrong == 0);
    });
}

TEST_CASE("at each capacity: four producers and four consumers, nothing lost or doubled") {
    constexpr int each = 1000;
    at_each_capacity([](std::size_t n) {
        auto [tx, rx] = make_channel<int>(n);
        std::array<std::vector<int>, 4> popped;
        {
            std::vector<std::jthread> threads;
            for (auto& mine : popped) {
                threads.emplace_back([&] {
                    for (int i = 0; i < each; ++i) (void)tx.push(i);
                });
                threads.emplace_back([&] {
                    for (int i = 0; i < each; ++i) mine.push_back(rx.pop().value_or(-1));
                });
            }
        }
        std::vector<int> times(each);
        int wrong = 0;
        for (const auto& some : popped)
            for (const int i : some)
                if (i >= 0)
                    ++times[static_cast<std::size_t>(i)];
                else
                    ++wrong;
        CHECK(wrong == 0);
        CHECK(std::ranges::all_of(times, [](int t) { return t == 4; }));
        CHECK(rx.size() == 0);
    });
}

TEST_CASE("at each capacity: size and capacity, empty and full") {
    at_each_capacity([](std::size_t n) {
        auto [tx, rx] = make_channel<int>(n);
        CHECK(tx.size() == 0);
        CHECK(tx.capacity() == n);
        fill(tx);
        CHECK(rx.size() == n);
        CHECK(rx.capacity() == n);
    });
}

TEST_CASE("a channel with an item that is being closed never looks merely empty") {
    int taken = 0, wrong = 0;
    for (int round = 0; round < stress(10'000); ++round) {
        auto [tx, rx] = make_channel<int>(1);
        wrong += !tx.push(1);
        std::expected<int, inquest::pop_error> there = 0;
        ported::start_line both(2);
        std::jthread other([&, round] {
            both.arrive(round % 2 == 1);
            there = rx.try_pop();
        });
        both.arrive(round % 2 == 0);
        wrong += !tx.close();
        const auto here = rx.pop();
        other.join();
        for (const auto* popped : {&here, &std::as_const(there)})
            wrong += *popped ? **popped != 1 : refusal(*popped) != status::complete;
        wrong += here.has_value() == there.has_value();
        taken += there.has_value();
    }
    CHECK(wrong == 0);
    MESSAGE("taken by the other: ", taken);
}

TEST_CASE("items behind a common type, refused where there is no room") {
    using any_of_them = std::shared_ptr<const void>;
    auto [tx, rx] = make_channel<any_of_them>(1);
    any_of_them text = std::make_shared<std::string>("text"), number = std::make_shared<int>(5);
    CHECK(tx.push(text));
    CHECK(refusal(tx.try_push(text)) == status::full);
    CHECK(refusal(tx.try_push(std::move(number))) == status::full);
    CHECK((number && *static_cast<const int*>(number.get()) == 5));
    CHECK(text.use_count() == 2);
    CHECK(got(rx.pop()) == text);
    CHECK(text.use_count() == 1);
}

TEST_CASE("23 workers pass on 271 828 items: the number and the sum are exact") {
    constexpr std::size_t workers = 23;
    constexpr std::array values{2, 3, 7, 11, 13, 17, 19, 23, 27, 31};
    const int n = stress(271'828);
    auto [work, todo] = make_channel<int>(workers * 3);
    auto [result, results] = make_channel<int>(workers * 3);
    std::atomic<int> wrong{0};
    std::vector<std::jthread> threads;
    for (std::size_t w = 0; w < workers; ++w)
        threads.emplace_back([&, mine = values[w % values.size()], in = todo, out = result]() mutable {
            for (const int value : in) {
                if (value == mine) std::this_thread::yield(); // let others pass
                wrong += !out.push(value);
            }
            wrong += refusal(in.pop()) != status::complete;
            out.finish();
        });
    result.finish(); // those of the workers are left
    long expected = 0;
    threads.emplace_back([&, out = std::move(work)]() mutable {
        for (int i = 0; i < n; ++i) {
            const int value = values[static_cast<std::size_t>(i) % values.size()];
            expected += value;
            wrong += !out.push(value);
        }
        out.finish();
    });
    int count = 0;
    long sum = 0;
    for (const int value : results) {
        ++count;
        sum += value;
    }
    CHECK(results.ended()->status() == status::complete);
    threads.clear();
    CHECK(wrong == 0);
    CHECK(count == n);
    CHECK(sum == expected);
}

TEST_CASE("a pop that gave up does not keep the one behind it from being woken") {
    auto [tx, rx] = make_channel<int>(1);
    std::stop_source stop;
    std::jthread first([&] { CHECK(refusal(rx.pop(stop.get_token())) == status::stopped); });
    wait_for_blocked(tx, 1);
    std::jthread second([&] { CHECK(got(rx.pop()) == 8); });
    wait_for_blocked(tx, 2);
    stop.request_stop();
    first.join();
    CHECK(tx.push(8));
}

TEST_CASE("first in, first out") {
    auto [tx, rx] = make_channel<int>(10);
    fill(tx);
    for (int i = 0; i < 10; ++i) CHECK(got(rx.pop()) == i);
}

TEST_CASE("a daisy chain of threads takes the items in turn") {
    constexpr int links = 10;
    auto [tx, rx] = make_channel<int>(1);
    auto [start, turn] = make_channel<int>(1);
    std::vector<std::jthread> threads;
    std::atomic<int> wrong{0};
    for (int i = 0; i < links; ++i) {
        auto [pass, next] = make_channel<int>(1);
        threads.emplace_back([&, i, mine = std::move(turn), out = std::move(pass)]() mutable {
            wrong += !mine.pop();
            wrong += got(rx.pop()) != i;
            wrong += !out.push(1);
        });
        turn = std::move(next);
    }
    CHECK(start.push(0));
    for (int i = 0; i < links; ++i) CHECK(tx.push(i));
    CHECK(got(turn.pop()) == 1);
    threads.clear();
    CHECK(wrong == 0);
}

TEST_CASE("one item goes through a long chain of threads, which all end") {
    auto [left, leftmost] = make_channel<int>(1);
    std::atomic<int> wrong{0};
    std::deque<std::jthread> threads;
    const int links = stress(5000);
    for (int i = 0; i < links; ++i) {
        auto [right_tx, right_rx] = make_channel<int>(1);
        threads.emplace_back([&, to = std::move(left), from = std::move(right_rx)]() mutable {
            const auto item = from.pop();
            wrong += !item || !to.push(*item + 1);
        });
        left = std::move(right_tx);
    }
    CHECK(left.push(1));
    CHECK(got(leftmost.pop()) == links + 1);
    threads.clear();
    CHECK(wrong == 0);
}

TEST_CASE("a sieve of one thread per prime, taken down from its far end") {
    constexpr std::array primes{2,  3,  5,  7,  11, 13, 17, 19, 23, 29, 31, 37, 41,
                                43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97};
    std::vector<std::jthread> threads;
    auto [numbers, in] = make_channel<int>(1);
    threads.emplace_back([out = std::move(numbers)]() mutable {
        for (int i = 2; out.push(i); ++i) {
        }
    });
    std::vector<int> found;
    while (found.size() < primes.size()) {
        const int prime = in.pop().value_or(0);
        REQUIRE(prime > 0);
        found.push_back(prime);
        auto [out, next] = make_channel<int>(1);
        threads.emplace_back([prime, from = std::move(in), to = std::move(out)]() mutable {
            for (const int i : from)
                if (i % prime != 0 && !to.push(i)) break;
        });
        in = std::move(next);
    }
    CHECK(std::ranges::equal(found, primes));
    drop(std::move(in)); // the last filter's push fails, it goes, and so on up to the source
    threads.clear();
}

} // namespace go
