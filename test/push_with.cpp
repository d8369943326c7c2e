// push_with: an item made in the queue, once there is room.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace push_with {

using namespace std::chrono_literals;
using inquest::make_channel;
using inquest::status;
using support::wait_for_blocked;

namespace {

/// Neither copied nor moved without a trace.
struct tracked {
    tracked(std::string its, int n) : text(std::move(its)), number(n) {}
    tracked(tracked&& other) noexcept
        : text(std::move(other.text)), number(other.number), moves(other.moves + 1) {}
    std::string text;
    int number;
    int moves = 0;
};

} // namespace

TEST_CASE("push_with makes the item in the queue once there is room") {
    inquest::channel<tracked> queue(2);
    std::string text(40, 'x');
    int made = 0;
    const auto make = [&] {
        ++made;
        return tracked(std::move(text), made);
    };
    CHECK(queue.push_with(make));
    CHECK(text.empty());
    CHECK(queue.pop().value().moves == 1); // into the result
    text = "kept";
    CHECK(queue.try_push_with(make));
    text = "kept";
    CHECK(queue.push_with_for(make, 1h));
    text = "kept";
    CHECK(made == 3);

    CHECK(queue.try_push_with(make).error().status() == status::full);
    CHECK(queue.push_with_for(make, 1ms).error().status() == status::timeout);
    CHECK(queue.push_with_until(make, std::chrono::steady_clock::now()).error().status() == status::timeout);
    std::stop_source source;
    source.request_stop();
    CHECK(queue.push_with(make, source.get_token()).error().status() == status::stopped);
    CHECK(made == 3);
    {
        std::jthread producer([&] { CHECK(queue.push_with(make)); });
        wait_for_blocked(queue);
        CHECK(made == 3);
        CHECK(text == "kept");
        CHECK(queue.pop().value().number == 2);
    }
    CHECK(made == 4);
    text = "kept";
    queue.close();
    CHECK(queue.push_with(make).error().status() == status::closed);
    CHECK(made == 4);
    CHECK(text == "kept");
    CHECK(queue.pop().value().number == 3);
    CHECK(queue.pop().value().text == "kept");
}

TEST_CASE("what push_with throws passes through, and nothing is queued") {
    auto [tx, rx] = make_channel<std::string>(1);
    const auto fails = []() -> std::string { throw std::runtime_error("no item"); };
    CHECK_THROWS_WITH_AS((void)tx.push_with(fails), "no item", std::runtime_error);
    CHECK(tx.push("first"));
    {
        std::jthread producer([&, &to = tx] {
            CHECK_THROWS_WITH_AS((void)to.push_with(fails), "no item", std::runtime_error);
        });
        wait_for_blocked(tx);
        CHECK(rx.pop().value() == "first");
    }
    CHECK(rx.empty());
    CHECK(tx.try_push_with([] { return "converted"; })); // to a string
    CHECK(rx.pop().value() == "converted");
    CHECK(tx.ledger().pushed == 2);
    tx.finish();
    CHECK(rx.pop().error().status() == status::complete);
}

TEST_CASE("push_with is a push of that sender") {
    auto [tx, rx] = make_channel<int>(4);
    {
        const auto gone = [sender = std::move(tx)]() mutable { return sender.push_with([] { return 1; }); };
        auto mine = gone;
        CHECK(mine());
    }
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().error().status() == status::truncated); // it pushed, and did not finish
}

} // namespace push_with
