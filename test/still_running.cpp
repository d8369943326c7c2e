// Waiting for a worker with a limit, and what is reported of one that takes long.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <list>

using namespace std::chrono_literals;
using inquest::activity;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;
using inquest::still_running;
using std::chrono::steady_clock;
using support::wait_for_blocked;

namespace {

/// A worker that ends when the gate opens.
struct gate {
    std::atomic<bool> open{false};
    void wait() const {
        support::look_for([this] { return open.load(); });
    }
};

/// Makes waits long at once, and keeps what the hook is given.
class caught_waits {
  public:
    caught_waits()
        : after_(inquest::set_long_wait_threshold(1ms)),
          before_(inquest::set_long_wait_hook([this](const still_running& who) {
              const std::lock_guard lock(guard_);
              seen_.push_back(who);
          })) {}
    ~caught_waits() {
        inquest::set_long_wait_hook(before_);
        inquest::set_long_wait_threshold(after_);
    }
    std::vector<still_running> seen() {
        const std::lock_guard lock(guard_);
        return seen_;
    }

  private:
    std::mutex guard_;
    std::vector<still_running> seen_;
    std::chrono::milliseconds after_;
    inquest::long_wait_hook before_;
};

} // namespace

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
    CHECK(seen.message().ends_with(" ms), 1 sender open"));
    {
        const auto another = tx;
        CHECK(w.peek().error().open_senders() == 2);
        CHECK(w.peek().error().message().ends_with(" ms), 2 senders open"));
    }
    CHECK(seen.message().starts_with("worker 'copy' still waiting in pop of 'lines' ("));
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    support::wait_for_blocked(out);
    seen = w.peek().error();
    CHECK(seen.activity() == activity::pushing);
    CHECK(seen.channel().empty());
    CHECK(seen.open_senders() == 0);
    CHECK(seen.items() == inquest::item_range{.first = 2, .last = 2});
    CHECK(seen.message().starts_with("worker 'copy' still waiting in push on item 2 ("));
    CHECK(in.pop().value() == 1);
    CHECK(in.pop().value() == 2);
    tx.finish();
    CHECK(w.join());
    out.finish();
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

TEST_CASE("an untimed wait that takes long tells the hook, again and again, and goes on") {
    caught_waits waits;
    gate g;
    auto [tx, rx] = make_channel<int>({.capacity = 4, .name = "jobs"});
    auto w = spawn("slow", rx, [&](receiver<int>& in) -> std::expected<int, std::string> {
        CHECK(in.pop());
        CHECK(in.pop());
        g.wait();
        return 7;
    });
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    support::wait_for("both to be taken", [&] { return tx.size() == 0; });
    const cause broken("the disk is gone");
    const auto is_reported = [&](std::size_t calls, auto wait) {
        std::jthread waiting(wait);
        support::wait_for("the hook to be called", [&] { return waits.seen().size() >= calls; });
        g.open = true;
    };
    SUBCASE("join") {
        CHECK(tx.close(broken));
        is_reported(3, [&] { CHECK(w.join().value() == 7); });
        const auto seen = waits.seen();
        CHECK(seen[0].worker() == "slow");
        CHECK(seen[0].items() == inquest::item_range{.first = 2, .last = 2});
        CHECK(seen[0].cause() == broken);
        CHECK(seen[0].waited() >= 1ms);
        CHECK(seen[1].waited() >= 2 * seen[0].waited());
        CHECK(seen[2].waited() >= 2 * seen[1].waited());
        CHECK(seen[0].message().starts_with("worker 'slow' still running on item 2 ("));
        CHECK(seen[0].message().ends_with("ms): the disk is gone"));
    }
    SUBCASE("resolve") {
        const inquest::push_error closed(status::closed, {}, std::source_location::current());
        is_reported(1, [&] { CHECK(!resolve(tx, w, closed).error()); });
    }
    SUBCASE("report") {
        is_reported(1, [&] { CHECK(!w.report()); });
    }
    SUBCASE("the destructor") {
        is_reported(1, [&] { const auto gone = std::move(w); });
    }
    tx.finish();
}

TEST_CASE("a wait that is not long tells nobody, and never is never") {
    caught_waits waits;
    inquest::set_long_wait_threshold(std::chrono::milliseconds::max());
    gate g;
    auto w = spawn("w", [&] { g.wait(); });
    std::jthread joiner([&] { CHECK(w.join()); });
    for (int i = 0; i < 100; ++i) CHECK(!w.join_for(50us)); // timed forms tell the caller, not the hook
    g.open = true;
    joiner.join();
    CHECK(waits.seen().empty());
    CHECK(inquest::set_long_wait_threshold(0ms) == std::chrono::milliseconds::max());
    CHECK(inquest::set_long_wait_threshold(1ms) == 1ms); // the least there is
}

TEST_CASE("a long-wait hook that throws does not end the wait") {
    const auto after = inquest::set_long_wait_threshold(1ms);
    std::atomic<int> calls{0};
    std::atomic<int> lines{0};
    auto before = inquest::set_long_wait_hook([&](const still_running&) {
        ++calls;
        throw std::runtime_error("hook");
    });
    inquest::detail::set_log([&](bool alarm, std::string_view line) {
        CHECK(!alarm);
        CHECK(line.starts_with("long wait: worker 'w' still running ("));
        ++lines;
    });
    gate g;
    auto w = spawn("w", [&] { g.wait(); });
    std::jthread joiner([&] { CHECK(w.join()); });
    support::wait_for("two calls", [&] { return calls >= 2; });
    g.open = true;
    joiner.join();
    inquest::set_long_wait_hook(before);
    inquest::set_long_wait_threshold(after);
    inquest::detail::set_log({});
    CHECK(lines == calls);
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
