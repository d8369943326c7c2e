// What became of a channel's items: the ledger, and the numbers of items that are handed back.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace recovery {

using inquest::cause;
using inquest::channel;
using inquest::item_origin;
using inquest::item_state;
using inquest::ledger;
using inquest::make_channel;
using inquest::receiver;

namespace {

bool balances(const ledger& l) { return l.pushed == l.popped + l.buffered + l.recovered + l.discarded; }

} // namespace

TEST_CASE("the ledger of a channel counts what goes in, comes out, is queued and is recovered") {
    channel<int> queue(4);
    CHECK(queue.ledger() == ledger{});
    for (int i = 0; i < 4; ++i) CHECK(queue.push(i));
    CHECK(!queue.try_push(9)); // refused, and so not counted
    CHECK(queue.ledger() == ledger{.pushed = 4, .buffered = 4});
    CHECK(queue.pop().value() == 0);
    CHECK(queue.ledger() == ledger{.pushed = 4, .popped = 1, .buffered = 3});
    std::vector<int> more;
    CHECK(queue.try_pop_range(more, 1).value() == 1);
    CHECK(queue.recover() == std::vector{2, 3});
    CHECK(queue.ledger() == ledger{.pushed = 4, .popped = 2, .recovered = 2});
    CHECK(queue.recover().empty());
    CHECK(queue.ledger() == ledger{.pushed = 4, .popped = 2, .recovered = 2});
}

TEST_CASE("items that are discarded are counted as that") {
    channel<int> queue({.capacity = 4, .undelivered = inquest::undelivered::discard});
    for (int i = 0; i < 3; ++i) CHECK(queue.push(i));
    CHECK(queue.pop());
    queue.abort(cause("no more"));
    CHECK(queue.ledger() == ledger{.pushed = 3, .popped = 1, .discarded = 2});
}

TEST_CASE("what a sink throws on is still queued, and what came before it is recovered") {
    channel<int> queue(4);
    for (int i = 0; i < 4; ++i) CHECK(queue.push(i));
    const auto third = [](int&& item) {
        if (item == 2) throw 1;
    };
    CHECK_THROWS_AS((void)queue.recover(third), int);
    CHECK(queue.ledger() == ledger{.pushed = 4, .buffered = 2, .recovered = 2});
    CHECK(queue.recover() == std::vector{2, 3});
    CHECK(queue.ledger() == ledger{.pushed = 4, .recovered = 4});
}

TEST_CASE("a sink is told which item it is handed if it asks") {
    channel<int> queue(2);
    for (int i = 0; i < 5; ++i) { // the ring has come round
        CHECK(queue.push(i));
        if (i < 4) CHECK(queue.pop());
    }
    CHECK(queue.push(5));
    std::vector<std::uint64_t> numbers;
    CHECK(queue.recover([&](int&& item, const item_origin& from) {
        CHECK(queue.ledger() == ledger{.pushed = 6, .popped = 6}); // meanwhile they count as popped
        CHECK(from.number == static_cast<std::uint64_t>(item) + 1);
        CHECK(from.state == item_state::queued);
        numbers.push_back(from.number);
    }) == 2);
    CHECK(numbers == std::vector<std::uint64_t>{5, 6});
}

TEST_CASE("the ledger of an end that was moved from is empty") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.push(1));
    const auto there = std::move(tx);
    CHECK(tx.ledger() == ledger{});
    CHECK(rx.ledger() == ledger{.pushed = 1, .buffered = 1});
}

TEST_CASE(
    "the ledger balances when all is quiet, whatever producers, workers and a failure have done at once") {
    for (support::rounds rounds(200); rounds.another();) {
        auto [tx, rx] = make_channel<int>(3);
        std::atomic<std::uint64_t> pushed{0}, popped{0};
        {
            auto w = inquest::spawn("w", rx, [&](receiver<int>& in) -> std::expected<void, int> {
                while (auto item = in.pop())
                    if (++popped; *item == 20) return std::unexpected(1);
                return {};
            });
            const auto push = [&pushed, to = tx]() mutable {
                for (int i = 0; i < 50 && to.push(i); ++i) ++pushed;
            };
            const std::jthread one(push), other(push);
            (void)w.report();
        }
        const auto before = rx.ledger();
        const auto back = rx.recover().size();
        const auto after = rx.ledger();
        CHECK(balances(before));
        CHECK(before.pushed == pushed);
        CHECK(before.popped == popped);
        CHECK(before.recovered == 0);
        CHECK(after == ledger{.pushed = pushed, .popped = popped, .recovered = back});
        CHECK(balances(after));
    }
}

} // namespace recovery
