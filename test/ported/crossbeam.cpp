// The behaviour that crossbeam-channel's tests/array.rs and tests/thread_locals.rs ask for.
//
// There a value comes back in the error of a failed send; here the argument is untouched. There "disconnected" is
// one word; here a receiver that goes means `closed`, a sender that goes without `finish` means `truncated`.
//
// tests/array.rs             | here; what is marked * stands in crossbeam_load.cpp
// ---------------------------+-------------------------------------------------------------------------------------
// smoke                      | what was pushed is popped, in every form, and then there is nothing
// capacity                   | the capacity is what was asked for, at both ends
// len_empty_full             | both ends see the same fill level after every step
// try_recv                   | try_pop tells nothing yet, an item, and the end apart
// recv                       | pop waits for the first item, takes those that lie ready, and then tells the end
// recv_timeout               | pop_for runs out of time, gets an item, and tells the end
// try_send                   | try_push tells no room, room again, and nobody left apart
// send                       | push waits for room, each time anew
// send_timeout               | push_for runs out of time, gets room, and tells that nobody is left
// send_after_disconnect      | once the receiver has gone every form of push is refused, its argument untouched
// recv_after_disconnect      | once the senders have gone what is queued is still popped, in every form
// len                        | the size is exact when alone, and never above the capacity under load *
// disconnect_wakes_sender    | a receiver that goes wakes a blocked push
// disconnect_wakes_receiver  | a sender that goes wakes a blocked pop
// spsc                       | one to one: all items, in order, then the end *
// mpmc                       | four to four: every item once for each producer *
// stress_oneshot             | one item through one short-lived channel, thousands of times *
// stress_iter                | requests iterated over, answers polled for *
// stress_timeout_two_threads | timed calls that keep running out of time lose and double nothing *
// drops                      | every item is destroyed exactly once, popped or not *
// linearizable               | who has pushed finds something to pop, whoever else is at it *
// fairness                   | left out: select, we have none
// fairness_duplicates        | left out: select, we have none
// recv_in_send               | left out: an argument of select that is evaluated late; ours are evaluated before
// channel_through_channel    | ends of channels travel through channels, a thousand in a chain *
// panic_on_drop              | an item whose constructor throws on its way out is destroyed once, like the rest.
//                            | Its second half is left out: items with throwing destructors do not compile
// drop_unreceived            | with the last receiver go the items nobody popped, where they are to be discarded
//
// tests/thread_locals.rs     | here
// ---------------------------+-------------------------------------------------------------------------------------
// use_while_exiting          | destructors of thread-local objects may use channels, and block in them
#include "ported.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace crossbeam {

using namespace std::chrono_literals;
using inquest::make_channel;
using inquest::status;
using ported::drop;
using ported::got;
using ported::marked;
using ported::refusal;
using support::wait_for;
using support::wait_for_blocked;

namespace {

struct nothing {};

/// Does something when its thread ends.
struct last_words {
    std::function<void()> say;
    ~last_words() {
        if (say) say();
    }
};
thread_local last_words at_thread_end;

} // namespace

TEST_CASE("what was pushed is popped, in every form, and then there is nothing") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.push(7));
    CHECK(got(rx.try_pop()) == 7);
    CHECK(tx.push(8));
    CHECK(got(rx.pop()) == 8);
    CHECK(refusal(rx.try_pop()) == status::empty);
    CHECK(refusal(rx.pop_for(1ms)) == status::timeout);
}

TEST_CASE("the capacity is what was asked for, at both ends") {
    for (std::size_t n = 1; n < 10; ++n) {
        const auto [tx, rx] = make_channel<nothing>(n);
        CHECK(tx.capacity() == n);
        CHECK(rx.capacity() == n);
    }
}

TEST_CASE("both ends see the same fill level after every step") {
    auto [tx, rx] = make_channel<nothing>(2);
    const auto filled = [&](std::size_t n) {
        return tx.size() == n && rx.size() == n && tx.capacity() == 2 && rx.capacity() == 2;
    };
    CHECK(filled(0));
    CHECK(tx.push({}));
    CHECK(filled(1));
    CHECK(tx.push({}));
    CHECK(filled(2));
    CHECK(refusal(tx.try_push({})) == status::full);
    CHECK(filled(2));
    CHECK(rx.pop());
    CHECK(filled(1));
}

TEST_CASE("try_pop tells nothing yet, an item, and the end apart") {
    auto [tx, rx] = make_channel<int>(100);
    std::atomic<bool> looked{false};
    std::jthread consumer([&] {
        CHECK(refusal(rx.try_pop()) == status::empty);
        looked = true;
        wait_for("an item", [&] { return rx.size() == 1; });
        CHECK(got(rx.try_pop()) == 7);
        wait_for("the end", [&] { return rx.is_closed(); });
        CHECK(refusal(rx.try_pop()) == status::truncated);
    });
    wait_for("the first look", [&] { return looked.load(); });
    CHECK(tx.push(7));
    wait_for("the item to be taken", [&] { return tx.size() == 0; });
    drop(std::move(tx));
}

TEST_CASE("pop waits for the first item, takes those that lie ready, and then tells the end") {
    auto [tx, rx] = make_channel<int>(100);
    std::jthread consumer([&] {
        CHECK(got(rx.pop()) == 7);
        wait_for("two more", [&] { return rx.size() == 2 && rx.is_closed(); });
        CHECK(got(rx.pop()) == 8);
        CHECK(got(rx.pop()) == 9);
        CHECK(refusal(rx.pop()) == status::complete);
    });
    wait_for_blocked(tx);
    for (int i = 7; i <= 9; ++i) CHECK(tx.push(i));
    tx.finish();
}

TEST_CASE("pop_for runs out of time, gets an item, and tells the end") {
    auto [tx, rx] = make_channel<int>(100);
    std::atomic<bool> late{false};
    std::jthread consumer([&] {
        CHECK(refusal(rx.pop_for(1ms)) == status::timeout);
        late = true;
        CHECK(got(rx.pop_for(1h)) == 7);
        CHECK(refusal(rx.pop_for(1h)) == status::truncated);
    });
    wait_for("the timeout", [&] { return late.load(); });
    wait_for_blocked(tx);
    CHECK(tx.push(7));
    wait_for("the item to be taken", [&] { return tx.size() == 0; });
    wait_for_blocked(tx);
    drop(std::move(tx));
}

TEST_CASE("try_push tells no room, room again, and nobody left apart") {
    auto [tx, rx] = make_channel<std::string>(1);
    std::atomic<bool> refused{false};
    std::jthread consumer([&, in = std::move(rx)]() mutable {
        wait_for("the channel to be full", [&] { return refused.load(); });
        CHECK(got(in.try_pop()) == "one");
        CHECK(refusal(in.try_pop()) == status::empty);
        CHECK(got(in.pop()) == "three");
        drop(std::move(in));
    });
    std::string two = "two", four = "four";
    CHECK(tx.try_push("one"));
    CHECK(refusal(tx.try_push(std::move(two))) == status::full);
    CHECK(two == "two");
    refused = true;
    wait_for_blocked(tx);
    CHECK(tx.try_push("three"));
    wait_for("the receiver to go", [&] { return tx.is_closed(); });
    CHECK(refusal(tx.try_push(std::move(four))) == status::closed);
    CHECK(four == "four");
}

TEST_CASE("push waits for room, each time anew") {
    auto [tx, rx] = make_channel<int>(1);
    std::jthread producer([&] {
        for (int i = 7; i <= 10; ++i) CHECK(tx.push(i));
    });
    for (int i = 7; i <= 9; ++i) {
        wait_for_blocked(tx);
        CHECK(got(rx.pop()) == i);
    }
    producer.join();
    CHECK(rx.size() == 1);
}

TEST_CASE("push_for runs out of time, gets room, and tells that nobody is left") {
    auto [tx, rx] = make_channel<std::string>(2);
    std::atomic<bool> late{false};
    std::jthread producer([&] {
        std::string three = "three", five = "five";
        CHECK(tx.push_for("one", 1h));
        CHECK(tx.push_for("two", 1h));
        CHECK(refusal(tx.push_for(std::move(three), 1ms)) == status::timeout);
        CHECK(three == "three");
        late = true;
        CHECK(tx.push_for("four", 1h));
        wait_for("the receiver to go", [&] { return tx.is_closed(); });
        CHECK(refusal(tx.push_for(std::move(five), 1h)) == status::closed);
        CHECK(five == "five");
    });
    wait_for("the timeout", [&] { return late.load(); });
    wait_for_blocked(rx);
    for (const auto* item : {"one", "two", "four"}) CHECK(got(rx.pop()) == item);
    drop(std::move(rx));
}

TEST_CASE("once the receiver has gone every form of push is refused, its argument untouched") {
    auto [tx, rx] = make_channel<std::string>(100);
    for (const auto* item : {"one", "two", "three"}) CHECK(tx.push(item));
    drop(std::move(rx));
    std::string mine = "four";
    CHECK(refusal(tx.push(std::move(mine))) == status::closed);
    CHECK(refusal(tx.try_push(std::move(mine))) == status::closed);
    CHECK(refusal(tx.push_for(std::move(mine), 1h)) == status::closed);
    CHECK(refusal(tx.push_until(std::move(mine), std::chrono::steady_clock::now() + 1h)) == status::closed);
    CHECK(refusal(tx.push_range(std::span(&mine, 1))) == status::closed);
    CHECK(mine == "four");
}

TEST_CASE("once the senders have gone what is queued is still popped, in every form") {
    auto [tx, rx] = make_channel<int>(100);
    for (int i = 1; i <= 5; ++i) CHECK(tx.push(i));
    status last = status::complete;
    SUBCASE("with all said") { tx.finish(); }
    SUBCASE("leaving it at that") { last = status::truncated; }
    drop(std::move(tx));
    CHECK(got(rx.pop()) == 1);
    CHECK(got(rx.try_pop()) == 2);
    CHECK(got(rx.pop_for(1h)) == 3);
    CHECK(got(rx.pop_until(std::chrono::steady_clock::now() + 1h)) == 4);
    std::vector<int> rest;
    CHECK(rx.pop_exactly(rest, 9).value() == 1);
    CHECK(rest == std::vector{5});
    CHECK(refusal(rx.pop()) == last);
    CHECK(refusal(rx.try_pop()) == last);
    CHECK(refusal(rx.pop_for(1h)) == last);
    CHECK(refusal(rx.pop_exactly(rest, 9)) == last);
}

TEST_CASE("a receiver that goes wakes a blocked push") {
    auto [tx, rx] = make_channel<nothing>(1);
    std::jthread producer([&] {
        CHECK(tx.push({}));
        CHECK(refusal(tx.push({})) == status::closed);
    });
    wait_for_blocked(rx);
    drop(std::move(rx));
}

TEST_CASE("a sender that goes wakes a blocked pop") {
    auto [tx, rx] = make_channel<nothing>(1);
    std::jthread consumer([&] { CHECK(refusal(rx.pop()) == status::truncated); });
    wait_for_blocked(tx);
    drop(std::move(tx));
}

TEST_CASE("an item whose constructor throws on its way out is destroyed once, like the rest") {
    std::array<std::atomic<int>, 2> deaths{};
    auto [tx, rx] = make_channel<marked>(2);
    for (auto& count : deaths) CHECK(tx.push(marked(count)));
    SUBCASE("both left behind") {}
    SUBCASE("the first throws, and is left behind") {
        marked::armed() = true;
        CHECK_THROWS_AS((void)rx.pop(), std::runtime_error);
    }
    SUBCASE("the first throws, and is popped after all") {
        marked::armed() = true;
        CHECK_THROWS_AS((void)rx.pop(), std::runtime_error);
        CHECK(rx.pop());
        CHECK(deaths[0] == 1);
        CHECK(deaths[1] == 0);
    }
    drop(std::move(tx));
    drop(std::move(rx));
    CHECK(deaths[0] == 1);
    CHECK(deaths[1] == 1);
    CHECK(marked::alive() == 0);
}

TEST_CASE("with the last receiver go the items nobody popped, where they are to be discarded") {
    for (const auto policy : {inquest::undelivered::discard, inquest::undelivered::keep}) {
        auto [tx, rx] = make_channel<std::shared_ptr<int>>({.capacity = 1, .undelivered = policy});
        auto item = std::make_shared<int>(1);
        const std::weak_ptr<int> seen = item;
        CHECK(tx.push(std::move(item)));
        auto other = rx;
        drop(std::move(rx));
        CHECK(!seen.expired());
        drop(std::move(other));
        CHECK(seen.expired() == (policy == inquest::undelivered::discard));
        drop(std::move(tx));
        CHECK(seen.expired());
    }
}

TEST_CASE("destructors of thread-local objects may use channels, and block in them") {
    inquest::channel<int> gate(1), bell(1);
    std::atomic<int> wrong{0}, finished{0};
    const auto thread = [&] {
        at_thread_end.say = [&] {
            auto [tx, rx] = make_channel<int>(1);
            wrong += refusal(rx.pop_for(1ms)) != status::timeout;
            wrong += got(bell.pop()) != 2;
            wrong += !tx.push(3) || refusal(tx.push_for(4, 1ms)) != status::timeout;
            ++finished;
        };
        wrong += got(gate.pop()) != 1; // the first use of a channel comes after the object that goes last
    };
    const auto ring = [&] {
        wait_for_blocked(gate);
        CHECK(gate.push(1));
        wait_for_blocked(bell);
        CHECK(bell.push(2));
    };
    SUBCASE("of a plain thread") {
        std::jthread plain(thread);
        ring();
    }
    SUBCASE("of a worker, whose join waits for them") {
        auto worker = inquest::spawn("worker", thread);
        ring();
        CHECK(worker.join());
        CHECK(finished == 1);
    }
    CHECK(finished == 1);
    CHECK(wrong == 0);
}

} // namespace crossbeam
