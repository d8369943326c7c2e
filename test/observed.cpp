// Which failures count as observed, that is, were handed out to somebody; the others reach the hook, each once.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace observed {

using inquest::make_channel;
using inquest::on_failure;
using inquest::receiver;
using inquest::report;
using inquest::resolve;
using inquest::resolve_first;
using inquest::spawn;
using support::bad_frame;
using support::push_error_of;

using namespace std::chrono_literals;

namespace {

using outcome = std::expected<void, std::string>;
using worker = inquest::worker<void, std::string>;
using lines = std::vector<std::string>;

auto fails(const char* how) {
    return [how](receiver<int>&) -> outcome { return std::unexpected(how); };
}

void wait_for_end(const worker& w) {
    support::wait_for("a worker's end", [&] { return w.is_done(); });
}

} // namespace

TEST_CASE("an answer that somebody is still running has handed out no failure") {
    for (const bool asked : {false, true})
        for (const auto how : {on_failure::fail_fast, on_failure::keep_going}) {
            support::caught_hook hook;
            std::atomic<bool> go{false};
            {
                auto [tx, rx] = make_channel<int>({.capacity = 1, .on_failure = how});
                std::vector<worker> workers;
                workers.push_back(spawn("fails", rx, fails("early")));
                workers.push_back(spawn("slow", rx, [&](receiver<int>&) -> outcome {
                    support::wait_for("go", [&] { return go.load(); });
                    return {};
                }));
                wait_for_end(workers[0]);
                tx.close();
                const auto sent = tx.push(1);
                const auto answer = resolve_first_for(tx, workers, sent.error(), 1ms);
                REQUIRE(!answer);
                CHECK(answer.error().worker() == "slow");
                go = true;
                if (asked) CHECK(*resolve_first(tx, workers, sent.error()).error() == "early");
            }
            CHECK(hook.seen() == (asked ? lines{} : lines{"worker 'fails' failed: early"}));
        }
}

TEST_CASE("a rethrow hands out that one exception: the failures beside it still reach the hook") {
    for (const bool asked : {false, true}) {
        support::caught_hook hook;
        {
            auto [tx, rx] = make_channel<int>({.capacity = 1, .on_failure = on_failure::keep_going});
            std::vector<worker> workers;
            workers.push_back(
                spawn("throws", rx, [](receiver<int>&) -> outcome { throw bad_frame("first", 1); }));
            wait_for_end(workers[0]);
            workers.push_back(spawn("disk", rx, fails("full")));
            CHECK_THROWS_AS((void)resolve_first(tx, workers, push_error_of(tx)), bad_frame);
            if (asked) CHECK(report(workers)->also_failed().size() == 1);
        }
        CHECK(hook.seen() == (asked ? lines{} : lines{"worker 'disk' failed: full"}));
    }
}

TEST_CASE("a failure that is returned hands out all that are in it") {
    const auto left_after = [](auto&& ask) {
        support::caught_hook hook;
        {
            auto [tx, rx] = make_channel<int>({.capacity = 1, .on_failure = on_failure::keep_going});
            std::vector<worker> workers;
            for (const char* name : {"a", "b", "c"}) workers.push_back(spawn(name, rx, fails("so")));
            for (auto& w : workers) wait_for_end(w);
            ask(tx, workers);
        }
        return hook.seen().size();
    };
    CHECK(left_after([](auto&, auto&) {}) == 3);
    CHECK(left_after([](auto&, auto& all) { CHECK(report(all)->also_failed().size() == 2); }) == 0);
    CHECK(left_after([](auto& tx, auto& all) {
              CHECK(resolve_first(tx, all, push_error_of(tx)).also_failed().size() == 2);
          }) == 0);
    CHECK(left_after([](auto& tx, auto& all) { (void)resolve(tx, all[1], push_error_of(tx)); }) == 2);
    CHECK(left_after([](auto&, auto& all) { (void)all[2].join(); }) == 2);
    CHECK(left_after([](auto&, auto& all) { (void)all[2].peek(); }) == 2);
}

TEST_CASE("an exception that join or peek rethrows was handed out") {
    support::caught_hook hook;
    const auto throws = []() -> outcome { throw bad_frame("thrown", 1); };
    {
        auto joined = spawn("joined", throws);
        CHECK_THROWS_AS((void)joined.join(), bad_frame);
        auto peeked = spawn("peeked", throws);
        wait_for_end(peeked);
        CHECK_THROWS_AS((void)peeked.peek(), bad_frame);
        auto neither = spawn("neither", throws);
    }
    CHECK(hook.seen() == lines{"worker 'neither' failed: support::bad_frame: thrown"});
}

TEST_CASE("the cause in a push error, in the channel or in what is still running is not handed out by that") {
    support::caught_hook hook;
    {
        std::atomic<bool> go{false};
        auto [tx, rx] = make_channel<int>(1);
        auto slow = spawn("slow", rx, [&](receiver<int>&) -> outcome {
            support::wait_for("go", [&] { return go.load(); });
            return {};
        });
        auto w = spawn("w", rx, fails("seen from afar"));
        CHECK(push_error_of(tx).cause().text() == "seen from afar");
        CHECK(tx.cause().text() == "seen from afar");
        CHECK(rx.pop().error().cause().text() == "seen from afar");
        CHECK(slow.join_for(1ms).error().cause().text() == "seen from afar");
        CHECK(resolve_for(tx, slow, push_error_of(tx), 1ms).error().cause().text() == "seen from afar");
        go = true;
        (void)tx.recover();
    }
    CHECK(hook.seen() == lines{"worker 'w' failed: seen from afar"});
}

TEST_CASE("a resolve that is refused and returns what is known so far has handed that out") {
    support::caught_hook hook;
    {
        auto [tx, rx] = make_channel<int>(1);
        auto [tx2, rx2] = make_channel<int>(1);
        auto w = spawn("w", std::move(rx), fails("known"));
        auto elsewhere = spawn("elsewhere", std::move(rx2), [](receiver<int>& in) { (void)in.pop(); });
        CHECK(resolve(tx, elsewhere, push_error_of(tx)).message() == "worker 'w' failed: known");
        tx2.finish();
        CHECK(elsewhere.join());
    }
    CHECK(hook.seen().empty());
}

TEST_CASE("a failure that is known where a join is refused was handed out by that") {
    const auto told_after = [](auto ask) {
        support::caught_hook hook;
        {
            std::atomic<bool> go{false};
            const auto waits = [&go](void*) { support::wait_for("go", [&] { return go.load(); }); };
            auto [tx, rx] = make_channel<int>(1);
            auto w =
                spawn("w", rx, [held = std::shared_ptr<void>(nullptr, waits)](receiver<int>&) -> outcome {
                    return std::unexpected("not gone yet");
                });
            support::wait_for("its failure", [&] { return tx.is_closed(); });
            auto inside = spawn("inside", rx, [&](receiver<int>&) { ask(w); });
            CHECK(inside.join());
            go = true;
        }
        return hook.seen().size();
    };
    const auto known = [](const auto& result) { CHECK(result.error().cause().text() == "not gone yet"); };
    CHECK(told_after([](worker&) {}) == 1);
    CHECK(told_after([&](worker& w) { known(w.join()); }) == 0);
    CHECK(told_after([&](worker& w) { known(w.join_for(1ms)->get()); }) == 0);
    CHECK(told_after([&](worker& w) { CHECK(w.report()->cause().text() == "not gone yet"); }) == 0);
}

namespace {

using passed = std::expected<void, inquest::failure<std::string>>;

// Two workers: `b` returns the failure of `a`, which it is handed by `ask`. Both are there until `end` has been called
// with them, which may destroy either.
lines told_of_two(auto&& ask, auto&& end) {
    support::caught_hook hook;
    {
        auto a = std::make_unique<worker>(spawn("a", []() -> outcome { return std::unexpected("first"); }));
        auto b =
            std::make_unique<worker>(spawn("b", [&a, ask]() -> passed { return std::unexpected(ask(*a)); }));
        wait_for_end(*b);
        end(a, b);
    }
    return hook.seen();
}

const auto joins = [](worker& a) { return a.join().error(); };

} // namespace

TEST_CASE("a failure that was passed on is observed by whoever asks either worker, and else reported once") {
    const lines once{"worker 'a' failed: first"};
    const lines never;
    const auto reports = [](worker& a) { return *a.report(); };
    CHECK(told_of_two(joins, [](auto&, auto&) {}) == once);
    CHECK(told_of_two(reports, [](auto&, auto&) {}) == once);
    CHECK(told_of_two(joins, [](auto& a, auto&) { a.reset(); }) == once);
    CHECK(told_of_two(joins, [](auto&, auto& b) { b.reset(); }) == once);
    CHECK(told_of_two(joins, [](auto& a, auto&) { CHECK(!a->join()); }) == never);
    CHECK(told_of_two(joins, [](auto&, auto& b) { CHECK(!b->join()); }) == never);
    CHECK(told_of_two(joins, [](auto&, auto& b) { CHECK(b->report()); }) == never);
    CHECK(told_of_two(joins, [](auto& a, auto& b) {
              a.reset();
              CHECK(!b->join());
          }) == never);
    CHECK(told_of_two(joins, [](auto& a, auto& b) {
              b.reset();
              CHECK(!a->join());
          }) == never);
    CHECK(told_of_two(joins, [](auto&, auto& b) { (void)b->get_future(); }) == never);
    CHECK(told_of_two(joins, [](auto& a, auto&) { (void)a->get_future(); }) == never);
    CHECK(told_of_two([](worker& a) { return (void)a.join(), joins(a); }, [](auto&, auto&) {}) == once);
}

TEST_CASE("a failure that stands twice in what is passed on is still reported once") {
    const auto doubles = [](worker& a) {
        const auto why = a.join().error().cause();
        return inquest::failure<std::string>(why, {why});
    };
    CHECK(told_of_two(doubles, [](auto&, auto&) {}) == lines{"worker 'a' failed: first"});
}

TEST_CASE("what a worker was handed and did not pass on was observed by it") {
    const auto replaces = [](worker& a) {
        return inquest::failure<std::string>(a.join().error().message() + ", so no b");
    };
    CHECK(told_of_two(replaces, [](auto&, auto&) {}) ==
          lines{"worker 'b' failed: worker 'a' failed: first, so no b"});
}

TEST_CASE("a failure that several workers were handed and all passed on was observed by nobody") {
    support::caught_hook hook;
    {
        auto a = spawn("a", []() -> outcome { return std::unexpected("first"); });
        std::atomic<int> handed{0};
        const auto passes = [&]() -> passed {
            auto why = a.join().error();
            ++handed;
            support::wait_for("the others", [&] { return handed == 3; });
            return std::unexpected(std::move(why));
        };
        std::vector<worker> rest;
        for (int i = 0; i < 3; ++i) rest.push_back(spawn("b", passes));
        for (auto& w : rest) wait_for_end(w);
        CHECK(hook.seen().empty());
    }
    CHECK(hook.seen() == lines{"worker 'a' failed: first"});
}

TEST_CASE("one of several that were handed a failure kept it: it was observed") {
    support::caught_hook hook;
    {
        auto a = spawn("a", []() -> outcome { return std::unexpected("first"); });
        auto b = spawn("b", [&]() -> passed { return std::unexpected(a.join().error()); });
        auto c = spawn("c", [&] { CHECK(!a.join()); });
        wait_for_end(b);
        CHECK(c.join());
    }
    CHECK(hook.seen().empty());
}

TEST_CASE(
    "a worker may own those whose failures it passes on: all of them are reported once, if nobody asks it") {
    for (const bool captured : {false, true})
        for (const bool asked : {false, true}) {
            support::caught_hook hook;
            {
                std::vector<worker> pool;
                for (const char* name : {"p", "q", "r"}) {
                    pool.push_back(spawn(name, []() -> outcome { return std::unexpected("no"); }));
                    wait_for_end(pool.back());
                }
                auto w = spawn("w", [captured, all = std::move(pool)]() mutable -> passed {
                    auto why = *report(all);
                    if (!captured) all.clear();
                    return std::unexpected(std::move(why));
                });
                wait_for_end(w); // and with it what its function held is gone
                CHECK(hook.seen().empty());
                if (asked) {
                    const auto why = w.join().error();
                    CHECK(why.cause().worker() == "p");
                    REQUIRE(why.also_failed().size() == 2);
                    CHECK(why.also_failed()[1].worker() == "r");
                }
            }
            CHECK(hook.seen() ==
                  (asked ? lines{}
                         : lines{"worker 'p' failed: no", "worker 'q' failed: no", "worker 'r' failed: no"}));
        }
}

TEST_CASE("a failure that was reported before it was passed on is not reported again") {
    support::caught_hook hook;
    {
        auto a = std::make_unique<worker>(spawn("a", []() -> outcome { return std::unexpected("first"); }));
        wait_for_end(*a);
        std::optional<inquest::cause> why; // got at without being handed out
        const auto before = inquest::set_failure_hook([&](const inquest::cause& it) { why = it; });
        a.reset();
        inquest::set_failure_hook(before);
        REQUIRE(why);
        auto b =
            spawn("b", [&why]() -> passed { return std::unexpected(inquest::failure<std::string>(*why)); });
    }
    CHECK(hook.seen().empty());
}

TEST_CASE("a future taken before its worker passes a failure on hands that out") {
    support::caught_hook hook;
    {
        auto a = spawn("a", []() -> outcome { return std::unexpected("first"); });
        std::atomic<bool> go{false};
        auto b = spawn("b", [&]() -> passed {
            support::wait_for("go", [&] { return go.load(); });
            return std::unexpected(a.join().error());
        });
        auto future = b.get_future();
        go = true;
        CHECK(future.get().error() == "first");
    }
    CHECK(hook.seen().empty());
}

TEST_CASE("the future of a worker that passes several failures on hands all of them out") {
    support::caught_hook hook;
    {
        std::vector<worker> pool;
        for (int i = 0; i < 3; ++i) {
            pool.push_back(spawn("p", []() -> outcome { return std::unexpected("no"); }));
            wait_for_end(pool.back());
        }
        auto w =
            spawn("w", [all = std::move(pool)]() mutable -> passed { return std::unexpected(*report(all)); });
        wait_for_end(w);
        CHECK(w.get_future().get().error() == "no");
    }
    CHECK(hook.seen().empty());
}

TEST_CASE("a chain passes one failure on: it is reported once, and the eager hook hears of it once") {
    support::caught_hook hook;
    std::atomic<int> eager{0};
    const auto before = inquest::set_eager_failure_hook([&](const inquest::cause&) { ++eager; });
    {
        std::vector<std::unique_ptr<worker>> chain;
        chain.push_back(
            std::make_unique<worker>(spawn("root", []() -> outcome { return std::unexpected("rotten"); })));
        for (int i = 0; i < 20; ++i)
            chain.push_back(std::make_unique<worker>(spawn("next", [&last = *chain.back()]() -> passed {
                return std::unexpected(last.join().error());
            })));
        wait_for_end(*chain.back());
    }
    inquest::set_eager_failure_hook(before);
    CHECK(eager == 1);
    CHECK(hook.seen() == lines{"worker 'root' failed: rotten"});
}

TEST_CASE(
    "a supervisor that was handed many failures passes the latest on: it is still reported, if nobody asks") {
    support::caught_hook hook;
    {
        auto supervisor = spawn("supervisor", []() -> passed {
            for (int i = 1;; ++i) {
                auto w = spawn("child", [i]() -> outcome { return std::unexpected(std::to_string(i)); });
                if (auto ended = w.join(); i == 40) return std::unexpected(ended.error());
            }
        });
    }
    CHECK(hook.seen() == lines{"worker 'child' failed: 40"});
}

} // namespace observed
