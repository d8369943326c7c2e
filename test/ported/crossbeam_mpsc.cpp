// The behaviour that crossbeam-channel's tests/mpsc.rs (itself after Rust's std::sync::mpsc) asks of a bounded
// channel. Capacity 0 is refused here: its cases run at capacity 1, with a producer that waits where there the send
// does. A value that comes back in an error there is an untouched argument here.
//
// mod sync_channel_tests                            | here
// --------------------------------------------------+--------------------------------------------------------------
// smoke, smoke_shared                               | an item goes through one slot, from a sender and from its copy
// drop_full                                         | an item that nobody popped is destroyed with its channel
// recv_timeout                                      | a timed pop gives up on an empty channel, not on a filled one
// smoke_threads, send1,                             | an item from another thread reaches a pop that waits for it
//   oneshot_multi_task_recv_then_send               |
// smoke_port_gone, smoke_shared_port_gone2,         | with the receiver gone pushes are refused, from copies too
//   oneshot_single_thread_send_port_close,          |
//   oneshot_single_thread_try_send_closed, try_send3|
// port_gone_concurrent                              | who pushes for as long as he can ends when the receiver goes
// port_gone_concurrent_shared                       | the same (subcase)
// smoke_chan_gone, smoke_chan_gone_shared,          | with the senders gone pops end, as often as one asks
//   oneshot_single_thread_recv_chan_close,          |
//   oneshot_single_thread_try_recv_closed,          |
//   oneshot_single_thread_peek_close                |
// chan_gone_concurrent                              | who pops for as long as he can gets all, and ends
// stress, stress_shared                             | many producers, one consumer: as many items as were pushed
// stress_recv_timeout_two_threads                   | a consumer with timeouts gets as many items as were pushed
// stress_recv_timeout_shared                        | the same (subcase)
// oneshot_single_thread_close_port_first,           | an end that goes unused says so to the other
//   oneshot_single_thread_close_chan_first          |
// oneshot_single_thread_send_then_recv,             | one item, by every pair of a push and a pop
//   oneshot_single_thread_try_send_open,            |
//   oneshot_single_thread_try_recv_open,            |
//   oneshot_single_thread_peek_data,                |
//   oneshot_single_thread_peek_open, try_send2      |
// oneshot_single_thread_try_recv_closed_with_data   | an item outlives its sender
// oneshot_single_thread_try_send_closed2, try_send1 | left out: capacity 0, where every try is refused
// oneshot_multi_task_recv_then_close                | both ends gone on other threads: a pop ends
// oneshot_multi_thread_close_stress                 | one-shot channels: both ends go at once
// oneshot_multi_thread_send_close_stress            | one-shot channels: a push while the receiver goes
// oneshot_multi_thread_recv_close_stress            | one-shot channels: a pop while the sender goes
// oneshot_multi_thread_send_recv_stress             | one-shot channels: a push and a pop meet
// stream_send_recv_stress                           | ends handed from thread to thread keep the order
// recv_a_lot                                        | a large channel is filled to the brim and emptied
// shared_chan_stress                                | a hundred threads push one item each
// test_nested_recv_iter, test_recv_iter_break       | iterating takes items to the end, or until one breaks off
// try_recv_states                                   | left out: the same as try_recv in crossbeam.cpp
// destroy_upgraded_shared_port_when_sender_still_   | a receiver may go while a sender stays
//   active                                          |
// send2                                             | one-shot channels: a push while the receiver goes
// send3, send4                                      | a receiver that goes refuses all pushes that wait
// issue_15761                                       | two threads that try once each get through, a hundred times
//
// mod channel_tests: the channel there is unbounded, we have none. Cases that bear a name from above ask the same;
// of the others these do not depend on it:
// drop_full_shared                                  | see drop_full
// smoke_shared_port_gone, issue_32114               | see smoke_port_gone
// shared_recv_timeout,                              | see recv_timeout
//   oneshot_single_thread_recv_timeout              |
// recv_timeout_upgrade                              | a timed pop does not give up early
// no_runtime                                        | two threads answer each other
// test_recv_try_iter                                | left out: the same as stress_iter in crossbeam.cpp
// test_recv_into_iter_owned, ..._borrowed           | see test_nested_recv_iter
// send_from_outside_runtime,                        | left out: no runtime to be outside of
//   recv_from_outside_runtime                       |
//
// mod select_tests (smoke, smoke2, closed, unblocks, both_ready, stress, cloning, cloning2, cloning3, preflight1 to
// preflight9, oneshot_data_waiting, stream_data_waiting, shared_data_waiting, sync1, sync2, sync3): left out: select,
// we have none.
#include "ported.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace crossbeam_mpsc {

using namespace std::chrono_literals;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::status;
using ported::drop;
using ported::got;
using ported::refusal;
using support::counted;
using support::stress;
using support::wait_for_blocked;

TEST_CASE("an item goes through one slot, from a sender and from its copy") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.push(1));
    CHECK(got(rx.pop()) == 1);
    auto copy = tx;
    CHECK(copy.push(2));
    CHECK(got(rx.pop()) == 2);
    drop(std::move(tx));
    CHECK(copy.push(3));
    CHECK(got(rx.pop()) == 3);
}

TEST_CASE("an item that nobody popped is destroyed with its channel") {
    {
        auto [tx, rx] = make_channel<counted>(1);
        for (int i = 0; i < 2; ++i) auto copy = tx;
        CHECK(tx.push(counted(1)));
        CHECK(counted::alive() == 1);
    }
    CHECK(counted::alive() == 0);
}

TEST_CASE("a timed pop gives up on an empty channel, not on a filled one") {
    auto [tx, rx] = make_channel<int>(1);
    for (int i = 0; i < 3; ++i) {
        CHECK(refusal(rx.pop_for(1ms)) == status::timeout);
        CHECK(tx.push(i));
        CHECK(got(rx.pop_for(1ms)) == i);
    }
}

TEST_CASE("a timed pop does not give up early") {
    auto [tx, rx] = make_channel<int>(1);
    const auto copy = tx;
    const auto start = std::chrono::steady_clock::now();
    CHECK(refusal(rx.pop_for(2ms)) == status::timeout);
    CHECK(std::chrono::steady_clock::now() >= start + 2ms);
}

TEST_CASE("an item from another thread reaches a pop that waits for it") {
    auto [tx, rx] = make_channel<std::unique_ptr<int>>(1);
    std::jthread consumer([&] {
        const auto item = rx.pop();
        CHECK((item && **item == 10));
    });
    wait_for_blocked(tx);
    CHECK(tx.push(std::make_unique<int>(10)));
}

TEST_CASE("with the receiver gone pushes are refused, from copies too") {
    auto [tx, rx] = make_channel<std::unique_ptr<int>>(1);
    SUBCASE("while there was room") {}
    SUBCASE("while it was full") { CHECK(tx.push(nullptr)); }
    drop(std::move(rx));
    auto copy = tx;
    auto mine = std::make_unique<int>(1);
    CHECK(refusal(tx.push(std::move(mine))) == status::closed);
    drop(std::move(tx));
    CHECK(refusal(copy.push(std::move(mine))) == status::closed);
    CHECK(refusal(copy.push(std::move(mine))) == status::closed);
    CHECK(refusal(copy.try_push(std::move(mine))) == status::closed);
    REQUIRE(mine);
    CHECK(*mine == 1);
}

TEST_CASE("who pushes for as long as he can ends when the receiver goes") {
    auto [tx, rx] = make_channel<int>(1);
    std::jthread consumer([in = std::move(rx)]() mutable { CHECK(got(in.pop()) == 1); });
    SUBCASE("on one sender") {
        while (tx.push(1)) {
        }
    }
    SUBCASE("on two in turn") {
        auto copy = tx;
        while (tx.push(1) && copy.push(1)) {
        }
        CHECK(refusal(copy.push(1)) == status::closed);
    }
    CHECK(refusal(tx.push(1)) == status::closed);
}

TEST_CASE("with the senders gone pops end, as often as one asks") {
    auto [tx, rx] = make_channel<int>(1);
    auto copy = tx;
    drop(std::move(tx));
    CHECK(refusal(rx.try_pop()) == status::empty);
    drop(std::move(copy));
    for (int i = 0; i < 2; ++i) {
        CHECK(refusal(rx.pop()) == status::truncated);
        CHECK(refusal(rx.try_pop()) == status::truncated);
        CHECK(refusal(rx.pop_for(1h)) == status::truncated);
    }
}

TEST_CASE("who pops for as long as he can gets all, and ends") {
    auto [tx, rx] = make_channel<int>(1);
    std::jthread producer([out = std::move(tx)]() mutable {
        CHECK(out.push(1));
        CHECK(out.push(1));
    });
    int count = 0;
    while (rx.pop()) ++count;
    CHECK(count == 2);
    CHECK(refusal(rx.pop()) == status::truncated);
}

TEST_CASE("many producers, one consumer: as many items as were pushed") {
    for (const int producers : {1, 8}) {
        auto [tx, rx] = make_channel<int>(1);
        const int each = stress(10'000);
        std::atomic<int> wrong{0};
        std::vector<std::jthread> threads;
        for (int p = 0; p < producers; ++p)
            threads.emplace_back([&, out = tx]() mutable {
                for (int i = 0; i < each; ++i) wrong += !out.push(1);
                out.finish();
            });
        tx.finish();
        for (int i = 0; i < producers * each; ++i) wrong += got(rx.pop()) != 1;
        threads.clear();
        CHECK(wrong == 0);
        CHECK(refusal(rx.try_pop()) == status::complete);
    }
}

TEST_CASE("a consumer with timeouts gets as many items as were pushed") {
    int producers = 1, each = stress(10'000);
    auto limit = std::chrono::microseconds(1);
    SUBCASE("one producer, short waits") {}
    SUBCASE("one producer, longer waits") { limit = 1ms; }
    SUBCASE("eight producers, short waits") { producers = 8, each = stress(1000); }
    SUBCASE("eight producers, longer waits") { producers = 8, each = stress(1000), limit = 10ms; }
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<int> wrong{0};
    std::vector<std::jthread> threads;
    for (int p = 0; p < producers; ++p)
        threads.emplace_back([&, out = tx]() mutable {
            for (int i = 0; i < each; ++i) wrong += !out.push(1);
            out.finish();
        });
    tx.finish();
    int count = 0;
    for (;;) {
        const auto item = rx.pop_for(limit);
        if (item)
            count += *item;
        else if (refusal(item) != status::timeout)
            break;
    }
    CHECK(refusal(rx.try_pop()) == status::complete);
    CHECK(count == producers * each);
    threads.clear();
    CHECK(wrong == 0);
}

TEST_CASE("an end that goes unused says so to the other") {
    auto [tx, rx] = make_channel<int>(1);
    SUBCASE("the receiver") {
        drop(std::move(rx));
        CHECK(tx.is_closed());
    }
    SUBCASE("the sender") {
        drop(std::move(tx));
        CHECK(rx.is_closed());
    }
}

TEST_CASE("one item, by every pair of a push and a pop") {
    using item = std::unique_ptr<int>;
    using push = std::function<bool(sender<item>&, item)>;
    using pop = std::function<std::expected<item, inquest::pop_error>(receiver<item>&)>;
    const std::array<push, 3> pushes{
        [](auto& tx, item i) { return tx.push(std::move(i)).has_value(); },
        [](auto& tx, item i) { return tx.try_push(std::move(i)).has_value(); },
        [](auto& tx, item i) { return tx.push_for(std::move(i), 1h).has_value(); }};
    const std::array<pop, 3> pops{[](auto& rx) { return rx.pop(); }, [](auto& rx) { return rx.try_pop(); },
                                  [](auto& rx) { return rx.pop_for(1h); }};
    for (const auto& in : pushes)
        for (const auto& out : pops) {
            auto [tx, rx] = make_channel<item>(1);
            CHECK(refusal(rx.try_pop()) == status::empty);
            CHECK(in(tx, std::make_unique<int>(10)));
            CHECK(refusal(tx.try_push(nullptr)) == status::full);
            const auto popped = out(rx);
            CHECK((popped && **popped == 10));
            CHECK(refusal(rx.try_pop()) == status::empty);
        }
}

TEST_CASE("an item outlives its sender") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.push(10));
    drop(std::move(tx));
    CHECK(got(rx.try_pop()) == 10);
    CHECK(refusal(rx.try_pop()) == status::truncated);
}

TEST_CASE("both ends gone on other threads: a pop ends") {
    auto [tx, rx] = make_channel<int>(1);
    std::jthread consumer([&rx] { CHECK(refusal(rx.pop()) == status::truncated); });
    std::jthread leaver([out = std::move(tx)]() mutable { drop(std::move(out)); });
}

TEST_CASE("one-shot channels: both ends go at once") {
    for (int round = 0; round < stress(3000); ++round) {
        auto [tx, rx] = make_channel<int>(1);
        ported::start_line both(2);
        std::jthread leaver([&, round, in = std::move(rx)]() mutable {
            both.arrive(round % 2 == 1);
            drop(std::move(in));
        });
        both.arrive(round % 2 == 0);
        drop(std::move(tx));
    }
}

TEST_CASE("one-shot channels: a push while the receiver goes") {
    int accepted = 0, wrong = 0;
    for (int round = 0; round < stress(3000); ++round) {
        auto [tx, rx] = make_channel<counted>({.capacity = 1, .undelivered = inquest::undelivered::discard});
        ported::start_line both(2);
        std::jthread leaver([&, round, in = std::move(rx)]() mutable {
            both.arrive(round % 2 == 1);
            drop(std::move(in));
        });
        counted mine(7);
        both.arrive(round % 2 == 0);
        const auto sent = tx.push(std::move(mine));
        accepted += sent.has_value();
        wrong += !sent && (refusal(sent) != status::closed || mine.value != 7);
        leaver.join();
        wrong += counted::alive() != 1; // it was discarded, whichever came first
        wrong += refusal(tx.push(counted(8))) != status::closed;
    }
    CHECK(wrong == 0);
    MESSAGE("accepted: ", accepted);
}

TEST_CASE("one-shot channels: a pop while the sender goes") {
    std::atomic<int> wrong{0};
    for (int round = 0; round < stress(3000); ++round) {
        auto [tx, rx] = make_channel<int>(1);
        ported::start_line both(2);
        std::jthread consumer([&, round, in = std::move(rx)]() mutable {
            both.arrive(round % 2 == 1);
            wrong += refusal(in.pop()) != status::truncated;
        });
        both.arrive(round % 2 == 0);
        drop(std::move(tx));
    }
    CHECK(wrong == 0);
}

TEST_CASE("one-shot channels: a push and a pop meet") {
    std::atomic<int> wrong{0};
    for (int round = 0; round < stress(3000); ++round) {
        auto [tx, rx] = make_channel<std::unique_ptr<int>>(1);
        ported::start_line both(2);
        std::jthread producer([&, round, out = std::move(tx)]() mutable {
            both.arrive(round % 2 == 1);
            wrong += !out.push(std::make_unique<int>(10));
        });
        both.arrive(round % 2 == 0);
        const auto item = rx.pop();
        wrong += !item || **item != 10;
    }
    CHECK(wrong == 0);
}

TEST_CASE("ends handed from thread to thread keep the order") {
    std::atomic<int> wrong{0};
    // Each thread has its turn with the end, then starts the next, and waits for it.
    const auto relay = [](auto end, auto turn) {
        const auto run = [&](const auto& self, int i) -> void {
            if (i == 10) return;
            const std::jthread next([&] {
                turn(end, i);
                self(self, i + 1);
            });
        };
        run(run, 0);
    };
    for (int round = 0; round < stress(500); ++round) {
        auto [tx, rx] = make_channel<std::unique_ptr<int>>(1);
        const std::jthread producers([&, out = std::move(tx)]() mutable {
            relay(std::move(out), [&](auto& end, int i) { wrong += !end.push(std::make_unique<int>(i)); });
        });
        const std::jthread consumers([&, in = std::move(rx)]() mutable {
            relay(std::move(in), [&](auto& end, int i) {
                const auto item = end.pop();
                wrong += !item || **item != i;
            });
        });
    }
    CHECK(wrong == 0);
}

TEST_CASE("a large channel is filled to the brim and emptied") {
    constexpr int n = 10'000;
    auto [tx, rx] = make_channel<int>(n);
    int wrong = 0;
    for (int i = 0; i < n; ++i) wrong += !tx.push(i);
    CHECK(refusal(tx.try_push(n)) == status::full);
    for (int i = 0; i < n; ++i) wrong += got(rx.pop()) != i;
    CHECK(refusal(rx.try_pop()) == status::empty);
    CHECK(wrong == 0);
}

TEST_CASE("a hundred threads push one item each") {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<int> wrong{0};
    std::vector<std::jthread> threads;
    for (int t = 0; t < 100; ++t) threads.emplace_back([&, out = tx]() mutable { wrong += !out.push(1); });
    for (int t = 0; t < 100; ++t) wrong += got(rx.pop()) != 1;
    threads.clear();
    CHECK(wrong == 0);
    CHECK(refusal(rx.try_pop()) == status::empty);
}

TEST_CASE("iterating takes items to the end, or until one breaks off") {
    auto [tx, rx] = make_channel<int>(1);
    auto [total_tx, total_rx] = make_channel<int>(1);
    const int enough = [&] {
        int n = 1000;
        SUBCASE("to the end") {}
        SUBCASE("broken off") { n = 3; }
        return n;
    }();
    std::jthread consumer([&, in = std::move(rx)]() mutable {
        int total = 0;
        for (const int item : in) {
            if (total >= enough) break;
            total += item;
        }
        CHECK(total_tx.push(total));
    });
    for (int i = 0; i < 3; ++i) CHECK(tx.push(2));
    (void)tx.push(2); // taken, or refused where it was broken off
    tx.finish();
    CHECK(got(total_rx.pop()) == (enough == 3 ? 4 : 8));
}

TEST_CASE("a receiver may go while a sender stays") {
    auto [tx, rx] = make_channel<int>(1);
    auto [done_tx, done_rx] = make_channel<int>(1);
    std::jthread consumer([&, in = std::move(rx)]() mutable {
        CHECK(got(in.pop()) == 1);
        drop(std::move(in));
        CHECK(done_tx.push(2));
    });
    wait_for_blocked(tx);
    auto copy = tx;
    drop(std::move(tx));
    CHECK(copy.push(1));
    CHECK(got(done_rx.pop()) == 2);
    CHECK(refusal(copy.push(3)) == status::closed);
}

TEST_CASE("a receiver that goes refuses all pushes that wait") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.push(0));
    std::vector<std::jthread> producers;
    for (int p = 1; p <= 2; ++p)
        producers.emplace_back([p, out = tx]() mutable { CHECK(refusal(out.push(p)) == status::closed); });
    wait_for_blocked(tx, 2);
    drop(std::move(rx));
    CHECK(refusal(tx.push(3)) == status::closed);
}

TEST_CASE("two threads answer each other") {
    auto [ask, asked] = make_channel<int>(1);
    auto [answer, answered] = make_channel<int>(1);
    std::atomic<int> wrong{0};
    {
        const int rounds = stress(10'000);
        const std::jthread one([&, rounds] {
            for (int i = 0; i < rounds; ++i) wrong += !ask.push(i) || got(answered.pop()) != i + 1;
        });
        const std::jthread other([&, rounds] {
            for (int i = 0; i < rounds; ++i) wrong += got(asked.pop()) != i || !answer.push(i + 1);
        });
    }
    CHECK(wrong == 0);
}

TEST_CASE("two threads that try once each get through, a hundred times") {
    std::atomic<int> wrong{0};
    for (int round = 0; round < 100; ++round) {
        auto [ask, asked] = make_channel<int>(3);
        auto [answer, answered] = make_channel<int>(3);
        const std::jthread other([&] { wrong += got(asked.pop()) != 1 || !answer.try_push(2); });
        wrong += !ask.try_push(1);
        wrong += got(answered.pop()) != 2;
    }
    CHECK(wrong == 0);
}

} // namespace crossbeam_mpsc
