// Workers that are announced before they are spawned, and how often a channel closes because all of them have ended.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace attaching {

using inquest::channel;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;
using inquest::worker;
using support::wait_for;

namespace {

using outcome = std::expected<void, std::string>;

outcome take_one(receiver<int>& in) {
    (void)in.pop();
    return {};
}

} // namespace

TEST_CASE(
    "a worker that ends before the next one is spawned does not close the channel for those announced") {
    auto [tx, rx] = make_channel<int>(4);
    std::vector<worker<void, std::string>> workers;
    {
        const auto announced = rx.announce_workers(3);
        for (int i = 0; i < 3; ++i) {
            CHECK_FALSE(tx.is_closed());
            CHECK(tx.push(i));
            workers.push_back(spawn("w", rx, take_one));
            wait_for("its end", [&] { return workers.back().is_done(); });
        }
        CHECK(tx.is_closed()); // the last of those announced has ended
    }
    CHECK(tx.push(9).error().finished_early());
}

TEST_CASE("without an announcement the first one that ends alone closes it") {
    auto [tx, rx] = make_channel<int>(4);
    CHECK(tx.push(1));
    auto w = spawn("w", rx, take_one);
    CHECK(w.wait());
    CHECK(tx.is_closed());
}

TEST_CASE(
    "what was announced and is not spawned is renounced, and the channel closes as if the last had ended") {
    auto [tx, rx] = make_channel<int>({.capacity = 4, .undelivered = inquest::undelivered::discard});
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    {
        const auto announced = rx.announce_workers(5);
        CHECK(spawn("w", rx, take_one).wait());
        CHECK_FALSE(tx.is_closed());
        CHECK(tx.size() == 1);
    }
    CHECK(tx.is_closed());
    CHECK(tx.size() == 0); // nobody is left to pop: discarded
    const auto sent = tx.push(3);
    CHECK(sent.error().finished_early());
    CHECK(sent.error().cause().message() == "worker 'w' finished early");
}

TEST_CASE("a push that is blocked meanwhile is told when the last of them is renounced") {
    auto [tx, rx] = make_channel<int>(1);
    std::optional announced(rx.announce_workers(2));
    auto w = spawn("w", rx, [](receiver<int>&) -> outcome { return {}; });
    CHECK(w.wait());
    CHECK(tx.push(1));
    std::jthread producer([&out = tx] { CHECK(out.push(2).error().status() == status::closed); });
    support::wait_for_blocked(tx);
    announced.reset();
}

TEST_CASE("a failure ends the stream at once, whatever is announced; under keep_going the last one decides") {
    for (const auto how : {inquest::on_failure::fail_fast, inquest::on_failure::keep_going}) {
        auto [tx, rx] = make_channel<int>({.capacity = 4, .on_failure = how});
        const auto announced = rx.announce_workers(2);
        auto fails = spawn("a", rx, [](receiver<int>&) -> outcome { return std::unexpected("broken"); });
        CHECK(fails.wait());
        CHECK(tx.is_closed() == (how == inquest::on_failure::fail_fast));
        auto ends = spawn("b", rx, [](receiver<int>& in) -> outcome {
            (void)in.ended();
            return {};
        });
        CHECK(ends.wait());
        CHECK(tx.is_closed());
        CHECK(tx.cause().message() == "worker 'a' failed: broken");
        (void)fails.report();
    }
}

TEST_CASE("announcing changes nothing for workers that are there already, nor if none was ever attached") {
    auto [tx, rx] = make_channel<int>(4);
    {
        const auto announced = rx.announce_workers(2);
    }
    CHECK_FALSE(tx.is_closed());
    std::atomic<bool> go{false};
    auto w = spawn("w", rx, [&](receiver<int>&) -> outcome {
        wait_for("the gate", [&] { return go.load(); });
        return {};
    });
    {
        const auto announced = tx.announce_workers(2);
    }
    CHECK_FALSE(tx.is_closed());
    go = true;
    CHECK(w.wait());
    CHECK(tx.is_closed());
    {
        const auto announced = rx.announce_workers(1);
    } // too late: nothing happens
}

TEST_CASE("an announcement can be moved, outlives the channel, and an empty one does nothing") {
    std::optional<channel<int>> queue(std::in_place, 4);
    auto first = queue->announce_workers(1);
    auto second = std::move(first);
    auto w = spawn("w", *queue, take_one);
    CHECK(queue->push(1));
    CHECK(w.wait());
    CHECK(queue->is_closed());
    queue.reset();
    second = channel<int>(1).announce_workers(7);
    receiver<int> moved_from = make_channel<int>(1).second;
    const auto gone = std::move(moved_from);
    const auto none = moved_from.announce_workers(3);
}

} // namespace attaching
