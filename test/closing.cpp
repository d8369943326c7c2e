// Who closed a channel, and where; and that a worker's own close is nobody's failure.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace closing {

using inquest::cause;
using inquest::cause_kind;
using inquest::channel;
using inquest::make_channel;
using inquest::on_failure;
using inquest::receiver;
using inquest::spawn;
using inquest::status;

namespace {

std::string place(const std::source_location& where) {
    return std::string(where.file_name()) + ':' + std::to_string(where.line());
}

using outcome = std::expected<void, std::string>;

} // namespace

TEST_CASE("a push on a closed channel says who closed it and where, and where the push stands; nothing has "
          "failed") {
    channel<int> queue({.capacity = 1, .name = "jobs"});
    const auto closed = std::source_location::current();
    CHECK(queue.close(closed));
    const auto pushed = std::source_location::current();
    const auto sent = queue.push(1, pushed);
    REQUIRE(!sent);
    CHECK_FALSE(sent.error().cause());
    CHECK(sent.error().cause().kind() == cause_kind::closed);
    const auto text = sent.error().message();
    CHECK(text.starts_with("channel 'jobs' closed by thread "));
    CHECK(text.ends_with(" at " + place(closed) + ", push at " + place(pushed)));
    CHECK(sent.error().cause().where()->line() == closed.line());
    CHECK_FALSE(queue.cause());
    CHECK(queue.cause().message() == sent.error().cause().message());
}

TEST_CASE("each way to close says who did it") {
    const auto text_after = [](auto&& close) {
        auto [tx, rx] = make_channel<int>(4);
        close(tx, rx);
        const auto why = tx.cause();
        CHECK_FALSE(why);
        return why.message();
    };
    const auto here = std::source_location::current();
    const auto at = " at " + place(here);
    CHECK(text_after([&](auto& tx, auto&) { tx.close(here); }).ends_with(at));
    CHECK(text_after([&](auto&, auto& rx) { rx.close(here); }).ends_with(at));
    CHECK(text_after([&](auto& tx, auto&) { tx.finish(here); }).ends_with(at));
    CHECK(text_after([](auto& tx, auto&) {
              auto last = tx;
              tx.finish();
              const auto gone = std::move(last);
          }).starts_with("channel closed by thread "));
    CHECK(text_after([](auto& tx, auto&) { (void)tx.recover(); }).starts_with("channel closed by thread "));
    auto by_worker = text_after([&](auto&, auto& rx) { CHECK(spawn("w", [&] { rx.close(here); }).wait()); });
    CHECK(by_worker == "channel closed by worker 'w'" + at);
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", rx, [](receiver<int>& in) {
        (void)in.pop();
        (void)in.ended();
    });
    const inquest::push_error as_if(status::closed, {}, here);
    (void)resolve(tx, w, as_if);
    CHECK(tx.cause().message().ends_with(at)); // where the push stands that was asked about
}

TEST_CASE("the first to close is the one who is named, and a failure after that takes the place") {
    channel<int> queue(4);
    const auto first = std::source_location::current();
    CHECK(queue.close(first));
    CHECK_FALSE(queue.close());
    CHECK(queue.cause().where()->line() == first.line());
    CHECK(queue.close(cause("broken")));
    CHECK(queue.cause().message() == "broken");
    CHECK(queue.push(1).error().message() == "closed: broken");
}

TEST_CASE("other failed pushes say where they stand, and what little there is to say") {
    auto [tx, rx] = make_channel<int>(1);
    const auto here = std::source_location::current();
    CHECK(tx.push(1));
    CHECK(tx.try_push(2, here).error().message() == "full, push at " + place(here));
    auto other = tx;
    tx.finish();
    CHECK(tx.push(2, here).error().message() ==
          "closed: this end has finished, or was moved from, push at " + place(here));
    CHECK(cause().message() == "nothing failed");
    CHECK(rx.pop());
    other.finish(here);
    CHECK(rx.pop().error().message() == "complete");
}

TEST_CASE("a pop after the receiving side closed says who did") {
    auto [tx, rx] = make_channel<int>(1);
    const auto here = std::source_location::current();
    CHECK(rx.close(here));
    const auto end = rx.pop();
    CHECK(end.error().status() == status::closed);
    CHECK_FALSE(end.error().cause());
    CHECK(end.error().message().starts_with("closed: channel closed by thread "));
    CHECK(end.error().message().ends_with(place(here)));
}

TEST_CASE("a worker that closes its own receiver, drains and returns is a success") {
    auto [tx, rx] = make_channel<int>(8);
    for (int i = 0; i < 8; ++i) CHECK(tx.push(i));
    auto w = spawn("head", std::move(rx), [](receiver<int>& in) {
        for (int i = 0; i < 3; ++i) CHECK(in.pop());
        CHECK(in.close());
        long rest = 0;
        while (in.pop()) ++rest;
        return rest;
    });
    CHECK(w.join().value() == 5);
}

TEST_CASE(
    "a worker that fails after its own close is no consequence of it; a peer that only saw the close is") {
    auto [tx, rx] = make_channel<int>({.capacity = 8, .on_failure = on_failure::keep_going});
    support::caught_hook quiet;
    std::atomic<bool> closed{false}, peer_done{false};
    std::vector<inquest::worker<void, std::string>> workers;
    workers.push_back(spawn("peer", rx, [&](receiver<int>& in) -> outcome {
        support::wait_for("the close", [&] { return closed.load(); });
        while (in.pop()) {
        }
        return {};
    }));
    workers.push_back(spawn("root", rx, [&](receiver<int>& in) -> outcome {
        in.close();
        while (in.pop()) {
        }
        closed = true;
        support::wait_for("the peer", [&] { return peer_done.load(); });
        return std::unexpected("disk full");
    }));
    support::wait_for("the peer's end", [&] { return workers[0].is_done(); });
    peer_done = true;
    const auto why = report(workers);
    REQUIRE(why);
    CHECK(why->message() == "worker 'root' failed: disk full");
    CHECK_FALSE(why->cause().is_consequence());
    REQUIRE(why->also_failed().size() == 1);
    CHECK(why->also_failed()[0].is_consequence());
    CHECK(why->also_failed()[0].kind() == cause_kind::broken_stream);
}

TEST_CASE("a worker's own close excuses a drained stream only, not one whose delivery somebody else ended") {
    support::caught_hook quiet;
    auto [tx, rx] = make_channel<int>({.capacity = 4, .name = "orders"});
    for (int i = 0; i < 4; ++i) CHECK(tx.push(i));
    std::atomic<bool> closed{false}, taken{false};
    auto w = spawn("w", rx, [&](receiver<int>& in) {
        in.close();
        closed = true;
        support::wait_for("the items to be taken", [&] { return taken.load(); });
        CHECK(in.pop().error().status() == status::aborted);
    });
    support::wait_for("the close", [&] { return closed.load(); });
    CHECK(tx.recover().size() == 4);
    taken = true;
    const auto why = w.report();
    REQUIRE(why);
    CHECK(why->cause().kind() == cause_kind::broken_stream);
    CHECK(why->message().starts_with(
        "worker 'w' ended on a broken stream: channel 'orders' closed by worker 'w' at "));
}

TEST_CASE("a push that a worker's own close refused makes it no consequence; one that another's close "
          "refused does") {
    for (const bool own : {true, false}) {
        INFO(own);
        channel<int> queue(4);
        auto w = spawn("w", [&]() -> outcome {
            if (own)
                queue.close();
            else
                std::jthread([&] { queue.close(); }).join();
            CHECK(queue.push(1).error().status() == status::closed);
            return std::unexpected("failed");
        });
        CHECK(w.report()->cause().is_consequence() == !own);
    }
}

TEST_CASE(
    "a channel that is closed from three sides at once is closed by one, once, and a failure is its cause") {
    for (support::rounds rounds(5000, std::chrono::seconds(3)); rounds.another();) {
        auto [tx, rx] = make_channel<int>(1);
        std::atomic<int> ready{0}, told{0}, closed{0};
        const auto its = tx.on_close([&](const inquest::pop_error&) { ++told; });
        const auto at_once = [&](auto close) {
            return std::jthread([&, close] {
                ++ready;
                support::look_for([&] { return ready.load() == 3; });
                if (close()) ++closed;
            });
        };
        const cause failure("broken");
        {
            const auto producer = at_once([&] { return tx.close(); });
            const auto consumer = at_once([&] { return rx.close(); });
            const auto failing = at_once([&] {
                CHECK(tx.abort(failure)); // whoever closed it, nothing had failed
                return false;
            });
            CHECK(!rx.pop());
        }
        CHECK(told == 1);
        CHECK(closed <= 1); // none, if the failure was the first
        CHECK(rx.cause() == failure);
        CHECK(rx.pop().error().status() == status::aborted);
        const auto refused = tx.push(1).error();
        CHECK(refused.status() == status::closed);
        CHECK(refused.cause() == failure);
    }
}

} // namespace closing
