// Many items at a time: how far a range got, and what became of the rest.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <functional>
#include <span>
#include <thread>
#include <vector>

namespace ranges {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;
using std::chrono::steady_clock;
using support::numbers;
using support::wait_for_blocked;

TEST_CASE(
    "push_range moves from what may be changed, copies from what may not, and all of it arrives in order") {
    auto [tx, rx] = make_channel<std::string>(8);
    std::vector<std::string> mine{std::string(40, 'a'), std::string(40, 'b')};
    const std::vector<std::string> yours{std::string(40, 'c'), std::string(40, 'd')};
    CHECK(tx.push_range(mine).value() == 2);
    CHECK(tx.push_range(yours).value() == 2);
    CHECK(tx.push_range(std::span(mine).first(0)).value() == 0);
    CHECK(mine[0].empty());
    CHECK(mine[1].empty());
    CHECK(yours[1].size() == 40);
    std::vector<std::string> out;
    CHECK(rx.try_pop_range(out, 100).value() == 4);
    REQUIRE(out.size() == 4);
    CHECK(out[0][0] == 'a');
    CHECK(out[3][0] == 'd');
}

TEST_CASE("push_range blocks midway and goes on; consumers are woken while it is") {
    auto [tx, rx] = make_channel<int>(4);
    auto all = numbers(1000);
    std::jthread producer([&] {
        CHECK(tx.push_range(all).value() == 1000);
        tx.finish();
    });
    int next = 1;
    for (int item : rx) CHECK(item == next++);
    CHECK(next == 1001);
    CHECK(rx.ended()->status() == status::complete);
}

namespace {

// Takes its time to be copied.
struct slow {
    explicit slow(int n) : number(n) {}
    slow(const slow& other) : number(other.number) {
        for (int i = 0; i < 500; ++i) asm volatile("");
    }
    slow& operator=(const slow&) = default;
    int number;
};

} // namespace

TEST_CASE("a range that finds room again and again still sees a stop, and lets a close in") {
    constexpr int total = 1'000'000, early = 100;
    auto [tx, rx] = make_channel<slow>(16);
    const std::vector<slow> all(total, slow(1));
    std::stop_source stop;
    int got = 0;
    auto expected = status::stopped;
    std::function<void()> end = [&] { stop.request_stop(); };
    SUBCASE("by a stop") {}
    SUBCASE("by a close") {
        expected = status::closed;
        end = [&in = rx] { in.close(); };
    }
    std::jthread consumer([&, &in = rx] {
        while (in.pop())
            if (++got == early) end();
    });
    const auto sent = tx.push_range(all, stop.get_token());
    REQUIRE(!sent);
    CHECK(sent.error().status() == expected);
    CHECK(sent.error().accepted() >= early);
    CHECK(sent.error().accepted() < total);
    tx.finish();
    consumer.join();
    CHECK(static_cast<std::size_t>(got) == sent.error().accepted());
}

TEST_CASE("a long pop_exactly lets a stop in between, and what it has stays") {
    auto [tx, rx] = make_channel<int>(1024);
    auto all = numbers(1024);
    CHECK(tx.push_range(all));
    std::stop_source stop;
    stop.request_stop();
    std::vector<int> out;
    CHECK(rx.pop_exactly(out, 1000, stop.get_token()).error().status() == status::stopped);
    CHECK(rx.pop_exactly(out, 1000).value() == 1000);
    CHECK(out.back() == 1000);
    CHECK(rx.pop_exactly_for(out, 1000, 1ms).value() == 24);
}

TEST_CASE("a push_range that is cut off says how many went in, and leaves the rest as it was") {
    auto [tx, rx] = make_channel<std::string>(2);
    std::vector<std::string> five;
    for (char c : {'a', 'b', 'c', 'd', 'e'}) five.emplace_back(40, c);
    SUBCASE("by the lack of room") {
        const auto sent = tx.try_push_range(five);
        CHECK(sent.error().status() == status::full);
        CHECK(sent.error().accepted() == 2);
        CHECK(tx.try_push_range(std::span(five).subspan(2)).error().accepted() == 0);
    }
    SUBCASE("by the time") {
        const auto sent = tx.push_range_for(five, 1ms);
        CHECK(sent.error().status() == status::timeout);
        CHECK(sent.error().accepted() == 2);
        const auto again = tx.push_range_until(std::span(five).subspan(2), steady_clock::now());
        CHECK(again.error().accepted() == 0);
    }
    SUBCASE("by a stop request") {
        std::stop_source source;
        std::jthread stopper([&] {
            wait_for_blocked(tx);
            source.request_stop();
        });
        const auto sent = tx.push_range(five, source.get_token());
        CHECK(sent.error().status() == status::stopped);
        CHECK(sent.error().accepted() == 2);
    }
    SUBCASE("by a consumer that fails") {
        auto w = spawn("picky", rx, [&](receiver<std::string>& in) -> std::expected<void, std::string> {
            wait_for_blocked(tx);
            CHECK(in.pop().value()[0] == 'a');
            support::wait_for("the third to go in", [&] { return tx.size() == 2; });
            return std::unexpected("no more");
        });
        const auto sent = tx.push_range(five);
        CHECK(sent.error().status() == status::closed);
        CHECK(sent.error().accepted() == 3);
        CHECK(sent.error().cause().text() == "no more");
        CHECK(*resolve(tx, w, sent.error()).error() == "no more");
        CHECK(five[2].empty());
        CHECK(five[3].size() == 40);
        CHECK(tx.recover().size() == 2);
        return;
    }
    CHECK(five[1].empty());
    CHECK(five[2].size() == 40);
    CHECK(five[4].size() == 40);
    CHECK(tx.size() == 2);
}

TEST_CASE("pop_exactly fills what was asked for, over several fillings of the channel, and grows the vector "
          "itself") {
    auto [tx, rx] = make_channel<int>(4);
    std::jthread producer([&] {
        auto all = numbers(1003);
        CHECK(tx.push_range(all).value() == 1003);
        tx.finish();
    });
    std::vector<int> out;
    CHECK(rx.pop_exactly(out, 500).value() == 500);
    CHECK(rx.pop_exactly(out, 500).value() == 500);
    CHECK(rx.pop_exactly(out, 500).value() == 3); // the stream ended midway
    CHECK(rx.pop_exactly(out, 500).error().status() == status::complete);
    CHECK(out == numbers(1003));
}

TEST_CASE("a pop_exactly that is cut off midway answers how far it got, and the next call says why") {
    auto [tx, rx] = make_channel<int>(4);
    std::vector<int> out;
    CHECK(rx.try_pop_range(out, 3).error().status() == status::empty);
    CHECK(rx.pop_exactly(out, 0).value() == 0);
    const auto two = numbers(2);
    CHECK(tx.push_range(two).value() == 2);
    SUBCASE("by the time") {
        CHECK(rx.pop_exactly_for(out, 3, 1ms).value() == 2);
        CHECK(rx.pop_exactly_until(out, 3, steady_clock::now()).error().status() == status::timeout);
    }
    SUBCASE("by a stop request") {
        std::stop_source source;
        std::jthread stopper([&] {
            support::wait_for("the two to be taken", [&] { return tx.size() == 0; });
            source.request_stop();
        });
        CHECK(rx.pop_exactly(out, 3, source.get_token()).value() == 2);
        CHECK(rx.pop_exactly(out, 3, source.get_token()).error().status() == status::stopped);
    }
    SUBCASE("by a producer that leaves") {
        std::jthread leaver([&] {
            support::wait_for("the two to be taken", [&] { return tx.size() == 0; });
            const auto gone = std::move(tx);
        });
        CHECK(rx.pop_exactly(out, 3).value() == 2);
        CHECK(rx.pop_exactly(out, 3).error().status() == status::truncated);
    }
    SUBCASE("by a failure: nothing more is delivered") {
        CHECK(tx.abort(cause("broken")));
        CHECK(rx.pop_exactly(out, 3).error().status() == status::aborted);
        CHECK(tx.recover() == numbers(2));
        return;
    }
    CHECK(out == numbers(2));
}

TEST_CASE("one deadline holds for the whole of a range, however often it blocks") {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<bool> over{false};
    std::jthread dripping([&] {
        for (int i = 0; !over; ++i) (void)tx.push_for(i, 1ms);
    });
    std::vector<int> out;
    const auto popped = rx.pop_exactly_for(out, 100'000'000, 30ms);
    over = true;
    CHECK(popped.value() == out.size());
    CHECK(out.size() < 100'000'000);
}

TEST_CASE("a worker that took a batch is said to have been on a range of items") {
    auto [tx, rx] = make_channel<int>(8);
    const auto six = numbers(6);
    CHECK(tx.push_range(six).value() == 6);
    auto w = spawn("batch", std::move(rx), [](receiver<int>& in) -> std::expected<void, std::string> {
        std::vector<int> out;
        CHECK(in.pop().value() == 1);
        CHECK(in.pop_exactly(out, 4).value() == 4);
        return std::unexpected("broken");
    });
    CHECK(w.join().error().message() == "worker 'batch' failed on items 2 to 5: broken");
}

TEST_CASE("a range whose constructor throws midway: what was accepted is queued and counts as pushed") {
    using support::touchy;
    auto [tx, rx] = make_channel<touchy>(4);
    const std::vector<touchy> three{touchy(1), touchy(2), touchy(3)};
    {
        auto leaver = tx;
        touchy::fuse() = 3;
        CHECK_THROWS_AS((void)leaver.push_range(three), std::runtime_error);
        CHECK(tx.size() == 2);
    } // it pushed, and goes without finish
    tx.finish();
    std::vector<touchy> out;
    out.reserve(4);
    touchy::fuse() = 2;
    CHECK_THROWS_AS((void)rx.pop_exactly(out, 2), std::runtime_error);
    CHECK(out.size() == 1);
    CHECK(rx.size() == 1);
    CHECK(rx.pop_exactly(out, 2).value() == 1);
    CHECK(out.back().value == 2);
    CHECK(rx.pop_exactly(out, 2).error().status() == status::truncated); // never complete
}

TEST_CASE("a range whose first constructor throws has pushed nothing") {
    using support::touchy;
    auto [tx, rx] = make_channel<touchy>(4);
    const std::vector<touchy> two{touchy(1), touchy(2)};
    {
        auto leaver = tx;
        touchy::fuse() = 1;
        CHECK_THROWS_AS((void)leaver.push_range(two), std::runtime_error);
    } // so its going breaks nothing
    tx.finish();
    CHECK(rx.pop().error().status() == status::complete);
}

TEST_CASE("a range of several rounds that meets the end has not been told of it: the next call is") {
    auto [tx, rx] = make_channel<int>(4);
    const auto four = numbers(4);
    CHECK(tx.push_range(four).value() == 4);
    tx.finish();
    auto w = spawn("w", std::move(rx), [](receiver<int>& in) -> std::expected<void, std::string> {
        std::vector<int> out;
        CHECK(in.pop_exactly(out, 8).value() == 4);
        return std::unexpected("broken");
    });
    CHECK(w.join().error().message() == "worker 'w' failed on items 1 to 4: broken");
}

TEST_CASE("ranges on a moved-from end answer as a closed, empty channel") {
    auto [tx, rx] = make_channel<int>(2);
    const auto out = std::move(tx);
    const auto in = std::move(rx);
    auto three = numbers(3);
    CHECK(tx.push_range(three).error().status() == status::closed);
    CHECK(tx.push_for(1, 1h).error().status() == status::closed);
    CHECK(rx.pop_for(1h).error().status() == status::closed);
    std::vector<int> none;
    CHECK(rx.pop_exactly(none, 2).error().status() == status::closed);
    CHECK(rx.try_pop_range(none, 2).error().status() == status::closed);
}

TEST_CASE("push_range copies what can only be copied, changeable or not") {
    struct copy_only {
        explicit copy_only(int v) : value(v) {}
        copy_only(const copy_only&) = default;
        copy_only(copy_only&&) = delete;
        copy_only& operator=(const copy_only&) = delete;
        int value;
    };
    auto [tx, rx] = make_channel<copy_only>(4);
    std::array two{copy_only(1), copy_only(2)};
    CHECK(tx.push_range(two).value() == 2);
    CHECK(tx.push_range(std::as_const(two)).value() == 2);
    for (const int expected : {1, 2, 1, 2}) CHECK(rx.pop()->value == expected);
}

TEST_CASE("a stop that cuts a pop_exactly off after its first items is not what the worker failed of") {
    auto [tx, rx] = make_channel<int>(1);
    std::optional<inquest::worker<void, std::string>> w;
    w.emplace(spawn("w", std::move(rx), [](receiver<int>& in) -> std::expected<void, std::string> {
        std::vector<int> out;
        CHECK(in.pop_exactly(out, 3).value() == 2); // rounds of one each
        return std::unexpected("of its own");
    }));
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    support::wait_for("both to be taken", [&] { return tx.size() == 0; });
    w->request_stop();
    CHECK(w->join().error().message() == "worker 'w' failed on items 1 to 2: of its own");
    CHECK(!w->join().error().cause().is_consequence());
}

TEST_CASE("a limit counts from when a range first waits, and ends nothing but its waiting") {
    static steady_clock::time_point taken_until;
    struct slow {
        slow() = default;
        slow(slow&&) noexcept {
            while (steady_clock::now() < taken_until) std::this_thread::yield();
        }
        slow& operator=(slow&&) = default;
    };
    inquest::channel<slow> queue(2);
    std::vector<slow> out;
    out.reserve(5);
    const auto fill = [&] {
        CHECK(queue.push(slow()));
        CHECK(queue.push(slow()));
    };
    fill();
    const auto start = steady_clock::now();
    taken_until = start + 5ms;
    CHECK(queue.pop_exactly_for(out, 3, 4ms).value() == 2); // more than the channel holds
    CHECK(steady_clock::now() - start >= 9ms);
    fill();
    CHECK(queue.pop_exactly_for(out, 2, 0ms).value() == 2);
    CHECK(queue.pop_exactly_for(out, 1, 0ms).error().status() == status::timeout);
}

} // namespace ranges
