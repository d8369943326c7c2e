#include "support/support.hpp"

#include <doctest/doctest.h>

namespace wait_list {

using inquest::detail::forever;
using inquest::detail::latch;
using inquest::detail::wait_list;
using inquest::detail::waiter;
using inquest::detail::wake_list;

TEST_CASE("a line gives its waiters out oldest first, wherever others left it") {
    wait_list line;
    std::array<waiter, 4> w;
    CHECK(line.empty());
    for (auto& one : w) line.add(one);
    line.remove(w[0]);
    line.remove(w[2]);
    line.add(w[2]); // it, too, keeps its place by age
    CHECK(line.pop_front() == &w[1]);
    CHECK(line.pop_front() == &w[2]);
    line.add(w[1]);
    CHECK(line.pop_front() == &w[1]); // woken for nothing, and again: still ahead of those who came later
    w[1].signal();
    w[1].rearm();
    line.add(w[1]);
    line.add(w[0]);
    CHECK(line.pop_front() == &w[0]);
    CHECK(line.pop_front() == &w[1]);
    CHECK(line.pop_front() == &w[3]);
    CHECK(line.pop_front() == nullptr);
    CHECK(line.empty());
    CHECK(!w[0].linked);
}

TEST_CASE("a signal that comes before the wait is not lost") {
    waiter w;
    w.signal();
    CHECK(w.wait(forever));
    w.rearm();
    CHECK(!w.wait(inquest::detail::clock::now()));
    CHECK(!w.wait(inquest::detail::clock::time_point::min()));
}

TEST_CASE("an interrupt ends this wait and all later ones") {
    waiter w;
    w.interrupt();
    CHECK(!w.wait(forever));
    w.rearm();
    CHECK(!w.wait(forever));
    w.signal();
    CHECK(w.wait(forever));
}

TEST_CASE("a node may go as soon as its wait has ended") {
    for (support::rounds rounds(20'000); rounds.another();) {
        const int round = rounds.number();
        auto node = std::make_unique<waiter>();
        waiter* const seen = node.get();
        std::atomic<bool> parked{false};
        if (round % 100 == 0) { // a real park; otherwise the signal races the wait
            std::jthread waker([&] {
                while (!parked) std::this_thread::yield();
                seen->signal();
            });
            parked = true;
            CHECK(node->wait(forever));
            node.reset();
        } else {
            wake_list wakes;
            wait_list line;
            line.add(*node);
            wakes.take_all(line);
        }
    }
}

TEST_CASE("a latch lets everybody through once it is open, and a wait that times out leaves it") {
    latch gate;
    CHECK(!gate.wait(inquest::detail::clock::now()));
    CHECK(!gate.is_open());
    std::atomic<int> through{0};
    {
        std::vector<std::jthread> waiting;
        for (int i = 0; i < 8; ++i)
            waiting.emplace_back([&] {
                CHECK(gate.wait());
                ++through;
            });
        gate.open();
    }
    CHECK(through == 8);
    CHECK(gate.wait(inquest::detail::clock::now()));
}

} // namespace wait_list
