// Waiting for a worker with a limit, and what is said of one that has not ended by then.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <list>

namespace still_running {

using namespace std::chrono_literals;
using inquest::activity;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::resolve;
using inquest::spawn;
using inquest::status;
using inquest::still_running;
using std::chrono::steady_clock;
using support::gate;
using support::wait_for_blocked;

TEST_CASE("join_for, join_until and peek say what a worker is doing that has not ended") {
    gate g;
    auto w = spawn("slow", [&] {
        g.wait();
        return 5L;
    });
    const auto busy = [](const auto& answer) {
        REQUIRE(!answer);
        CHECK(answer.error().worker() == "slow");
        CHECK(answer.error().activity() == activity::running);
        CHECK(!answer.error().items());
        CHECK(!answer.error().cause());
        CHECK(answer.error().message().starts_with("worker 'slow' still running ("));
    };
    busy(w.peek());
    busy(w.join_for(0s));
    busy(w.join_for(-1h));
    busy(w.join_for(2ms));
    busy(w.join_for(std::chrono::duration<unsigned, std::milli>(1)));
    busy(w.join_until(steady_clock::time_point::min()));
    busy(w.join_until(steady_clock::now() + 1ms));
    CHECK(w.join_for(3ms).error().waited() >= 3ms);
    g.open = true;
    CHECK(w.join_for(std::chrono::hours::max())->get().value() == 5);
    CHECK(w.join_until(steady_clock::time_point::max())->get().value() == 5);
    CHECK(w.peek()->get().value() == 5);
    CHECK(w.join_for(0s)->get().value() == 5);
    CHECK(&w.peek()->get() == &w.join()); // the same result
}

TEST_CASE("the timed forms rethrow what the worker threw, as join does") {
    auto w = spawn("w", [] { throw support::bad_frame("x", 3); });
    CHECK_THROWS_AS((void)w.join_for(1h), support::bad_frame);
    CHECK_THROWS_AS((void)w.peek(), support::bad_frame);
    CHECK_THROWS_AS((void)w.join_until(steady_clock::now()), support::bad_frame);
}

TEST_CASE("a worker that waits in a pop or a push is said to, with its channel and item") {
    auto [tx, rx] = make_channel<int>({.capacity = 1, .name = "lines"});
    auto [out, in] = make_channel<int>(1);
    auto w = spawn("copy", std::move(rx), [&](receiver<int>& lines) {
        while (auto n = lines.pop()) CHECK(out.push(*n));
    });
    support::wait_for_blocked(tx);
    auto seen = w.peek().error();
    CHECK(seen.activity() == activity::popping);
    CHECK(seen.channel() == "lines");
    CHECK(seen.open_senders() == 1);
    CHECK(seen.message().ends_with(" ms), 1 sender open, which has pushed nothing"));
    CHECK(seen.last_pushes().empty());
    {
        const auto another = tx;
        CHECK(w.peek().error().open_senders() == 2);
        CHECK(w.peek().error().message().ends_with(" ms), 2 senders open, which have pushed nothing"));
    }
    CHECK(seen.message().starts_with("worker 'copy' still waiting in pop of 'lines' ("));
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    support::wait_for_blocked(out);
    seen = w.peek().error();
    CHECK(seen.activity() == activity::pushing);
    CHECK(seen.channel().empty());
    CHECK(seen.open_senders() == 0);
    CHECK(seen.last_pushes().empty());
    CHECK(seen.items() == inquest::item_range{.first = 2, .last = 2});
    CHECK(seen.message().starts_with("worker 'copy' still waiting in push on item 2 ("));
    CHECK(in.pop().value() == 1);
    CHECK(in.pop().value() == 2);
    tx.finish();
    CHECK(w.join());
    out.finish();
}

namespace {

std::source_location here(std::source_location where = std::source_location::current()) { return where; }
std::string text(const std::source_location& place) {
    return std::string(place.file_name()) + ':' + std::to_string(place.line());
}

/// A worker that takes all there is and waits for more.
struct reader {
    explicit reader(inquest::sender<int>& pushed, inquest::receiver<int>&& in)
        : tx(pushed), worker(spawn("reader", std::move(in), [](receiver<int>& from) {
              for (int n : from) CHECK(n > 0);
          })) {}
    still_running glance() {
        support::wait_for("all to be taken", [&] { return tx.size() == 0; });
        wait_for_blocked(tx);
        return worker.peek().error();
    }
    void says(const std::string& end) {
        const std::string line = glance().message();
        INFO(line);
        CHECK(line.ends_with(" ms), " + end));
    }
    inquest::sender<int>& tx;
    inquest::worker<void, inquest::no_error> worker;
};

} // namespace

TEST_CASE("who waits for a stream that nobody finishes says where its open senders pushed last") {
    auto [first, rx] = make_channel<int>(8);
    reader its(first, std::move(rx));
    its.says("1 sender open, which has pushed nothing");
    CHECK(its.glance().silent_senders() == 1);
    CHECK(first.push(1));
    const auto one = here();
    CHECK(its.glance().last_pushes().front().line() + 1 == one.line());
    CHECK(its.glance().silent_senders() == 0);
    CHECK(first.push(1, one));
    its.says("1 sender open, last push at " + text(one));

    std::optional second(first);
    its.says("2 senders open, 1 of which has pushed nothing, last push at " + text(one));
    CHECK(second->push(1, one));
    its.says("2 senders open, last push at " + text(one)); // each place once
    const auto other = here();
    CHECK(second->push(1, other));
    its.says("2 senders open, last pushes at " + text(one) + ", " + text(other));
    CHECK(second->push(1, one));
    CHECK(second->push(1, other)); // as the first time
    auto moved = std::move(*second);
    second.reset(); // which was moved from
    its.says("2 senders open, last pushes at " + text(one) + ", " + text(other));
    moved.finish();
    its.says("1 sender open, last push at " + text(one));
    first.finish();
    CHECK(its.worker.join());
}

TEST_CASE("a channel shows eight senders at one time, and the next once one of them is destroyed") {
    auto [first, rx] = make_channel<int>(8);
    reader its(first, std::move(rx));
    std::list<inquest::sender<int>> more(9, first);
    its.says("10 senders open, 8 of which have pushed nothing");
    CHECK(its.glance().open_senders() == 10);
    more.pop_front();
    CHECK(its.glance().open_senders() == 9);
    CHECK(its.glance().silent_senders() == 7);
    more.push_back(first);
    CHECK(its.glance().silent_senders() == 8);
    more.front().finish();
    CHECK(its.glance().silent_senders() == 7);
    more.push_back(first); // a finished one keeps its place
    CHECK(its.glance().silent_senders() == 7);
    more.pop_front();
    more.back() = first;
    CHECK(its.glance().silent_senders() == 8);
    more.clear();
    its.says("1 sender open, which has pushed nothing");
    first.finish();
    CHECK(its.worker.join());
}

TEST_CASE("of many places of last pushes four are named") {
    auto [first, rx] = make_channel<int>(8);
    reader its(first, std::move(rx));
    const std::source_location places[] = {here(), // a line each
                                           here(), here(), here(), here()};
    std::list<inquest::sender<int>> senders(5, first);
    auto next = senders.begin();
    for (const auto& place : places) CHECK((next++)->push(1, place));
    first.finish();
    its.says("5 senders open, last pushes at " + text(places[0]) + ", " + text(places[1]) + ", " +
             text(places[2]) + ", " + text(places[3]) + " and elsewhere");
    CHECK(its.glance().last_pushes().size() == 5);
    for (auto& one : senders) one.finish();
    CHECK(its.worker.join());
}

TEST_CASE("of two threads that push through one sender, what is shown in the end is where it pushed last") {
    const auto one = here();
    const auto other = here();
    for (support::rounds rounds(300); rounds.another();) {
        auto [tx, rx] = make_channel<int>(8);
        auto w = spawn("w", std::move(rx), [](receiver<int>& in) -> std::expected<void, std::string> {
            for (int n : in) CHECK(n > 0);
            return {};
        });
        {
            const std::jthread a([&] { CHECK(tx.push(1, one)); });
            const std::jthread b([&] { CHECK(tx.push(1, other)); });
        }
        support::wait_for("all to be taken", [&] { return tx.size() == 0; });
        wait_for_blocked(tx);
        const auto seen = w.peek().error();
        REQUIRE(seen.last_pushes().size() == 1);
        {
            const auto dropped = std::move(tx);
        } // it abandons the stream, and says where it pushed last
        const auto ended = w.join();
        REQUIRE_FALSE(ended);
        const std::string line = ended.error().message();
        INFO(line);
        CHECK(line.find("last push at " + text(seen.last_pushes().front())) != std::string::npos);
    }
}

TEST_CASE("a sender of a worker's function is shown like any other, until the function is over") {
    auto [tx, rx] = make_channel<int>(8);
    auto [none, never] = make_channel<int>(1);
    reader its(tx, std::move(rx));
    auto stage = spawn("stage", std::move(never), tx, [](receiver<int>& in, inquest::sender<int>& out) {
        CHECK(out.push(1));
        while (in.pop()) {
        }
    });
    wait_for_blocked(none); // so it has pushed, and that is noted
    CHECK(its.glance().open_senders() == 2);
    CHECK(its.glance().silent_senders() == 1);
    CHECK(its.glance().last_pushes().size() == 1);
    none.finish();
    CHECK(stage.join());
    its.says("1 sender open, which has pushed nothing");
    tx.finish();
    CHECK(its.worker.join());
}

TEST_CASE("also where the call obeys a token of its own") {
    auto [tx, rx] = make_channel<int>(1);
    std::stop_source stop;
    auto w = spawn("w", std::move(rx), [&](receiver<int>& r) { (void)r.pop(stop.get_token()); });
    support::wait_for_blocked(tx);
    CHECK(w.peek().error().activity() == activity::popping);
    stop.request_stop();
    CHECK(w.join());
}

TEST_CASE("a worker whose captures are being destroyed is said to be ending") {
    gate g;
    struct slow_to_go {
        gate* g;
        explicit slow_to_go(gate& its) : g(&its) {}
        ~slow_to_go() { g->wait(); }
    };
    auto w = spawn("w", [held = std::make_shared<slow_to_go>(g)] {});
    support::wait_for("its function to end", [&] { return w.peek().error().activity() == activity::ending; });
    CHECK(!w.is_done());
    CHECK(w.peek().error().message().starts_with("worker 'w' still ending ("));
    g.open = true;
    CHECK(w.join());
}

TEST_CASE(
    "resolve_for and resolve_until close the channel, say what the worker is doing, and may be asked again") {
    gate g;
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("stuck", rx, [&](receiver<int>& in) -> std::expected<void, std::string> {
        (void)in.pop();
        g.wait();
        return std::unexpected("at last");
    });
    CHECK(tx.push(1));
    support::wait_for("the item to be taken", [&] { return tx.size() == 0; });
    CHECK(rx.close());
    const auto sent = tx.push(2);
    REQUIRE(!sent);
    CHECK(resolve_for(tx, w, sent.error(), 0s).error().worker() == "stuck");
    CHECK(resolve_for(tx, w, sent.error(), -1s).error().items()->last == 1);
    CHECK(resolve_until(tx, w, sent.error(), steady_clock::now() + 1ms).error().activity() ==
          activity::running);
    std::list<inquest::worker<void, std::string>> all;
    all.push_back(std::move(w));
    CHECK(!resolve_first_for(tx, all, sent.error(), 1ms));
    CHECK(!resolve_first_until(tx, all, sent.error(), steady_clock::now()));
    g.open = true;
    CHECK(*resolve_for(tx, all.front(), sent.error(), 1h)->error() == "at last");
    CHECK(*resolve_until(tx, all.front(), sent.error(), steady_clock::time_point::max())->error() ==
          "at last");
    CHECK(*resolve_first_for(tx, all, sent.error(), std::chrono::hours::max())->error() == "at last");
    CHECK(*resolve_first_until(tx, all, sent.error(), steady_clock::time_point::min())->error() == "at last");
}

TEST_CASE("a worker that was blocked and goes on is running again") {
    gate g;
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", std::move(rx), [&](receiver<int>& in) {
        (void)in.pop();
        g.wait();
    });
    wait_for_blocked(tx);
    CHECK(w.peek().error().activity() == activity::popping);
    CHECK(tx.push(1));
    support::wait_for("the worker to go on",
                      [&] { return w.peek().error().activity() == activity::running; });
    g.open = true;
    CHECK(w.join());
    tx.finish();
}

TEST_CASE("resolve_for closes an open channel, so that the worker can come to its end") {
    inquest::channel<int> queue(1);
    auto w = spawn("w", queue, [](receiver<int>& in) -> std::expected<void, std::string> {
        while (in.pop()) {
        }
        (void)in.ended();
        return std::unexpected("drained");
    });
    const inquest::push_error as_if(status::closed, {}, std::source_location::current());
    CHECK(*resolve_for(queue, w, as_if, 1h)->error() == "drained");
    CHECK(queue.is_closed());
}

TEST_CASE("a timed resolve of a push that was only late changes nothing, and rethrows nothing") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", std::move(rx), [](receiver<int>& in) {
        while (in.pop()) {
        }
    });
    const inquest::push_error late(status::timeout, {}, std::source_location::current());
    CHECK(resolve_for(tx, w, late, 1h)->message().starts_with("nothing was closed (push: timeout, push at "));
    CHECK(!tx.is_closed());
    tx.finish();
    CHECK(w.join());
}

TEST_CASE("a timed resolve rethrows what the worker threw") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", std::move(rx), [](receiver<int>&) { throw support::bad_frame("x", 1); });
    const inquest::push_error closed(status::closed, {}, std::source_location::current());
    CHECK_THROWS_AS((void)resolve_for(tx, w, closed, 1h), support::bad_frame);
}

TEST_CASE("from inside a timed form does not wait at all") {
    auto [tx, rx] = make_channel<int>(1);
    gate g;
    std::optional<inquest::worker<void, std::string>> other;
    other.emplace(spawn("other", rx, [&](receiver<int>&) -> std::expected<void, std::string> {
        g.wait();
        return {};
    }));
    auto w = spawn("w", std::move(rx), [&](receiver<int>&) -> std::expected<void, std::string> {
        const auto& refused = other->join_for(1h)->get();
        CHECK(refused.error().message() == "worker 'other': asked from inside the channel, so not joined");
        return {};
    });
    support::wait_for("the asker", [&] { return w.is_done(); });
    g.open = true;
    CHECK(w.join());
}

TEST_CASE(
    "no timed form answers before its time while the worker runs, and each says how long it has waited") {
    auto [tx, rx] = make_channel<int>(1);
    gate g;
    std::list<inquest::worker<int, std::string>> workers;
    for (int i = 0; i < 2; ++i)
        workers.push_back(spawn("slow", rx, [&](receiver<int>&) -> std::expected<int, std::string> {
            g.wait();
            return 1;
        }));
    auto& w = workers.front();
    const inquest::push_error closed(status::closed, {}, std::source_location::current());
    constexpr auto limit = 15ms;
    const auto lasts = [&](auto call) {
        const auto begun = steady_clock::now();
        const auto answer = call();
        const auto took = steady_clock::now() - begun;
        REQUIRE(!answer);
        CHECK(took >= limit);
        CHECK(answer.error().waited() <= took);
        return answer.error().waited();
    };
    CHECK(lasts([&] { return w.join_for(limit); }) >= limit);
    CHECK(lasts([&] { return resolve_for(tx, w, closed, limit); }) >= limit);
    CHECK(lasts([&] { return resolve_first_for(tx, workers, closed, limit); }) >= limit);
    // Until a moment that was named before the call: it has waited for less.
    CHECK(lasts([&] { return w.join_until(steady_clock::now() + limit); }) > 0s);
    CHECK(lasts([&] { return resolve_until(tx, w, closed, steady_clock::now() + limit); }) > 0s);
    CHECK(lasts([&] { return resolve_first_until(tx, workers, closed, steady_clock::now() + limit); }) > 0s);
    g.open = true;
    for (auto& each : workers) CHECK(each.join().value() == 1);
}

TEST_CASE("who has seen that a worker is done sees what it wrote, without a join") {
    for (support::rounds rounds(200); rounds.another();) {
        int written = 0; // no atomic: ThreadSanitizer sees whether the answer orders it
        auto w = spawn("w", [&written] { written = 1; });
        support::wait_for("its end", [&] { return w.is_done(); });
        CHECK(written == 1);
    }
}

} // namespace still_running
