// Which failures count as observed, that is, were handed out to somebody; the others reach the hook, each once.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <vector>

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
