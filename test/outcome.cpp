// How a stream has ended, asked after a loop over it; and forgetting to ask.
#include "support/support.hpp"

#include <doctest/doctest.h>

namespace outcome {

using inquest::cause;
using inquest::cause_kind;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;

namespace {

int sum_of(receiver<int>& in) {
    int sum = 0;
    for (const int item : in) sum += item;
    return sum;
}

} // namespace

TEST_CASE(
    "after a loop, outcome is the cause if the stream broke off, and success if it is complete or was left") {
    {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(tx.push(1));
        tx.finish();
        CHECK(sum_of(rx) == 1);
        CHECK(rx.outcome());
    }
    {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(tx.push(1));
        CHECK(tx.push(2));
        for (const int item : rx)
            if (item == 1) break;
        tx.close(cause("disk full"));
        CHECK(rx.outcome()); // an item is left: its stream has not come to the end
        CHECK(sum_of(rx) == 2);
        CHECK(rx.outcome().error().text() == "disk full");
    }
    {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(rx.close());
        CHECK(sum_of(rx) == 0);
        const auto how = rx.outcome();
        REQUIRE_FALSE(how);
        CHECK(how.error().kind() == cause_kind::closed); // nothing failed, but it is not complete
    }
}

TEST_CASE("a loop that ended on a failure nobody asked about is reported when the receiver is destroyed") {
    support::caught_hook hook;
    const auto run = [](auto&& between) {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(tx.push(1));
        tx.close(cause("disk full"));
        CHECK(sum_of(rx) == 1);
        between(rx);
    };
    run([](auto&) {});
    CHECK(hook.seen() == std::vector<std::string>{"disk full"});
    run([](auto& rx) { CHECK_FALSE(rx.outcome()); });
    run([](auto& rx) { CHECK(rx.ended()); });
    CHECK(hook.seen().size() == 1);
    run([](auto& rx) { const receiver<int> moved(std::move(rx)); });
    CHECK(hook.seen().size() == 2);
    run([](auto& rx) {
        auto [tx, other] = make_channel<int>(4);
        tx.finish();
        other = std::move(rx);
    });
    CHECK(hook.seen().size() == 3);
    run([](auto& rx) { const receiver<int> copy(rx); }); // the copy has seen nothing
    CHECK(hook.seen().size() == 4);
    run([](auto& rx) { // both have come to the end, and it is one failure
        receiver<int> copy(rx);
        CHECK(sum_of(copy) == 0);
    });
    CHECK(hook.seen().size() == 5);
}

TEST_CASE("nothing is reported if the loop was left, if pop said it, or if the stream is complete") {
    support::caught_hook hook;
    {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(tx.push(1));
        tx.close(cause("disk full"));
        for ([[maybe_unused]] const int item : rx) break;
    }
    {
        auto [tx, rx] = make_channel<int>(4);
        tx.close(cause("disk full"));
        CHECK_FALSE(rx.pop());
    }
    {
        auto [tx, rx] = make_channel<int>(4);
        tx.finish();
        CHECK(sum_of(rx) == 0);
    }
    {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(rx.close());
        CHECK(sum_of(rx) == 0);
    }
    CHECK(hook.seen().empty());
}

TEST_CASE("a worker's failure is reported once: by its object, or by nobody if the outcome was asked") {
    support::caught_hook hook;
    const auto run = [](bool asks) {
        auto [tx, rx] = make_channel<int>(4);
        auto w = spawn("source", std::move(tx), [](sender<int>& out) -> std::expected<void, std::string> {
            CHECK(out.push(1));
            return std::unexpected("no signal");
        });
        CHECK(sum_of(rx) == 1);
        if (asks) CHECK(rx.outcome().error().message() == "worker 'source' failed: no signal");
    };
    run(true);
    CHECK(hook.seen().empty());
    run(false);
    CHECK(hook.seen() == std::vector<std::string>{"worker 'source' failed: no signal"});
}

TEST_CASE("in a worker or a job a loop that broke off is the outcome, and nothing else is reported") {
    support::caught_hook hook;
    auto [tx, rx] = make_channel<int>(4);
    tx.close(cause("disk full"));
    const auto drain = [](receiver<int>& in) { (void)sum_of(in); };
    CHECK(spawn("w", rx, drain).report()->message() == "worker 'w' ended on a broken stream: disk full");
    CHECK(inquest::run_job("j", rx, drain).error().message() ==
          "worker 'j' ended on a broken stream: disk full");
    CHECK(inquest::run_job("knows", rx, [](receiver<int>& in) {
        (void)sum_of(in);
        CHECK_FALSE(in.outcome());
    }));
    CHECK(hook.seen().empty());
}

} // namespace outcome
