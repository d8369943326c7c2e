// push_or_drop_oldest: never to wait, and never to lose an item silently.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace overrun {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::make_channel;
using inquest::status;
using support::wait_for_blocked;

TEST_CASE("push_or_drop_oldest makes room, and hands out what it drops") {
    auto [tx, rx] = make_channel<std::string>(2);
    const std::string copied = "a";
    CHECK(!tx.push_or_drop_oldest(copied).value());
    CHECK(!tx.push_or_drop_oldest("b").value());
    CHECK(tx.push_or_drop_oldest("c").value() == "a");
    CHECK(tx.push_or_drop_oldest("d").value() == "b");
    CHECK(rx.size() == 2);
    CHECK(rx.ledger() == inquest::ledger{.pushed = 4, .buffered = 2, .dropped = 2});
    CHECK(rx.pop().value() == "c");
    CHECK(!tx.push_or_drop_oldest("e").value());
    std::string kept = "kept";
    tx.finish();
    CHECK(tx.push_or_drop_oldest(std::move(kept)).error().status() == status::closed);
    CHECK(kept == "kept"); // NOLINT(bugprone-use-after-move)
    CHECK(rx.pop().value() == "d");
    CHECK(rx.pop().value() == "e");
    CHECK(rx.pop().error().status() == status::complete);
    CHECK(rx.ledger() == inquest::ledger{.pushed = 5, .popped = 3, .dropped = 2});
}

TEST_CASE("push_or_drop_oldest drops nothing from a channel that has closed or was aborted") {
    inquest::channel<int> queue(1);
    CHECK(queue.push(1));
    SUBCASE("closed") { queue.close(); }
    SUBCASE("aborted") { queue.abort(cause("over")); }
    CHECK(queue.push_or_drop_oldest(2).error().status() == status::closed);
    CHECK(queue.recover() == std::vector{1});
}

TEST_CASE("push_or_drop_oldest wakes a consumer, and a producer that waits goes on waiting") {
    inquest::channel<int> queue(1);
    {
        std::jthread consumer([&] { CHECK(queue.pop().value() == 1); });
        wait_for_blocked(queue);
        CHECK(!queue.push_or_drop_oldest(1).value());
    }
    CHECK(queue.push(2));
    {
        std::jthread producer([&] { CHECK(queue.push(4)); });
        wait_for_blocked(queue);
        CHECK(queue.push_or_drop_oldest(3).value() == 2);
        wait_for_blocked(queue);
        CHECK(queue.pop().value() == 3);
    }
    CHECK(queue.pop().value() == 4);
}

TEST_CASE("a sender that only overran has pushed, and must finish like any other") {
    auto [tx, rx] = make_channel<int>(2);
    {
        auto other = tx;
        CHECK(!other.push_or_drop_oldest(1).value());
    }
    tx.finish();
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().error().status() == status::truncated);
}

TEST_CASE("of an overrun channel every item is popped, dropped or still there, in order") {
    using counted = support::counted;
    counted::alive() = 0;
    for (const std::size_t capacity : {1U, 3U, 64U}) {
        CAPTURE(capacity);
        constexpr int producers = 4;
        constexpr int each = 2000;
        inquest::channel<counted> queue(capacity);
        std::atomic<std::uint64_t> dropped{0};
        std::uint64_t popped = 0;
        std::vector<int> last(static_cast<std::size_t>(producers), -1);
        {
            std::vector<std::jthread> threads;
            for (int p = 0; p < producers; ++p)
                threads.emplace_back([&, p] {
                    for (int i = 0; i < each; ++i) {
                        const auto sent = queue.push_or_drop_oldest(counted((i * producers) + p));
                        REQUIRE(sent);
                        if (*sent) ++dropped;
                    }
                });
            std::jthread consumer([&] {
                while (auto item = queue.pop()) {
                    const auto from = static_cast<std::size_t>(item->value % producers);
                    CHECK(last[from] < item->value);
                    last[from] = item->value;
                    ++popped;
                }
            });
            threads.clear();
            queue.close();
        }
        CHECK(popped + dropped == static_cast<std::uint64_t>(producers * each));
        CHECK(queue.ledger().dropped == dropped);
        CHECK(counted::alive() == 0);
    }
}

TEST_CASE("push_or_drop_oldest of items whose copies throw counts what it has dropped") {
    inquest::channel<support::touchy> queue(1);
    support::touchy::fuse() = 0;
    CHECK(queue.push(support::touchy(1)));
    const support::touchy next(2);
    support::touchy::fuse() = 1; // the copy that is handed out
    CHECK_THROWS_AS((void)queue.push_or_drop_oldest(next), std::runtime_error);
    CHECK(queue.ledger() == inquest::ledger{.pushed = 1, .buffered = 1});
    support::touchy::fuse() = 2; // the copy that goes in
    CHECK_THROWS_AS((void)queue.push_or_drop_oldest(next), std::runtime_error);
    CHECK(queue.ledger() == inquest::ledger{.pushed = 1, .dropped = 1});
    support::touchy::fuse() = 0;
    CHECK(!queue.push_or_drop_oldest(next).value());
    support::touchy::fuse() = 3; // there is no third one, on the way out
    CHECK(queue.push_or_drop_oldest(support::touchy(3)).value()->value == 2);
    CHECK(support::touchy::fuse() == 1);
    auto sender = queue.make_sender();
    support::touchy::fuse() = 3;
    CHECK(sender.push_or_drop_oldest(support::touchy(4)).value()->value == 3);
    CHECK(support::touchy::fuse() == 1);
    support::touchy::fuse() = 0;
    CHECK(queue.pop().value().value == 4);
}

} // namespace overrun
