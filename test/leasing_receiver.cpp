// Pools that lease their items: what a worker has in hand when it fails is not lost.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace leasing_receiver {

using namespace std::chrono_literals;
using inquest::cause_kind;
using inquest::item_origin;
using inquest::item_state;
using inquest::leasing_receiver;
using inquest::ledger;
using inquest::make_channel;
using inquest::make_pool;
using inquest::sender;
using inquest::status;

namespace {

using outcome = std::expected<void, std::string>;

struct back {
    int item;
    std::uint64_t number;
    item_state state;
    bool operator==(const back&) const = default;
};

std::vector<back> taken_back(auto& pool) {
    std::vector<back> all;
    pool.recover(
        [&](int&& item, const item_origin& from) { all.push_back({item, from.number, from.state}); });
    return all;
}

// Pushes numbers from 0 until the pool has failed; how many went in.
int fill(auto& pool) {
    for (int i = 0; i < 1000; ++i)
        if (!pool.push(i)) return i;
    FAIL("the pool has not failed");
    return 0;
}

} // namespace

TEST_CASE("the item in the hands of a worker that fails is handed back first, with its number, then what is "
          "queued") {
    auto pool = make_pool<int>({.name = "w", .capacity = 4}, [](leasing_receiver<int>& in) -> outcome {
        while (auto item = in.pop())
            if (item->get() == 2) return std::unexpected("two");
        return {};
    });
    const int pushed = fill(pool);
    CHECK(pool.report()->cause().message() == "worker 'w' failed on item 3: two");
    const auto before = pool.ledger();
    CHECK(before.pushed == static_cast<std::uint64_t>(pushed));
    CHECK(before.popped == 3);
    const auto all = taken_back(pool);
    REQUIRE(all.size() == static_cast<std::size_t>(pushed) - 2);
    CHECK(all.front() == back{2, 3, item_state::in_hand});
    for (std::size_t i = 1; i < all.size(); ++i)
        CHECK(all[i] == back{static_cast<int>(i) + 2, i + 3, item_state::queued});
    CHECK(taken_back(pool).empty());
    CHECK(pool.ledger() == ledger{.pushed = before.pushed, .popped = 2, .recovered = all.size()});
}

TEST_CASE("in whichever way the worker fails") {
    const auto check = [](auto fn, cause_kind kind) {
        auto pool = make_pool<int>({.name = "w", .capacity = 4}, fn);
        CHECK(pool.push(7));
        pool.close();
        (void)pool.report();
        CHECK(pool.report()->cause().kind() == kind);
        CHECK(taken_back(pool) == std::vector<back>{{7, 1, item_state::in_hand}});
    };
    check(
        [](leasing_receiver<int>& in) -> outcome {
            (void)in.pop();
            return std::unexpected("error");
        },
        cause_kind::error);
    check(
        [](leasing_receiver<int>& in) {
            (void)in.pop();
            throw std::runtime_error("thrown");
        },
        cause_kind::exception);
    check(
        [](leasing_receiver<int>& in) {
            (void)in.pop();
            pthread_exit(nullptr);
        },
        cause_kind::forced_unwind);
    check(
        [](std::stop_token, leasing_receiver<int>& in) -> outcome {
            for (int& item : in) return std::unexpected(std::to_string(item));
            return {};
        },
        cause_kind::error);
}

TEST_CASE("a worker that is cancelled in a pop has nothing in hand") {
    std::atomic<pthread_t> thread{};
    std::atomic<bool> known{false};
    auto pool = make_pool<std::string>({.name = "w", .capacity = 4}, [&](leasing_receiver<std::string>& in) {
        thread = pthread_self();
        known = true;
        while (in.pop()) {
        }
    });
    CHECK(pool.push("dealt with"));
    support::wait_for("the worker", [&] { return known && pool.size() == 0; });
    support::wait_for_blocked(pool.make_sender());
    CHECK(pthread_cancel(thread) == 0);
    REQUIRE(pool.report());
    CHECK(pool.report()->cause().kind() == cause_kind::forced_unwind);
    CHECK(pool.recover().empty());
    CHECK(pool.ledger() == ledger{.pushed = 1, .popped = 1});
}

TEST_CASE(
    "what was dealt with is not handed back: by the next pop, whatever that returned, and by a success") {
    std::vector<std::weak_ptr<int>> alive;
    const auto give = [&alive](auto& pool) {
        auto item = std::make_shared<int>(static_cast<int>(alive.size()));
        alive.push_back(item);
        CHECK(pool.push(std::move(item)));
    };
    using items = leasing_receiver<std::shared_ptr<int>>;
    SUBCASE("an empty queue") {
        auto pool = make_pool<std::shared_ptr<int>>({.capacity = 4}, [](items& in) -> outcome {
            CHECK(in.pop());
            CHECK(in.try_pop().error().status() == status::empty);
            return std::unexpected("after it");
        });
        give(pool);
        CHECK(pool.report());
        CHECK(alive.front().expired());
        CHECK(pool.recover().empty());
    }
    SUBCASE("the end of the stream") {
        auto pool = make_pool<std::shared_ptr<int>>({.capacity = 4}, [](items& in) -> outcome {
            for (auto& item : in) CHECK(item);
            CHECK(in.outcome());
            return std::unexpected("after all");
        });
        give(pool);
        give(pool);
        CHECK(!pool.finish());
        for (const auto& one : alive) CHECK(one.expired());
        CHECK(pool.recover().empty());
    }
    SUBCASE("a success") {
        auto pool = make_pool<std::shared_ptr<int>>({.capacity = 4}, [](items& in) { CHECK(in.pop()); });
        give(pool);
        CHECK(!pool.report());
        CHECK(alive.front().expired());
        CHECK(pool.recover().empty());
    }
    SUBCASE("a time that ran out") {
        auto pool = make_pool<std::shared_ptr<int>>({.capacity = 4}, [](items& in) -> outcome {
            CHECK(in.pop());
            CHECK(in.pop_for(1ms).error().status() == status::timeout);
            CHECK(in.pop_until(std::chrono::steady_clock::now()).error().status() == status::timeout);
            return std::unexpected("after it");
        });
        give(pool);
        CHECK(pool.report());
        CHECK(alive.front().expired());
    }
}

TEST_CASE("an item is in hand until the loop asks for the next") {
    std::atomic<bool> all_there{false};
    auto pool = make_pool<int>({.capacity = 4}, [&](leasing_receiver<int>& in) -> outcome {
        support::look_for([&] { return all_there.load(); });
        auto at = in.begin();
        CHECK(*at == 1);
        CHECK(at.operator->() == &*at); // asked again, it is the same
        ++at;                           // on to the next one, which is not popped yet
        return std::unexpected("now");
    });
    CHECK(pool.push(1));
    CHECK(pool.push(2));
    CHECK(pool.push(3));
    all_there = true;
    CHECK(pool.report());
    CHECK(pool.recover() == std::vector{1, 2, 3});
    CHECK(pool.ledger() == ledger{.pushed = 3, .recovered = 3});
}

TEST_CASE("several workers that fail at once: all that was pushed is dealt with or handed back, in order") {
    for (support::rounds rounds(200); rounds.another();) {
        std::atomic<int> dealt_with{0};
        auto pool = make_pool<int>({.name = "w", .workers = 4, .capacity = 8},
                                   [&](leasing_receiver<int>& in) -> outcome {
                                       while (auto item = in.pop()) {
                                           if (item->get() % 16 == 15) return std::unexpected("broken");
                                           ++dealt_with;
                                       }
                                       return {};
                                   });
        const int pushed = fill(pool);
        const auto all = taken_back(pool);
        CHECK(static_cast<int>(all.size()) + dealt_with == pushed);
        bool queued = false;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (i > 0) CHECK(all[i - 1].number < all[i].number);
            CHECK(all[i].number == static_cast<std::uint64_t>(all[i].item) + 1);
            if (all[i].state == item_state::queued)
                queued = true;
            else {
                CHECK(!queued);
                CHECK(all[i].item % 16 == 15); // the others have dealt with theirs
            }
        }
        CHECK(all.front().state == item_state::in_hand);
        const auto l = pool.ledger();
        CHECK(l.pushed == l.popped + l.buffered + l.recovered + l.discarded);
        CHECK(l.recovered == all.size());
    }
}

TEST_CASE("what a sink throws on can be recovered again") {
    auto pool = make_pool<int>({.capacity = 4}, [](leasing_receiver<int>& in) -> outcome {
        CHECK(in.pop());
        return std::unexpected("broken");
    });
    CHECK(pool.push(1));
    (void)pool.report();
    CHECK_THROWS_AS((void)pool.recover([](int&&) { throw 1; }), int);
    CHECK(pool.ledger().recovered == 0);
    CHECK(pool.recover() == std::vector{1});
    CHECK(pool.ledger() == ledger{.pushed = 1, .recovered = 1});
}

TEST_CASE("a formatter's text of the item in hand is in the failure, and in its message") {
    const auto broken = [](leasing_receiver<std::string>& in) -> outcome {
        CHECK(in.pop());
        return std::unexpected("bad");
    };
    const auto told = [&](auto describe) {
        auto pool = make_pool<std::string>({.name = "w", .capacity = 4, .describe_item = describe}, broken);
        CHECK(pool.push("line 7"));
        const auto why = pool.report();
        return std::pair(why->cause().item_text(), why->message());
    };
    const auto [text, message] = told([](const std::string& line) { return '"' + line + '"'; });
    CHECK(text == "\"line 7\"");
    CHECK(message == "worker 'w' failed on item 1 (\"line 7\"): bad");
    const auto cut = told([](const std::string&) { return std::string(500, 'x'); }).first;
    CHECK(cut.size() == 120);
    CHECK(cut.ends_with("x..."));
    const auto none = told([](const std::string&) -> std::string { throw 1; });
    CHECK(none.first.empty());
    CHECK(none.second == "worker 'w' failed on item 1: bad");
    CHECK(told(nullptr).second == "worker 'w' failed on item 1: bad");
}

TEST_CASE("it is not asked for an item that was dealt with, nor given to a pool that leases none") {
    int calls = 0;
    const auto describe = [&](const int&) { return std::to_string(++calls); };
    auto pool = make_pool<int>({.name = "w", .capacity = 4, .describe_item = describe},
                               [](leasing_receiver<int>& in) -> outcome {
                                   while (in.pop()) {
                                   }
                                   return std::unexpected("at the end");
                               });
    CHECK(pool.push(1));
    CHECK(pool.finish().error().message() == "worker 'w' failed after item 1: at the end");
    CHECK(calls == 0);
    CHECK_THROWS_AS(
        (void)make_pool<int>({.capacity = 4, .describe_item = describe}, [](inquest::receiver<int>&) {}),
        std::invalid_argument);
}

TEST_CASE("a pool that leases may push on, and its results are as those of any other") {
    auto [tx, rx] = make_channel<int>(16);
    auto pool = make_pool<int>({.workers = 2, .capacity = 4}, std::move(tx),
                               [](std::stop_token, leasing_receiver<int>& in, sender<int>& out) {
                                   long sum = 0;
                                   while (auto item = in.pop(std::stop_token())) {
                                       CHECK(out.push(item->get()));
                                       sum += *item;
                                   }
                                   return sum;
                               });
    for (int i = 1; i <= 10; ++i) CHECK(pool.push(i));
    const auto sums = pool.finish();
    REQUIRE(sums);
    CHECK((*sums)[0] + (*sums)[1] == 55);
    int count = 0;
    for (const int each : rx) count += each > 0 ? 1 : 0;
    CHECK(count == 10);
    CHECK(rx.outcome());
}

TEST_CASE("what nobody has taken back is destroyed with the pool") {
    std::weak_ptr<int> item;
    {
        auto pool = make_pool<std::shared_ptr<int>>(
            {.capacity = 4}, [](leasing_receiver<std::shared_ptr<int>>& in) -> outcome {
                (void)in.pop();
                return std::unexpected("broken");
            });
        auto its = std::make_shared<int>(1);
        item = its;
        CHECK(pool.push(std::move(its)));
        (void)pool.report();
        CHECK(!item.expired());
    }
    CHECK(item.expired());
}

TEST_CASE("a pool that is moved takes along what its workers have left") {
    const auto broken = [](leasing_receiver<int>& in) -> outcome {
        (void)in.pop();
        return std::unexpected("broken");
    };
    auto pool = make_pool<int>({.capacity = 4}, broken);
    CHECK(pool.push(1));
    (void)pool.report();
    auto moved = std::move(pool);
    auto other = make_pool<int>({.capacity = 4}, broken);
    other.close();
    (void)other.report();
    other = std::move(moved);
    CHECK(other.recover() == std::vector{1});
}

TEST_CASE("a function that takes anything is given a receiver") {
    auto pool = make_pool<int>({.capacity = 4}, [](auto& in) {
        static_assert(std::is_same_v<decltype(in), inquest::receiver<int>&>);
        while (in.pop()) {
        }
    });
    CHECK(pool.push(1));
    CHECK(pool.finish());
}

TEST_CASE(
    "what discards the undelivered discards what was in hand, so that nobody waits for its other side") {
    auto pool =
        make_pool<std::promise<int>>({.capacity = 4}, [](leasing_receiver<std::promise<int>>& in) -> outcome {
            (void)in.pop();
            return std::unexpected("broken");
        });
    std::promise<int> reply;
    auto answer = reply.get_future();
    CHECK(pool.push(std::move(reply)));
    (void)pool.report();
    CHECK_THROWS_AS((void)answer.get(), std::future_error); // broken, not waiting
    CHECK(pool.recover().empty());
    CHECK(pool.ledger() == ledger{.pushed = 1, .discarded = 1});
}

TEST_CASE("an empty function is refused, and the senders before it are left alone") {
    auto [tx, rx] = make_channel<int>(1);
    const std::function<void(leasing_receiver<int>&, sender<int>&)> none;
    CHECK_THROWS_WITH_AS((void)make_pool<int>({.capacity = 1}, std::move(tx), none),
                         "inquest: a worker's function is empty", std::invalid_argument);
    CHECK(tx.push(1));
    CHECK(rx.pop());
}

TEST_CASE("items that can be moved but not assigned can be taken back into a vector") {
    struct fixed {
        const int value;
    };
    auto pool = make_pool<fixed>({.capacity = 4}, [](leasing_receiver<fixed>& in) -> outcome {
        (void)in.pop();
        return std::unexpected("broken");
    });
    CHECK(pool.push(fixed{7}));
    (void)pool.report();
    CHECK(pool.recover().at(0).value == 7);
}

TEST_CASE("of several who recover at once, one is handed each item") {
    for (support::rounds rounds(200); rounds.another();) {
        auto pool = make_pool<int>({.workers = 2, .capacity = 8}, [](leasing_receiver<int>& in) -> outcome {
            (void)in.pop();
            return std::unexpected("broken");
        });
        const int pushed = fill(pool);
        std::atomic<int> back{0};
        const auto take = [&] { pool.recover([&](int&&) { ++back; }); };
        {
            const std::jthread one(take), other(take);
        }
        CHECK(back == pushed);
    }
}

TEST_CASE("what several workers have left is handed back by number, whoever had it") {
    for (support::rounds rounds(100); rounds.another();) {
        std::atomic<int> popped{0};
        auto pool =
            make_pool<int>({.workers = 4, .capacity = 4, .on_failure = inquest::on_failure::keep_going},
                           [&](leasing_receiver<int>& in) -> outcome {
                               (void)in.pop();
                               ++popped;
                               support::look_for([&] { return popped == 4; });
                               return std::unexpected("broken");
                           });
        for (int i = 0; i < 4; ++i) CHECK(pool.push(i));
        (void)pool.report();
        CHECK(pool.recover() == std::vector{0, 1, 2, 3});
    }
}

} // namespace leasing_receiver
