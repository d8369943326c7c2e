// How far a range goes at a time, and how the vector that it fills grows.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace batches {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;
using support::numbers;
using support::wait_for_blocked;

namespace {

/// Asks for a stop when the tenth is made out of another one.
struct tenth_stops {
    tenth_stops() = default;
    tenth_stops(const tenth_stops&) noexcept { count(); }
    tenth_stops(tenth_stops&&) noexcept { count(); }
    tenth_stops& operator=(const tenth_stops&) = default;
    static void count() {
        if (++made() == 10) source().request_stop();
    }
    static std::stop_token again() {
        made() = 0;
        source() = {};
        return source().get_token();
    }
    static int& made() {
        static int n = 0;
        return n;
    }
    static std::stop_source& source() {
        static std::stop_source its;
        return its;
    }
};

} // namespace

TEST_CASE(
    "a range lets go now and then, though nothing keeps it waiting: a stop, and others, get in between") {
    constexpr std::size_t many = 1000;
    auto [tx, rx] = make_channel<tenth_stops>(many);
    std::vector<tenth_stops> all(many);
    SUBCASE("a push_range") {
        const auto sent = tx.push_range(all, tenth_stops::again());
        REQUIRE(!sent);
        CHECK(sent.error().status() == status::stopped);
        CHECK(sent.error().accepted() >= 10);
        CHECK(sent.error().accepted() < many / 2);
        CHECK(rx.size() == sent.error().accepted());
    }
    SUBCASE("a pop_exactly") {
        CHECK(tx.push_range(all).value() == many);
        std::vector<tenth_stops> out;
        out.reserve(many);
        CHECK(rx.pop_exactly(out, many, tenth_stops::again()).value() < many / 2);
        CHECK(out.size() >= 10);
        CHECK(rx.size() == many - out.size());
    }
    tx.finish();
}

TEST_CASE("a vector that is filled by many small ranges grows as one that is filled item by item") {
    constexpr std::size_t many = 4096, few = 4;
    auto [tx, rx] = make_channel<int>(many);
    const auto all = numbers(many);
    CHECK(tx.push_range(all).value() == many);
    std::vector<int> out, plain;
    int grown = 0, grown_by_itself = 0;
    while (out.size() < many) {
        const auto before = out.capacity();
        CHECK(rx.pop_exactly(out, few).value() == few);
        grown += out.capacity() != before;
    }
    for (int i = 0; std::cmp_less(i, many); ++i) {
        const auto before = plain.capacity();
        plain.push_back(i);
        grown_by_itself += plain.capacity() != before;
    }
    CHECK(grown <= grown_by_itself);
    CHECK(out == all);
    tx.finish();
}

TEST_CASE("a range that asks for more than a vector can hold takes what there is") {
    auto [tx, rx] = make_channel<int>(4);
    const auto three = numbers(3);
    CHECK(tx.push_range(three).value() == 3);
    std::vector<int> out;
    CHECK(rx.try_pop_range(out, std::numeric_limits<std::size_t>::max()).value() == 3);
    CHECK(out == three);
    CHECK(out.capacity() < 1000);
    tx.finish();
}

TEST_CASE("pop_range takes what is there once there is something") {
    auto [tx, rx] = make_channel<int>(8);
    std::vector<int> out;
    const auto three = numbers(3);
    CHECK(tx.push_range(three).value() == 3);
    CHECK(rx.pop_range(out, 100).value() == 3); // and does not wait for more
    CHECK(out == three);
    const auto eight = numbers(8);
    CHECK(tx.push_range(eight).value() == 8);
    CHECK(rx.pop_range(out, 2).value() == 2);
    CHECK(rx.pop_range_for(out, 3, 1h).value() == 3);
    CHECK(rx.pop_range_until(out, 0, std::chrono::steady_clock::now()).value() == 0);
    CHECK(rx.pop_range_until(out, 100, std::chrono::steady_clock::now()).value() == 3);
    CHECK(out.size() == 11);
    CHECK(rx.pop_range_for(out, 1, 0s).error().status() == status::timeout);
    {
        std::jthread consumer([&, &in = rx] { CHECK(in.pop_range(out, 100).value() == 1); });
        wait_for_blocked(rx);
        CHECK(tx.push(12));
    }
    CHECK(out.back() == 12);
    tx.finish();
    CHECK(rx.pop_range(out, 100).error().status() == status::complete);
    CHECK(out.size() == 12);
}

TEST_CASE("pop_range takes many in one call, further than it takes at a time") {
    auto [tx, rx] = make_channel<int>(1000);
    const auto all = numbers(1000);
    CHECK(tx.push_range(all).value() == 1000);
    std::vector<int> out;
    CHECK(rx.pop_range(out, 777).value() == 777);
    CHECK(rx.pop_range(out, 777).value() == 223);
    CHECK(out == all);
    tx.finish();
}

TEST_CASE("a batch is full, or old enough, or the last") {
    auto [tx, rx] = make_channel<int>(8);
    std::vector<int> out;
    const auto eight = numbers(8);
    CHECK(tx.push_range(eight).value() == 8);
    CHECK(rx.pop_batch(out, 3, 1h).value() == 3); // full
    CHECK(rx.pop_batch(out, 100, 1ms).value() == 5);
    CHECK(out == eight);
    CHECK(tx.push(9));
    CHECK(rx.pop_batch(out, 100, 0s).value() == 1);
    CHECK(tx.push(10));
    {
        std::jthread consumer([&, &in = rx] {
            CHECK(in.pop_batch(out, 3, 1h).value() == 3); // it waits for the third
        });
        wait_for_blocked(rx);
        CHECK(tx.push(11));
        wait_for_blocked(rx);
        CHECK(tx.push(12));
    }
    CHECK(out.size() == 12);
    CHECK(tx.push(13));
    {
        std::jthread consumer([&, &in = rx] {
            CHECK(in.pop_batch(out, 3, 1h).value() == 1); // the last, which the next call reports
            CHECK(in.pop_batch(out, 3, 1h).error().status() == status::complete);
        });
        wait_for_blocked(rx);
        tx.finish();
    }
    CHECK(out.size() == 13);
}

TEST_CASE("a stop while a batch is gathered returns what there is, and the next call reports it") {
    auto [tx, rx] = make_channel<int>(8);
    CHECK(tx.push(1));
    auto w = spawn("w", rx, [](receiver<int>& in) -> std::expected<long, std::string> {
        std::vector<int> out;
        if (in.pop_batch(out, 100, 1h).value() != 1) return std::unexpected("not one");
        if (in.pop_batch(out, 100, 1h).error().status() != status::stopped)
            return std::unexpected("not stopped");
        return static_cast<long>(out.size());
    });
    wait_for_blocked(rx);
    CHECK(w.request_stop());
    CHECK(w.join().value() == 1);
    tx.finish();
}

TEST_CASE("a batch obeys the token that it is given, before its first item and after") {
    auto [tx, rx] = make_channel<int>(8);
    for (const int queued : {0, 1}) {
        CAPTURE(queued);
        std::vector<int> out;
        if (queued > 0) CHECK(tx.push(1));
        std::stop_source source;
        std::jthread consumer([&, &in = rx] {
            const auto got = in.pop_batch(out, 3, 1h, source.get_token());
            CHECK(got.has_value() == (queued > 0));
        });
        wait_for_blocked(rx);
        source.request_stop();
        consumer.join();
        CHECK(std::cmp_equal(out.size(), queued));
    }
    tx.finish();
}

TEST_CASE("a batch may be more than the channel can hold, and what comes meanwhile is not for pop_range") {
    inquest::channel<int> queue(4);
    std::jthread producer([&] {
        for (int i = 1; i <= 40; ++i) CHECK(queue.push(i));
    });
    std::vector<int> out;
    CHECK(queue.pop_batch(out, 20, 1h).value() == 20);
    while (out.size() < 40) CHECK(queue.pop_range(out, 100).value() <= 4);
    CHECK(out == numbers(40));
}

TEST_CASE("a channel may be destroyed while a batch, or all of it, is taken") {
    for (const bool all : {false, true}) {
        for (support::rounds rounds(200); rounds.another();) {
            auto queue = std::make_unique<inquest::channel<int>>(4);
            std::vector<int> out;
            std::jthread consumer([&, &from = *queue] {
                const auto got = all ? from.drain(out) : from.pop_batch(out, 100, 1h);
                CHECK((got || got.error().status() == status::aborted));
            });
            support::wait_for_a_call(*queue);
            CHECK(queue->push(1));
            queue.reset();
        }
    }
}

TEST_CASE(
    "a batch that is cut off by a broken stream does not say so: a worker that stops there may succeed") {
    auto [tx, rx] = make_channel<int>(8);
    CHECK(tx.push(1));
    auto w = spawn("w", rx, [](receiver<int>& in) -> std::expected<long, std::string> {
        std::vector<int> out;
        return static_cast<long>(in.pop_batch(out, 100, 1h).value());
    });
    wait_for_blocked(rx);
    tx.close(cause("cut off"));
    CHECK(w.join().value() == 1);
}

} // namespace batches
