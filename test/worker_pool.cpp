// Several workers on one channel as one object.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <stop_token>

namespace worker_pool {

using inquest::cause_kind;
using inquest::failure;
using inquest::make_channel;
using inquest::make_pool;
using inquest::on_failure;
using inquest::receiver;
using inquest::sender;
using inquest::status;
using support::wait_for;

namespace {

using namespace std::chrono_literals;
using counted_result = std::expected<long, std::string>;

/// Counts what it takes, and fails on this item.
auto counts(int bad = -1) {
    return [bad](receiver<int>& in) -> counted_result {
        long taken = 0;
        while (auto item = in.pop()) {
            if (*item == bad) return std::unexpected("bad record");
            ++taken;
        }
        return taken;
    };
}

/// The failure that a push returns in the end.
auto failure_of(auto& pool) {
    for (;;)
        if (auto sent = pool.push(1); !sent) return sent.error();
}

} // namespace

TEST_CASE("finish returns what each worker has returned, and all was delivered") {
    for (const std::size_t workers : {1U, 4U}) {
        auto pool = make_pool<int>({.name = "count", .workers = workers, .capacity = 2}, counts());
        CHECK(pool.workers() == workers);
        CHECK(pool.capacity() == 2);
        for (int i = 0; i < 1000; ++i) REQUIRE(pool.push(i));
        const auto results = pool.finish();
        REQUIRE(results);
        CHECK(results->size() == workers);
        CHECK(std::accumulate(results->begin(), results->end(), 0L) == 1000);
        CHECK(pool.is_closed());
    }
}

TEST_CASE("workers that return nothing, and results that can only be moved") {
    std::atomic<int> taken{0};
    auto nothing = make_pool<int>({.workers = 2, .capacity = 2}, [&](receiver<int>& in) {
        while (in.pop()) ++taken;
    });
    CHECK(nothing.push(1));
    CHECK(nothing.finish());
    CHECK(taken == 1);

    auto moved = make_pool<int>({.workers = 3, .capacity = 2}, [](receiver<int>& in) {
        while (in.pop()) {
        }
        return std::make_unique<int>(7);
    });
    const auto results = moved.finish();
    REQUIRE(results->size() == 3);
    for (const auto& one : *results) CHECK(*one == 7);
    CHECK_THROWS_AS((void)moved.finish(), std::future_error); // they are there once
}

TEST_CASE("a push that fails returns the workers' own failure, its value untouched, when all have ended") {
    std::atomic<int> ended{0};
    struct leaves {
        std::atomic<int>& count;
        ~leaves() { ++count; }
    };
    auto pool = make_pool<std::string>({.name = "enrich", .workers = 3, .capacity = 1},
                                       [&](receiver<std::string>& in) -> std::expected<void, std::string> {
                                           const leaves at_end{ended};
                                           while (auto line = in.pop())
                                               if (*line == "bad")
                                                   return std::unexpected("connection refused");
                                           return {};
                                       });
    std::string line = "bad";
    CHECK(pool.push(std::move(line)));
    for (;;) {
        line = "a line that is too long for the small string optimisation";
        const auto sent = pool.push(std::move(line));
        if (sent) continue;
        CHECK(ended == 3);
        CHECK(line == "a line that is too long for the small string optimisation");
        REQUIRE(sent.error().error());
        CHECK(*sent.error().error() == "connection refused");
        CHECK(sent.error().message().starts_with("worker 'enrich-"));
        CHECK(sent.error().message().ends_with("' failed on item 1: connection refused"));
        break;
    }
    CHECK(pool.finish().error().cause().text() == "connection refused"); // as often as one asks
    CHECK(pool.report()->cause().text() == "connection refused");
}

TEST_CASE("an exception is rethrown by push and finish, the same object, and never a value") {
    auto pool = make_pool<int>({.name = "p", .workers = 2, .capacity = 1}, [](receiver<int>& in) {
        if (in.pop()) throw support::bad_frame("torn", 3);
    });
    std::exception_ptr first;
    try {
        for (;;) (void)pool.push(1);
    } catch (const support::bad_frame& e) {
        CHECK(e.frame == 3);
        first = std::current_exception();
    }
    CHECK(first == pool.report()->cause().exception());
    CHECK_THROWS_AS((void)pool.finish(), support::bad_frame);
    CHECK_THROWS_AS((void)pool.push(1), support::bad_frame);
    CHECK_THROWS_AS((void)pool.try_push(1), support::bad_frame);
    CHECK_THROWS_AS((void)pool.push_for(1, 1h), support::bad_frame);
    CHECK_THROWS_AS((void)pool.finish_for(1h), support::bad_frame);
}

TEST_CASE("all workers are attached before any runs: the first to run may leave at once") {
    support::rounds rounds(200);
    while (rounds.another()) {
        std::atomic<int> begun{0};
        auto pool = make_pool<int>({.workers = 3, .capacity = 4}, [&](receiver<int>& in) {
            if (++begun == 1) return;
            while (in.pop()) {
            }
        });
        CHECK(pool.push(1)); // it has not closed because the first has ended
        CHECK(pool.finish());
    }
}

TEST_CASE("workers that all leave are a failure of push, and of finish as long as items are left") {
    auto pool = make_pool<int>({.workers = 2, .capacity = 4}, [](receiver<int>& in) { (void)in.pop(); });
    const auto why = failure_of(pool);
    CHECK(why.cause().kind() == cause_kind::unexplained);
    CHECK(why.message().starts_with("all workers exited but the channel closed (push: "));
    const auto left = pool.size();
    REQUIRE(left > 0);
    CHECK(pool.finish().error().message() ==
          "all workers have ended, " + std::to_string(left) + " undelivered");
    CHECK(pool.recover().size() == left);
    CHECK(pool.finish());
}

TEST_CASE("what a push rethrows is all that is reported: not the workers that it broke off, nor what is left "
          "queued") {
    for (const bool waits_for_stop : {true, false}) {
        support::caught_hook hook;
        {
            std::atomic<bool> other{false}, go{false};
            auto pool =
                make_pool<int>({.workers = 2, .capacity = 4}, [&](std::stop_token stop, receiver<int>& in) {
                    if (*in.pop() == 1) {
                        support::wait_for("what is queued", [&] { return go.load(); });
                        throw std::runtime_error("bad record");
                    }
                    other = true;
                    if (waits_for_stop)
                        support::wait_for("the stop", [&] { return stop.stop_requested(); });
                    else
                        support::wait_for("the end", [&] { return in.is_closed(); });
                    if (!waits_for_stop) CHECK(!in.pop());
                });
            CHECK(pool.push(1));
            CHECK(pool.push(2));
            support::wait_for("the other worker", [&] { return other.load(); });
            CHECK(pool.push(3));
            CHECK(pool.push(4));
            go = true;
            CHECK_THROWS_WITH_AS((void)failure_of(pool), "bad record", std::runtime_error);
            CHECK(pool.size() > 0);
        }
        CHECK(hook.seen().empty());
    }
}

TEST_CASE("what a failed worker's end does not explain is reported: items left by another, and a second "
          "stream that broke off") {
    support::caught_hook hook;
    for (const bool by_reference : {true, false}) {
        { // the others went on, and one of them left early
            std::optional<inquest::channel<int>> queue;
            std::optional<inquest::sender<int>> tx;
            std::optional<receiver<int>> rx;
            const inquest::channel_options options{.capacity = 8,
                                                   .on_failure = inquest::on_failure::keep_going};
            if (by_reference) {
                queue.emplace(options);
                tx = queue->make_sender();
                rx = queue->make_receiver();
            } else {
                auto ends = inquest::make_channel<int>(options);
                tx = std::move(ends.first);
                rx = std::move(ends.second);
            }
            auto announced = rx->announce_workers(2);
            auto a = inquest::spawn("a", *rx, [](receiver<int>&) -> std::expected<void, std::string> {
                return std::unexpected("a");
            });
            CHECK(!a.join());
            for (int i = 0; i < 8; ++i) CHECK(tx->push(i));
            auto b = inquest::spawn("b", *std::move(rx), [](receiver<int>& in) { (void)in.pop(); });
            CHECK(b.join());
        }
        CHECK(hook.seen() ==
              std::vector<std::string>(by_reference ? 1 : 2, "worker 'b' finished early, 7 undelivered"));
    }
    std::optional<inquest::worker<void, inquest::no_error>> reads_both;
    inquest::channel<int> x(1), y(1);
    auto [out, in] = inquest::make_channel<int>(1);
    auto a =
        inquest::spawn("a", std::move(out), [](inquest::sender<int>&) -> std::expected<void, std::string> {
            return std::unexpected("a");
        });
    CHECK(y.close(inquest::cause("disk gone")));
    auto b = inquest::spawn("b", std::move(in), y, [](receiver<int>& one, receiver<int>& other) {
        CHECK(!one.pop());
        CHECK(!other.pop());
    });
    CHECK(!a.join());
    CHECK(b.wait());
    {
        const auto gone = std::move(b);
    }
    CHECK(hook.seen().size() == 3);
}

TEST_CASE("one worker's name has no number") {
    auto pool = make_pool<int>({.name = "lonely", .capacity = 1}, counts(1));
    CHECK(failure_of(pool).message() == "worker 'lonely' failed on item 1: bad record");
}

TEST_CASE("a pool without workers, or without room, is refused") {
    CHECK_THROWS_WITH_AS((void)make_pool<int>({.workers = 0, .capacity = 1}, counts()),
                         "inquest: a pool needs at least one worker", std::invalid_argument);
    CHECK_THROWS_AS((void)make_pool<int>({.workers = 1}, counts()), std::invalid_argument);
    CHECK_THROWS_AS((void)make_pool<int>({.capacity = 1}, std::function<void(receiver<int>&)>()),
                    std::invalid_argument);
}

TEST_CASE("try_push and push_for say that there was no room with a failure of its own kind, and nothing is "
          "closed") {
    std::atomic<bool> go{false};
    auto pool = make_pool<int>({.capacity = 1}, [&](receiver<int>& in) {
        support::look_for([&] { return go.load(); });
        while (in.pop()) {
        }
    });
    CHECK(pool.push(1));
    CHECK(pool.size() == 1);
    const auto full = pool.try_push(2);
    REQUIRE_FALSE(full);
    CHECK(full.error().cause().kind() == cause_kind::not_pushed);
    // A producer may ask again and again: what the workers do is not looked up for that.
    CHECK(full.error().message().ends_with(".cpp:" + std::to_string(full.error().push_site()->line()) + ')'));
    const auto late = pool.push_for(3, 1ms);
    REQUIRE_FALSE(late);
    CHECK(late.error().message().find("worker '' running") != std::string::npos);
    CHECK(late.error().cause().kind() == cause_kind::not_pushed);
    CHECK_FALSE(pool.is_closed());
    go = true;
    CHECK(pool.push_for(4, 1h));
    wait_for("room", [&] { return pool.try_push(5).has_value(); });
    CHECK(pool.finish());
}

TEST_CASE("push_for and finish_for bound the wait for the workers' ends, say what each does, and may be "
          "asked again") {
    std::atomic<bool> go{false};
    std::atomic<int> running{0};
    auto pool = make_pool<int>({.name = "slow", .workers = 3, .capacity = 4},
                               [&](receiver<int>& in) -> counted_result {
                                   const auto item = in.pop();
                                   if (item && *item == 1) return std::unexpected("bad record");
                                   ++running;
                                   support::look_for([&] { return go.load(); });
                                   return 7;
                               });
    CHECK(pool.push(2));
    CHECK(pool.push(2));
    wait_for("two of them", [&] { return running == 2; });
    CHECK(pool.push(1));
    wait_for("the failure", [&] { return pool.is_closed(); });
    const auto refused = pool.push_for(3, 1ms);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().cause().kind() == cause_kind::not_pushed);
    CHECK(refused.error().cause().upstream().text() == "bad record");
    CHECK(refused.error().message().find("still running on item ") != std::string::npos);
    CHECK(refused.error().message().find(", and 1 other") != std::string::npos);
    const auto busy = pool.finish_for(1ms);
    REQUIRE_FALSE(busy);
    REQUIRE(busy.error().others().size() == 1);
    CHECK(busy.error().worker() != busy.error().others().front().worker());
    CHECK(busy.error().cause().text() == "bad record");
    const std::string lines = busy.error().details();
    INFO(lines);
    CHECK(std::ranges::count(lines, '\n') == 1);
    CHECK(lines.find("worker '" + busy.error().worker() + "' still running on item ") == 0);
    CHECK(lines.find("\nworker '" + busy.error().others().front().worker() + "' still running on item ") !=
          std::string::npos);
    go = true;
    CHECK(*pool.finish_for(1h)->error().error() == "bad record");
    CHECK(*pool.push_for(3, 1h).error().error() == "bad record");
}

TEST_CASE("a push that waits for room is ended by its stop token, and its item is the caller's still") {
    std::atomic<bool> go{false};
    auto pool = make_pool<std::string>({.name = "w", .capacity = 1}, [&](receiver<std::string>& in) {
        support::look_for([&] { return go.load(); });
        while (in.pop()) {
        }
    });
    CHECK(pool.push("one"));
    std::stop_source stop;
    std::string mine = "two";
    const std::jthread stopper([&] {
        support::wait_for_blocked(pool.make_sender());
        stop.request_stop();
    });
    const auto moved = pool.push(std::move(mine), stop.get_token());
    REQUIRE_FALSE(moved);
    CHECK(moved.error().cause().kind() == cause_kind::not_pushed);
    CHECK(moved.error().message().find("stopped") != std::string::npos);
    CHECK(mine == "two"); // NOLINT(bugprone-use-after-move): it was not accepted
    CHECK_FALSE(pool.push(mine, stop.get_token()));
    CHECK_FALSE(pool.is_closed());
    go = true;
    support::wait_for("room", [&] { return pool.size() == 0; });
    CHECK_FALSE(pool.push(mine, stop.get_token())); // also if it need not wait
    CHECK(pool.push(mine, std::stop_source().get_token()));
    CHECK(pool.finish());
}

TEST_CASE("keep_going: the others take what is left, and finish returns the failure") {
    std::atomic<int> taken{0};
    auto pool = make_pool<int>({.workers = 2, .capacity = 1, .on_failure = on_failure::keep_going},
                               [&](receiver<int>& in) -> std::expected<void, std::string> {
                                   while (auto item = in.pop()) {
                                       if (*item == 13) return std::unexpected("thirteen");
                                       ++taken;
                                   }
                                   return {};
                               });
    for (int i = 1; i <= 100; ++i) REQUIRE(pool.push(i));
    CHECK(*pool.finish().error().error() == "thirteen");
    CHECK(taken == 99);
}

TEST_CASE("the destructor of a pool that was closed delivers what was pushed") {
    std::atomic<int> taken{0};
    {
        auto pool = make_pool<int>({.workers = 2, .capacity = 64}, [&](receiver<int>& in) {
            while (in.pop()) ++taken;
        });
        for (int i = 0; i < 64; ++i) REQUIRE(pool.push(i));
        CHECK(pool.close());
        CHECK_FALSE(pool.close());
    }
    CHECK(taken == 64);
}

TEST_CASE("the destructor of a pool that is open asks all workers to stop at once") {
    std::atomic<int> stopped{0};
    {
        const auto pool = make_pool<int>({.workers = 4, .capacity = 1}, [&](receiver<int>& in) {
            CHECK(in.pop().error().status() == status::stopped);
            ++stopped;
            support::look_for([&] { return stopped == 4; }); // nobody ends before all have been asked
        });
    }
    CHECK(stopped == 4);
}

TEST_CASE("pools that feed each other may be destroyed in any order, open or closed") {
    for (const bool first_goes_first : {false, true})
        for (const bool closed : {false, true}) {
            CAPTURE(first_goes_first);
            CAPTURE(closed);
            const auto pass_on = [](receiver<int>& in, sender<int>& out) {
                while (auto item = in.pop())
                    if (!out.push(*item)) return;
            };
            auto [results_in, results_out] = make_channel<int>(64);
            auto [middle_in, middle_out] = make_channel<int>(1);
            auto first =
                std::optional(make_pool<int>({.workers = 2, .capacity = 1}, std::move(middle_in), pass_on));
            auto bridge = std::optional(
                inquest::spawn("bridge", std::move(middle_out), std::move(results_in), pass_on));
            for (int i = 0; i < 3; ++i) CHECK(first->push(i));
            if (closed) first->close();
            support::caught_hook hook; // what is left is reported
            const auto passed_on = [&] {
                int n = 0;
                while (results_out.try_pop()) ++n;
                return n;
            };
            if (first_goes_first) {
                first.reset();
                bridge.reset();
            } else {
                bridge.reset();
                first.reset();
            }
            if (first_goes_first && closed) CHECK(passed_on() == 3); // all that was finished is delivered
        }
}

TEST_CASE("what a pool's workers push is complete when all of them are, and truncated if one fails") {
    for (const bool fails : {false, true}) {
        CAPTURE(fails);
        auto [out, results] = make_channel<int>(128);
        auto pool =
            make_pool<int>({.name = "p", .workers = 3, .capacity = 4}, std::move(out),
                           [&](receiver<int>& in, sender<int>& to) -> std::expected<void, std::string> {
                               while (auto item = in.pop()) {
                                   if (fails && *item == 50) return std::unexpected("fifty");
                                   // Once one has failed, the others are asked to stop.
                                   const bool sent = to.push(*item).has_value();
                                   CHECK((sent || fails));
                               }
                               return {};
                           });
        for (int i = 1; i <= 100; ++i)
            if (!pool.push(i)) break;
        const auto finished = pool.finish();
        CHECK(finished.has_value() == !fails);
        int seen = 0;
        while (results.pop()) ++seen;
        const auto end = *results.ended();
        CHECK(end.status() == (fails ? status::truncated : status::complete));
        if (fails)
            CHECK(end.cause() == finished.error().cause());
        else
            CHECK(seen == 100);
    }
}

TEST_CASE("what waits for the workers does not wait inside one of them") {
    std::optional<inquest::worker_pool<int, void, std::string>> pool;
    std::atomic<bool> there{false};
    std::string said;
    pool.emplace(make_pool<int>({.workers = 1, .capacity = 1},
                                [&](receiver<int>& in) -> std::expected<void, std::string> {
                                    support::look_for([&] { return there.load(); });
                                    (void)in.pop();
                                    said = pool->finish().error().message();
                                    return {};
                                }));
    there = true;
    CHECK(pool->push(1));
    CHECK(pool->finish());
    CHECK(said.find("asked from inside the worker, so not joined") != std::string::npos);
}

TEST_CASE("finish_for closes, and returns the results") {
    auto pool = make_pool<int>({.workers = 2, .capacity = 4}, counts());
    CHECK(pool.push(1));
    const auto done = pool.finish_for(1h);
    REQUIRE(done);
    CHECK(std::accumulate((*done)->begin(), (*done)->end(), 0L) == 1);
}

TEST_CASE("a pool that has failed asks its other workers to stop, also those that wait for something else") {
    auto pool = make_pool<int>({.name = "p", .workers = 2, .capacity = 1},
                               [](std::stop_token stop, receiver<int>& in) -> counted_result {
                                   if (in.pop().value() == 1) return std::unexpected("bad record");
                                   support::look_for([&] { return stop.stop_requested(); });
                                   return 0;
                               });
    CHECK(pool.push(2));
    CHECK(pool.push(1));
    wait_for("its end", [&] { return pool.is_closed(); });
    CHECK(*pool.push(3).error().error() == "bad record");
}

TEST_CASE("an aborted pool that is destroyed stops all at once, and one that is to stop does not drain") {
    for (const bool aborts : {false, true}) {
        CAPTURE(aborts);
        support::caught_hook quiet;
        std::atomic<int> stopped{0};
        {
            auto pool = make_pool<int>({.workers = 3, .capacity = 1, .on_destroy = inquest::on_destroy::stop},
                                       [&](std::stop_token stop, receiver<int>&) {
                                           support::look_for([&] { return stop.stop_requested(); });
                                           ++stopped;
                                           support::look_for([&] { return stopped == 3; });
                                       });
            if (aborts)
                pool.abort(inquest::cause("enough"));
            else
                pool.close();
        }
        CHECK(stopped == 3);
    }
}

TEST_CASE("pools that feed each other: a sender of the second one is the first one's output") {
    for (const bool second_goes_first : {false, true})
        for (const bool open : {false, true}) {
            CAPTURE(second_goes_first);
            CAPTURE(open);
            support::caught_hook quiet;
            std::atomic<int> taken{0};
            auto second = std::optional(make_pool<int>({.workers = 2, .capacity = 1}, [&](receiver<int>& in) {
                while (in.pop()) ++taken;
            }));
            auto first = std::optional(make_pool<int>({.workers = 2, .capacity = 1}, second->make_sender(),
                                                      [](receiver<int>& in, sender<int>& out) {
                                                          while (auto item = in.pop())
                                                              if (!out.push(*item)) return;
                                                      }));
            for (int i = 0; i < 10; ++i) CHECK(first->push(i));
            if (!open) CHECK(first->finish());
            if (second_goes_first) second.reset();
            first.reset();
            if (!open && !second_goes_first) {
                CHECK(second->finish());
                CHECK(taken == 10);
            }
        }
}

TEST_CASE(
    "a pool closed with a cause delivers what was pushed, and its workers are told that this is not all") {
    std::atomic<int> taken{0};
    auto pool = make_pool<int>({.name = "p", .capacity = 8}, [&](receiver<int>& in) {
        while (in.pop()) ++taken;
    });
    for (int i = 0; i < 5; ++i) CHECK(pool.push(i));
    CHECK(pool.close(inquest::cause("unreadable")));
    CHECK(pool.finish().error().message() == "worker 'p' ended on a broken stream after item 5: unreadable");
    CHECK(taken == 5);
}

TEST_CASE("push_for is bounded by its limit in all, and the forms for constants push copies") {
    const int item = 7;
    std::atomic<bool> go{false};
    auto pool = make_pool<int>({.capacity = 1}, [&](receiver<int>& in) {
        support::look_for([&] { return go.load(); });
        while (in.pop()) {
        }
    });
    CHECK(pool.push(item));
    CHECK_FALSE(pool.try_push(item));
    CHECK_FALSE(pool.push_for(item, 1ms));
    go = true;
    CHECK(pool.push_for(item, 1h));
    CHECK(pool.finish());
    CHECK(pool.push(item).error().message().find("worker_pool.cpp:") !=
          std::string::npos); // where it was closed
}

TEST_CASE("a pool's options reach its channel and its workers") {
    auto pool =
        make_pool<std::promise<int>>({.name = "replies", .capacity = 2},
                                     [](receiver<std::promise<int>>&) { throw std::runtime_error("gone"); });
    std::promise<int> asked;
    auto answer = asked.get_future();
    try {
        for (;;) {
            (void)pool.push(std::move(asked));
            asked = {};
        }
    } catch (const std::runtime_error&) {
    }
    asked = {};
    CHECK_THROWS_AS((void)answer.get(),
                    std::future_error); // discarded, as a promise is unless one says otherwise
}

TEST_CASE("a moved-from pool has nothing to finish") {
    auto pool = make_pool<int>({.capacity = 1}, [](receiver<int>&) {});
    const auto other = std::move(pool);
    CHECK_THROWS_AS((void)pool.finish(), std::future_error);
    CHECK_THROWS_AS((void)pool.make_sender(), std::invalid_argument);
    CHECK_FALSE(pool.push(1));
}

TEST_CASE("what was not delivered can be taken back") {
    auto pool = make_pool<int>({.capacity = 8}, [](receiver<int>& in) -> std::expected<void, std::string> {
        support::look_for([&] { return in.size() == 4; });
        (void)in.pop();
        return std::unexpected("first");
    });
    for (int i = 1; i <= 4; ++i) CHECK(pool.push(i));
    CHECK_FALSE(pool.finish());
    int count = 0;
    CHECK(pool.recover([&](int&& item) { CHECK(item == 2 + count++); }) == 3);
    CHECK(pool.recover().empty());
}

TEST_CASE("a stop of all, an abort, and what a pool says when it closes") {
    std::vector<std::string> said;
    {
        auto pool = make_pool<int>({.workers = 2, .capacity = 4}, [](receiver<int>& in) {
            while (in.pop()) {
            }
        });
        const auto registered =
            pool.on_close([&](const inquest::pop_error& e) { said.push_back(e.message()); });
        pool.request_stop();
        CHECK(pool.finish());
    }
    auto pool = make_pool<int>({.workers = 2, .capacity = 4}, [](receiver<int>& in) {
        while (in.pop()) {
        }
    });
    const auto registered = pool.on_close([&](const inquest::pop_error& e) { said.push_back(e.message()); });
    CHECK(pool.abort(inquest::cause("enough")));
    CHECK(pool.cause().text() == "enough");
    const auto aborted = pool.finish(); // whether its workers have seen the abort, or the stop that follows
    REQUIRE_FALSE(aborted);
    CHECK(aborted.error().message().ends_with("enough"));
    REQUIRE(said.size() == 2);
    CHECK(said.back() == "aborted: enough");
}

TEST_CASE("a pool can be moved, and what it was assigned over has ended") {
    std::atomic<int> ended{0};
    const auto make = [&] {
        return make_pool<int>({.workers = 2, .capacity = 4}, [&](receiver<int>& in) {
            while (in.pop()) {
            }
            ++ended;
        });
    };
    auto one = make();
    auto other = std::move(one);
    CHECK(one.is_closed());
    CHECK(one.workers() == 0);
    CHECK(other.push(1));
    other = make();
    CHECK(ended == 2);
    CHECK(other.push(1));
    CHECK(other.finish());
    CHECK(ended == 4);
}

TEST_CASE("a failure that nobody asked about goes to the hook once, with the others") {
    support::caught_hook hook;
    {
        auto pool = make_pool<int>(
            {.name = "p", .workers = 2, .capacity = 1, .on_failure = on_failure::keep_going}, counts(1));
        CHECK(pool.push(1));
        CHECK(pool.push(1));
        wait_for("both", [&] { return pool.is_closed(); });
    }
    CHECK(hook.seen().size() == 2);
}

} // namespace worker_pool
