// What is reported of a wait that takes long.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string_view>

namespace long_waits {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;
using inquest::still_running;
using support::gate;

namespace {

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

TEST_CASE("a long wait for several workers names each that has not ended") {
    gate first, second;
    std::vector<inquest::worker<void, inquest::no_error>> workers;
    workers.push_back(spawn("w", [&] { first.wait(); }));
    workers.push_back(spawn("w", [&] { second.wait(); }));
    workers.push_back(spawn("w", [] {}));
    CHECK(workers.back().wait());
    caught_waits waits;
    const std::jthread opener([&] {
        support::wait_for("the hook", [&] { return !waits.seen().empty(); });
        second.open = true;
        support::wait_for("the second", [&] { return workers[1].is_done(); });
        const auto before = waits.seen().size();
        support::wait_for("the hook", [&] { return waits.seen().size() > before + 1; });
        first.open = true;
    });
    CHECK(!inquest::report(workers));
    const auto seen = waits.seen();
    CHECK(seen.front().worker() == "w-1");
    REQUIRE(seen.front().others().size() == 1);
    CHECK(seen.front().others().front().worker() == "w-2");
    CHECK(seen.front().others().front().waited() >= 1ms);
    CHECK(seen.back().worker() == "w-1");
    CHECK(seen.back().others().empty());
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

TEST_CASE("a worker that waits for several, of which it is one, is not named as waited for") {
    caught_waits waits;
    gate g;
    using worker = inquest::worker<void, inquest::no_error>;
    std::vector<worker> both;
    std::atomic<bool> ready{false};
    both.push_back(spawn("slow", [&] { g.wait(); }));
    both.push_back(spawn("asks", [&] {
        support::look_for([&] { return ready.load(); });
        CHECK(inquest::report(both)); // which can't wait for itself
    }));
    ready = true;
    support::wait_for("the hook", [&] { return waits.seen().size() >= 2; });
    g.open = true;
    for (auto& one : both) CHECK(one.wait());
    for (const auto& seen : waits.seen())
        if (seen.worker() == "slow") CHECK(seen.others().empty());
}

} // namespace long_waits
