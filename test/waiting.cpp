// Every way to wait, and to stop waiting: deadlines and stop tokens.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <limits>

namespace waiting {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using std::chrono::duration;
using std::chrono::steady_clock;
using support::wait_for_blocked;

TEST_CASE("a duration of any kind comes out in ticks: rounded up, and cut to what the clock can count") {
    using inquest::detail::clock;
    using inquest::detail::ticks;
    const auto most = clock::duration::max();
    const auto least = clock::duration::min();
    CHECK(ticks(1s) == 1s);
    CHECK(ticks(-3ms) == -3ms);
    CHECK(ticks(0h) == 0s);
    CHECK(ticks(123456789ns) == 123456789ns);
    CHECK(ticks(duration<long, std::pico>(1)) == 1ns); // never earlier than asked
    CHECK(ticks(duration<long, std::pico>(1000)) == 1ns);
    CHECK(ticks(duration<double>(0.25)) == 250ms);
    CHECK(ticks(duration<unsigned>(7)) == 7s);
    CHECK(ticks(duration<unsigned char, std::milli>(200)) == 200ms);
    CHECK(ticks(duration<unsigned long long>(std::numeric_limits<unsigned long long>::max())) == most);
    CHECK(ticks(duration<unsigned long long, std::nano>(std::numeric_limits<unsigned long long>::max())) ==
          most);
    CHECK(ticks(std::chrono::hours::max()) == most);
    CHECK(ticks(std::chrono::hours::min()) == least);
    CHECK(ticks(std::chrono::nanoseconds::max()) == most);
    CHECK(ticks(std::chrono::nanoseconds::min()) == least);
    CHECK(ticks(duration<double>(std::numeric_limits<double>::infinity())) == most);
    CHECK(ticks(duration<double>(-std::numeric_limits<double>::infinity())) == least);
    CHECK(ticks(duration<double>(std::numeric_limits<double>::quiet_NaN())) == 0s);
    CHECK(ticks(duration<double, std::exa>(1)) == most);
    CHECK(ticks(std::chrono::days(365 * 200)) == std::chrono::days(365 * 200));
    using inquest::detail::deadline_after;
    CHECK(deadline_after(most) == inquest::detail::forever);
    CHECK(deadline_after(most - 1s) == inquest::detail::forever);
    CHECK(deadline_after(1h) > clock::now() + 59min);
    CHECK(deadline_after(least) < clock::now());
    const auto limit = inquest::detail::time_limit::after(15ms); // the clock is read once
    CHECK(limit.until - limit.since == 15ms);
}

TEST_CASE(
    "a timed call that finds nothing to do ends timeout, its value untouched, and nothing is recorded") {
    auto [tx, rx] = make_channel<std::string>(1);
    const auto none = [&](auto&& popped) {
        CHECK(popped.error().status() == status::timeout);
        CHECK(!popped.error().cause());
    };
    none(rx.pop_for(0s));
    none(rx.pop_for(-5h));
    none(rx.pop_for(1ms));
    none(rx.pop_for(duration<unsigned>(0)));
    none(rx.pop_for(std::chrono::hours::min()));
    none(rx.pop_until(steady_clock::now() - 1h));
    none(rx.pop_until(steady_clock::time_point::min()));
    none(rx.pop_until(steady_clock::now() + 1ms));
    none(rx.pop_until(std::chrono::time_point_cast<std::chrono::seconds>(steady_clock::now() - 2s)));
    CHECK(tx.push("there"));
    std::string value(50, 'v');
    CHECK(tx.push_for(std::move(value), 1ms).error().status() == status::timeout);
    CHECK(tx.push_until(std::move(value), steady_clock::time_point::min()).error().status() ==
          status::timeout);
    CHECK(tx.push_for(value, -1s).error().status() == status::timeout);
    CHECK(value == std::string(50, 'v'));
    CHECK(tx.size() == 1);
    CHECK(!tx.is_closed());
    CHECK(inquest::detail::channel_inspector::parked(tx) == 0);
}

TEST_CASE("a deadline that has passed does not keep a call from what is there") {
    auto [tx, rx] = make_channel<int>(2);
    CHECK(tx.push_for(1, -1s));
    CHECK(tx.push_until(2, steady_clock::time_point::min()));
    CHECK(rx.pop_for(0s).value() == 1);
    CHECK(rx.pop_until(steady_clock::time_point::min()).value() == 2);
    tx.finish();
    CHECK(rx.pop_for(0s).error().status() == status::complete); // close is told, not the time
    CHECK(tx.push_for(3, -1s).error().status() == status::closed);
}

TEST_CASE("the longest times there are wait like the untimed forms, and are woken like them") {
    const auto waits = [](auto pop) {
        auto [tx, rx] = make_channel<int>(1);
        std::jthread consumer([&] { CHECK(pop(rx).value() == 9); });
        wait_for_blocked(tx);
        CHECK(tx.push(9));
    };
    waits([](receiver<int>& rx) { return rx.pop_for(std::chrono::hours::max()); });
    waits([](receiver<int>& rx) { return rx.pop_for(std::chrono::nanoseconds::max()); });
    waits([](receiver<int>& rx) { return rx.pop_for(duration<double>(1e300)); });
    waits([](receiver<int>& rx) { return rx.pop_for(duration<unsigned long>(~0UL)); });
    waits([](receiver<int>& rx) { return rx.pop_for(1h); });
    waits([](receiver<int>& rx) { return rx.pop_until(steady_clock::time_point::max()); });
    waits([](receiver<int>& rx) { return rx.pop_until(steady_clock::time_point::max() - 1ns); });
    waits([](receiver<int>& rx) {
        return rx.pop_until(std::chrono::time_point<steady_clock, std::chrono::hours>::max());
    });

    const auto fits = [](auto push) {
        auto [tx, rx] = make_channel<int>(1);
        CHECK(tx.push(1));
        std::jthread producer([&] { CHECK(push(tx)); });
        wait_for_blocked(tx);
        CHECK(rx.pop().value() == 1);
        CHECK(rx.pop().value() == 2);
    };
    fits([](sender<int>& tx) { return tx.push_for(2, std::chrono::hours::max()); });
    fits([](sender<int>& tx) { return tx.push_for(2, 1h); });
    fits([](sender<int>& tx) { return tx.push_until(2, steady_clock::time_point::max()); });
}

TEST_CASE("a timed call that is blocked ends when its channel ends, with the cause") {
    auto [tx, rx] = make_channel<int>(1);
    const cause why("the disk is gone");
    std::jthread consumer([&] {
        const auto end = rx.pop_for(1h);
        CHECK(end.error().status() == status::aborted);
        CHECK(end.error().cause() == why);
    });
    wait_for_blocked(tx);
    CHECK(tx.abort(why));
    consumer.join();

    auto [tx2, rx2] = make_channel<int>(1);
    CHECK(tx2.push(1));
    std::jthread producer([&] {
        const auto sent = tx2.push_until(2, steady_clock::now() + 1h);
        CHECK(sent.error().status() == status::closed);
        CHECK(sent.error().cause() == why);
    });
    wait_for_blocked(tx2);
    CHECK(rx2.close(why));
}

TEST_CASE("a timeout that races a delivery loses no item and doubles none") {
    support::rounds rounds(20'000);
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<long> sum{0};
    {
        std::jthread consumer([&] {
            for (;;) {
                const auto item = rx.pop_for(std::chrono::microseconds(30));
                if (item)
                    sum += *item;
                else if (item.error().status() != status::timeout)
                    break;
            }
        });
        while (rounds.another())
            while (true) {
                const int i = rounds.number();
                const auto sent = tx.push_for(i, std::chrono::microseconds(i % 60));
                if (sent) break;
                REQUIRE(sent.error().status() == status::timeout);
            }
        tx.finish();
    }
    const long last = rounds.number();
    CHECK(sum == last * (last + 1) / 2);
}

TEST_CASE("a timeout that races a close reports the close") {
    for (support::rounds rounds(2'000); rounds.another();) {
        const int round = rounds.number();
        auto [tx, rx] = make_channel<int>(1);
        std::atomic<bool> closed{false};
        std::jthread closer([&] {
            tx.close(cause("why"));
            closed = true;
        });
        for (;;) {
            const bool was_closed = closed;
            const auto end = rx.pop_for(std::chrono::microseconds(round % 50));
            REQUIRE(!end);
            if (end.error().status() == status::truncated) break;
            REQUIRE(end.error().status() == status::timeout);
            REQUIRE(!was_closed);
        }
    }
}

TEST_CASE("timed waits leave nothing behind: a million timeouts, and the channel is as it was") {
    auto [tx, rx] = make_channel<int>(1);
    for (support::rounds rounds(1'000'000); rounds.another();) {
        auto none = rx.pop_for(0ns);
        if (none || none.error().status() != status::timeout) FAIL("no timeout");
    }
    CHECK(inquest::detail::channel_inspector::parked(tx) == 0);
    CHECK(tx.push(1));
    CHECK(rx.pop().value() == 1);
}

TEST_CASE("a stop request ends the call it was given to, blocked or not, and that call alone") {
    auto [tx, rx] = make_channel<int>(1);
    std::stop_source source;
    SUBCASE("a blocked pop") {
        std::jthread consumer([&] { CHECK(rx.pop(source.get_token()).error().status() == status::stopped); });
        wait_for_blocked(tx);
        source.request_stop();
        consumer.join();
        CHECK(tx.push(1));
        CHECK(rx.pop().value() == 1);
    }
    SUBCASE("a blocked push, whose value stays") {
        CHECK(tx.push(1));
        std::jthread producer([&] {
            const int value = 2;
            CHECK(tx.push(value, source.get_token()).error().status() == status::stopped);
            CHECK(tx.push_for(2, 1h, source.get_token()).error().status() == status::stopped);
        });
        wait_for_blocked(tx);
        source.request_stop();
        producer.join();
        CHECK(rx.pop().value() == 1);
        CHECK(rx.try_pop().error().status() == status::empty);
    }
    SUBCASE("before the call: nothing is claimed") {
        source.request_stop();
        CHECK(tx.push(1));
        CHECK(rx.pop(source.get_token()).error().status() == status::stopped);
        CHECK(rx.pop_for(1h, source.get_token()).error().status() == status::stopped);
        CHECK(rx.pop_until(steady_clock::now() + 1h, source.get_token()).error().status() == status::stopped);
        CHECK(tx.push(2, source.get_token()).error().status() == status::stopped);
        CHECK(tx.push_until(2, steady_clock::now() + 1h, source.get_token()).error().status() ==
              status::stopped);
        CHECK(rx.size() == 1);
        CHECK(!rx.is_closed());
    }
    SUBCASE("a token that nobody can stop") {
        CHECK(tx.push(1, std::stop_token{}));
        CHECK(rx.pop(std::stop_token{}).value() == 1);
        CHECK(rx.pop_for(0s, std::stop_token{}).error().status() == status::timeout);
    }
}

TEST_CASE("stop requests that race delivery: each item is popped or still queued, and no stop is missed") {
    support::rounds rounds(100'000);
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<std::stop_source*> current{nullptr};
    std::atomic<int> begun{0}, done{0};
    std::atomic<bool> over{false};
    const auto each_round = [&](auto act) {
        return std::jthread([&, act] {
            for (int i = 1;; ++i) {
                support::look_for([&] { return begun >= i || over; });
                if (over) return;
                act(i);
                ++done;
            }
        });
    };
    const auto dally = [](int n) {
        for (std::atomic<int> left = n; left > 0; --left) {
        }
    };
    int popped = 0;
    {
        const auto producer = each_round([&](int i) {
            dally(i % 7 * 20);
            CHECK(tx.push(i));
        });
        const auto stopper = each_round([&](int i) {
            dally(i % 11 * 60);
            current.load()->request_stop();
        });
        while (rounds.another()) {
            const int i = rounds.number();
            std::stop_source source;
            current = &source;
            begun = i;
            const auto item = rx.pop(source.get_token());
            if (item) {
                ++popped;
                CHECK(*item == i);
            } else {
                CHECK(item.error().status() == status::stopped);
                CHECK(rx.pop().value() == i);
            }
            support::look_for([&] { return done == 2 * i; });
        }
        over = true;
    }
    CHECK(tx.size() == 0);
    MESSAGE("popped before the stop: ", popped, " of ", rounds.number());
}

TEST_CASE("every blocking call on a worker's thread obeys that worker's stop request, on any channel") {
    auto [tx, rx] = make_channel<int>(1); // no channel of the worker's
    CHECK(tx.push(1));
    auto [in, out] = make_channel<int>(1); // empty
    const auto ends_stopped = [&](auto call) {
        auto w = spawn("w", [&] { CHECK(call() == status::stopped); });
        support::wait_for("the worker to block", [&] {
            return inquest::detail::channel_inspector::parked(tx) +
                       inquest::detail::channel_inspector::parked(in) ==
                   1;
        });
        CHECK(w.request_stop());
        CHECK(w.join());
    };
    std::vector<int> many{1, 2, 3};
    std::vector<int> taken;
    ends_stopped([&] { return tx.push(2).error().status(); });
    ends_stopped([&] { return tx.push_for(2, 1h).error().status(); });
    ends_stopped([&] { return tx.push_until(2, steady_clock::now() + 1h).error().status(); });
    ends_stopped([&] { return tx.push_range(many).error().status(); });
    ends_stopped([&] { return tx.push_range_for(many, 1h).error().status(); });
    ends_stopped([&] { return tx.push_range_until(many, steady_clock::now() + 1h).error().status(); });
    ends_stopped([&] { return out.pop().error().status(); });
    ends_stopped([&] { return out.pop_for(1h).error().status(); });
    ends_stopped([&] { return out.pop_until(steady_clock::now() + 1h).error().status(); });
    ends_stopped([&] { return out.pop_exactly(taken, 2).error().status(); });
    ends_stopped([&] { return out.pop_exactly_for(taken, 2, 1h).error().status(); });
    ends_stopped([&] { return out.pop_exactly_until(taken, 2, steady_clock::now() + 1h).error().status(); });
    CHECK(tx.size() == 1);
    CHECK(in.size() == 0);
    in.finish();
}

TEST_CASE("a token given to a call on a worker's thread replaces the worker's own") {
    auto [tx, rx] = make_channel<int>(1);
    std::stop_source mine;
    auto w = spawn(
        "w", [&, r = rx]() mutable { CHECK(r.pop(mine.get_token()).error().status() == status::stopped); });
    wait_for_blocked(tx);
    w.request_stop();
    CHECK(inquest::detail::channel_inspector::parked(tx) == 1); // not for the worker's
    CHECK(!w.is_done());
    mine.request_stop();
    CHECK(w.join());
    tx.finish();
}

TEST_CASE("a channel by reference has all of it too") {
    inquest::channel<int> queue(2);
    std::vector<int> three{1, 2, 3};
    CHECK(queue.try_push_range(three).error().accepted() == 2);
    CHECK(queue.push_for(9, 0s).error().status() == status::timeout);
    CHECK(queue.push_until(9, steady_clock::now()).error().status() == status::timeout);
    std::vector<int> out;
    CHECK(queue.pop_exactly_for(out, 2, 1h).value() == 2);
    CHECK(queue.pop_until(steady_clock::now()).error().status() == status::timeout);
    CHECK(queue.push(4, std::stop_token{}));
    CHECK(queue.pop(std::stop_token{}).value() == 4);
}

} // namespace waiting
