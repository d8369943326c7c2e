// Many workers on one channel: who is named, who goes on, and failures at the same instant.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <list>
#include <numeric>

namespace multiple_workers {

using inquest::make_channel;
using inquest::on_failure;
using inquest::receiver;
using inquest::report;
using inquest::resolve_first;
using inquest::spawn;
using inquest::status;
using support::push_error_of;

namespace {

using outcome = std::expected<int, std::string>;

} // namespace

TEST_CASE("fail_fast: one failure ends the stream for all, who see the cause; they are consequences") {
    auto [tx, rx] = make_channel<int>(4);
    std::atomic<int> told{0};
    std::list<inquest::worker<int, std::string>> workers;
    for (int i = 0; i < 3; ++i)
        workers.push_back(spawn("idle", rx, [&](receiver<int>& in) -> outcome {
            while (auto n = in.pop()) {
            }
            const auto end = in.ended();
            CHECK(end->status() == status::aborted);
            CHECK(end->message() == "aborted: worker 'bad' failed: broken pipe");
            ++told;
            return std::unexpected("because of it");
        }));
    support::wait_for_blocked(tx, 3);
    workers.push_back(
        spawn("bad", rx, [](receiver<int>&) -> outcome { return std::unexpected("broken pipe"); }));
    const auto failed = push_error_of(tx);
    const auto why = resolve_first(tx, workers, failed);
    CHECK(told == 3);
    CHECK(*why.error() == "broken pipe");
    CHECK(why.cause() == failed.cause());
    REQUIRE(why.also_failed().size() == 3);
    for (const auto& other : why.also_failed()) {
        CHECK(other.is_consequence());
        CHECK(other.text() == "because of it");
    }
    CHECK(report(workers)->cause() == why.cause());
}

TEST_CASE("keep_going: the others finish the work, and the first failure is reported at the end") {
    auto [tx, rx] = make_channel<int>({.capacity = 4, .on_failure = on_failure::keep_going});
    std::atomic<int> done{0};
    std::list<inquest::worker<int, std::string>> workers;
    const auto work = [&](receiver<int>& in) -> outcome {
        int n = 0;
        while (auto item = in.pop()) {
            if (*item == 50)
                support::wait_for("the other's end", [&] {
                    return std::ranges::any_of(workers, &inquest::worker<int, std::string>::is_done);
                });
            if (*item == 5 || *item == 50) return std::unexpected("item " + std::to_string(*item));
            ++n;
            ++done;
        }
        if (in.ended()->status() != status::complete) return std::unexpected("cut off");
        return n;
    };
    for (int i = 0; i < 4; ++i) workers.push_back(spawn("pool", rx, work));
    for (int i = 0; i < 1000; ++i) REQUIRE(tx.push(i)); // no push fails: two are enough
    tx.finish();
    const auto failed = report(workers);
    REQUIRE(failed);
    CHECK(done == 998);
    CHECK(failed->also_failed().size() == 1);
    CHECK(failed->cause().sequence() < failed->also_failed()[0].sequence());
    CHECK(tx.cause().text() == "item 5"); // the first to fail
    CHECK(failed->cause() == tx.cause());
}

TEST_CASE("keep_going with all failing: pushes fail with the first of them, and the rest follow in order") {
    auto [tx, rx] = make_channel<int>({.capacity = 1, .on_failure = on_failure::keep_going});
    std::atomic<int> turn{-1}; // all are attached before the first one ends
    std::list<inquest::worker<int, std::string>> workers;
    for (int i = 0; i < 4; ++i)
        workers.push_back(spawn("pool", rx, [&turn, i](receiver<int>&) -> outcome {
            support::look_for([&] { return turn == i; });
            return std::unexpected(std::to_string(i));
        }));
    int i = 0;
    for (auto& w : workers) {
        CHECK(tx.is_closed() == false);
        turn = i++;
        CHECK(w.report());
    }
    const auto failed = push_error_of(tx);
    CHECK(failed.cause().text() == "0");
    const auto why = resolve_first(tx, workers, failed);
    CHECK(*why.error() == "0");
    REQUIRE(why.also_failed().size() == 3);
    for (std::size_t k = 0; k < 3; ++k) CHECK(why.also_failed()[k].text() == std::to_string(k + 1));
}

TEST_CASE("primary is by time, not by the order of the handles") {
    for (const int first : {0, 1, 2}) {
        auto [tx, rx] = make_channel<int>({.capacity = 1, .on_failure = on_failure::keep_going});
        std::atomic<int> turn{-1};
        std::list<inquest::worker<int, std::string>> workers;
        for (int i = 0; i < 3; ++i)
            workers.push_back(spawn("pool", rx, [&turn, i](receiver<int>&) -> outcome {
                support::look_for([&] { return turn == i || turn == 99; });
                return std::unexpected(std::to_string(i));
            }));
        turn = first;
        CHECK(std::next(workers.begin(), first)->report());
        turn = 99;
        CHECK(*resolve_first(tx, workers, push_error_of(tx)).error() == std::to_string(first));
    }
}

TEST_CASE(
    "a failure that others passed on is listed once, whoever of them is asked, and with what came along") {
    using passed = std::expected<int, inquest::failure<std::string>>;
    std::list<inquest::worker<int, std::string>> roots, all;
    for (const char* name : {"first", "second"}) {
        roots.push_back(spawn(name, [name]() -> outcome { return std::unexpected(name); }));
        support::wait_for("its end", [&] { return roots.back().is_done(); });
    }
    auto [tx, rx] = make_channel<int>({.capacity = 1, .on_failure = on_failure::keep_going});
    const auto passes_all = [&](receiver<int>&) -> passed { return std::unexpected(*report(roots)); };
    for (int i = 0; i < 3; ++i) all.push_back(spawn("passes", rx, passes_all));
    all.push_back(spawn("own", rx, [](receiver<int>&) -> outcome { return std::unexpected("own"); }));
    const auto failed = push_error_of(tx);
    const auto check = [](const inquest::failure<std::string>& why) {
        CHECK(*why.error() == "first");
        REQUIRE(why.also_failed().size() == 2);
        CHECK(why.also_failed()[0].text() == "second");
        CHECK(why.also_failed()[1].text() == "own");
    };
    check(resolve_first(tx, all, failed));
    all.splice(all.begin(), roots);
    check(resolve_first(tx, all, failed));
    all.reverse();
    check(*report(all));
}

TEST_CASE("some that end early with success do not stop the others, nor hide a later failure") {
    auto [tx, rx] = make_channel<int>(4);
    std::list<inquest::worker<int, std::string>> workers;
    std::atomic<bool> go{false};
    workers.push_back(spawn("stays", rx, [&](receiver<int>& in) -> outcome {
        support::look_for([&] { return go.load(); });
        while (auto n = in.pop())
            if (*n == 100) return std::unexpected("a hundred");
        return 0;
    }));
    for (int i = 0; i < 3; ++i)
        workers.push_back(spawn("brief", rx, [](receiver<int>& in) -> outcome { return in.pop() ? 1 : 0; }));
    for (int i = 1; i <= 3; ++i) CHECK(tx.push(1));
    for (auto w = std::next(workers.begin()); w != workers.end(); ++w) CHECK(w->join().value() == 1);
    CHECK(!tx.is_closed());
    go = true;
    for (int i = 4; i <= 100; ++i) REQUIRE(tx.push(i));
    tx.finish();
    const auto failed = report(workers);
    REQUIRE(failed);
    CHECK(*failed->error() == "a hundred");
    CHECK(failed->also_failed().empty());
    CHECK(failed->message() == "worker 'stays' failed on item 100: a hundred");
}

TEST_CASE("failures at the same instant: the channel's cause is the first by number, in every round") {
    // Two workers that live as long as the test, and a channel a round, so that the rounds are quick. What ends
    // a worker is called as its thread calls it.
    struct round_of {
        inquest::channel<int> queue{1};
        std::array<std::shared_ptr<inquest::detail::worker_record>, 2> record{
            std::make_shared<inquest::detail::worker_record>("a"),
            std::make_shared<inquest::detail::worker_record>("b")};
        std::array<inquest::detail::worker_inputs, 2> inputs;
    };
    support::rounds rounds(100'000);
    std::atomic<round_of*> now{nullptr};
    std::atomic<int> begun{0}, here{0}, done{0};
    std::atomic<bool> over{false};
    const auto dies = [&](std::size_t who) {
        return std::jthread([&, who] {
            for (int i = 1;; ++i) {
                support::look_for([&] { return begun.load() >= i || over.load(); });
                if (over) return;
                auto& mine = *now.load();
                ++here; // together from here: the other one is awake
                for (int spins = 1; here.load() < 2 * i; ++spins)
                    if (spins % 4096 == 0) std::this_thread::yield();
                for (std::atomic<int> dally = i * (who == 0 ? 3 : 5) % 40; dally > 0; --dally) {
                }
                mine.record[who]->kind = inquest::cause_kind::error;
                inquest::detail::publish(*mine.record[who], mine.inputs[who]);
                ++done;
            }
        });
    };
    int second_won = 0;
    {
        const auto a = dies(0);
        const auto b = dies(1);
        while (rounds.another()) {
            const int i = rounds.number();
            round_of mine;
            for (const auto who : {0U, 1U})
                mine.inputs[who].attach(inquest::detail::channel_inspector::share(mine.queue),
                                        *mine.record[who]);
            now = &mine;
            begun = i;
            support::look_for([&] { return done.load() == 2 * i; });
            const auto first = mine.record[0]->sequence < mine.record[1]->sequence ? 0U : 1U;
            second_won += first == 1;
            if (mine.queue.cause().sequence() != mine.record[first]->sequence) FAIL_CHECK("round ", i);
        }
        over = true;
    }
    MESSAGE("the second worker was first in ", second_won, " of ", rounds.number());
}

TEST_CASE("failures at the same instant, with real threads: push and resolve_first name the same one") {
    for (support::rounds rounds(1000); rounds.another();) {
        auto [tx, rx] = make_channel<int>(2);
        std::atomic<int> in{0};
        const auto body = [&in](receiver<int>&) -> std::expected<void, int> {
            ++in;
            support::look_for([&] { return in.load() == 4; });
            return std::unexpected(1);
        };
        std::array workers{spawn("a", rx, body), spawn("b", rx, body), spawn("c", rx, body),
                           spawn("d", rx, body)};
        const auto failed = push_error_of(tx);
        const auto why = resolve_first(tx, workers, failed);
        CHECK(why.cause() == failed.cause());
        REQUIRE(why.also_failed().size() == 3);
        CHECK(std::ranges::is_sorted(why.also_failed(), {}, &inquest::cause::sequence));
    }
}

TEST_CASE("a worker that has ended can be joined, and asked, by another one of its channel") {
    auto [tx, rx] = make_channel<int>({.capacity = 1, .on_failure = on_failure::keep_going});
    std::atomic<bool> go{false};
    auto value = spawn("value", rx, [&](receiver<int>&) -> outcome {
        support::wait_for("go", [&] { return go.load(); });
        return 7;
    });
    auto error = spawn("error", rx, [&](receiver<int>&) -> outcome {
        support::wait_for("go", [&] { return go.load(); });
        return std::unexpected("no disk");
    });
    auto asker = spawn("asker", std::move(rx), [&](receiver<int>&) -> outcome {
        go = true;
        support::wait_for("its colleagues", [&] { return value.is_done() && error.is_done(); });
        CHECK(value.join().value() == 7);
        CHECK(!value.report());
        CHECK(error.join().error().message() == "worker 'error' failed: no disk");
        CHECK(error.join_for(std::chrono::hours(1))->get().error().cause() == error.report()->cause());
        return 0;
    });
    CHECK(asker.join().value() == 0);
    tx.finish();
}

} // namespace multiple_workers
