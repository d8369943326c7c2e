// What is reported of an unobserved failure, by whom, on which thread, and what comes of a hook that throws.
#include "support/support.hpp"

#include <doctest/doctest.h>

namespace hook {

using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;

namespace {

std::expected<void, std::string> fails() { return std::unexpected("unobserved"); }

/// Keeps the lines for the logger while it lives.
class caught_log {
  public:
    caught_log() {
        inquest::detail::set_log([this](bool alarm, std::string_view line) {
            const std::lock_guard lock(guard_);
            lines_.push_back((alarm ? "alarm " : "note ") + std::string(line));
        });
    }
    ~caught_log() { inquest::detail::set_log({}); }
    std::vector<std::string> lines() {
        const std::lock_guard lock(guard_);
        return lines_;
    }

  private:
    std::mutex guard_;
    std::vector<std::string> lines_;
};

} // namespace

TEST_CASE("an unobserved failure reaches the hook when the worker is destroyed, and one that was observed "
          "does not") {
    support::caught_hook hook;
    {
        auto w = spawn("quiet", fails);
    }
    CHECK(hook.seen() == std::vector<std::string>{"worker 'quiet' failed: unobserved"});
    {
        auto joined = spawn("seen", fails);
        CHECK(!joined.join());
        auto reported = spawn("seen", fails);
        CHECK(reported.report());
        auto peeked = spawn("seen", fails);
        support::wait_for("its end", [&] { return peeked.is_done(); });
        CHECK(!peeked.peek()->get());
        auto [tx, rx] = make_channel<int>(1);
        auto resolved = spawn("seen", std::move(rx), [](receiver<int>&) { return fails(); });
        CHECK(*resolve(tx, resolved, support::push_error_of(tx)).error() == "unobserved");
    }
    {
        auto w = spawn("fine", [] {});
    }
    CHECK(hook.seen().size() == 1);
}

TEST_CASE("an unobserved failure is reported whatever its kind: item and cause with it") {
    support::caught_hook hook;
    auto [tx, rx] = make_channel<int>(2);
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    {
        auto w = spawn("frames", rx, [](receiver<int>& in) {
            CHECK(in.pop());
            CHECK(in.pop());
            throw support::bad_frame("no picture", 2);
        });
        support::wait_for("its end", [&] { return w.is_done(); });
    }
    const auto seen = hook.seen();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0] == "worker 'frames' failed on item 2: support::bad_frame: no picture");
}

TEST_CASE(
    "the hook runs on the thread that destroys the worker, outside every lock: it may use the library") {
    std::thread::id where;
    auto [tx, rx] = make_channel<std::string>(4);
    auto before = inquest::set_failure_hook([&](const cause& why) {
        where = std::this_thread::get_id();
        CHECK(tx.push(why.message()));
        auto inner = spawn("inner", [] { return 1L; });
        CHECK(inner.join());
        auto mine = inquest::set_failure_hook({}); // even this
        inquest::set_failure_hook(mine);
    });
    {
        auto w = spawn("w", fails);
    }
    inquest::set_failure_hook(before);
    CHECK(where == std::this_thread::get_id());
    CHECK(rx.pop().value() == "worker 'w' failed: unobserved");
}

TEST_CASE(
    "items that the last worker left behind are reported when the channel goes, unless somebody knows") {
    const auto leaves = [](const std::string& how) {
        support::caught_hook hook;
        const bool stopped = how.starts_with("stopped");
        {
            auto [tx, rx] = make_channel<int>(4);
            auto w = spawn("w", std::move(rx), [stopped](std::stop_token stop, receiver<int>& in) {
                while (stopped && !stop.stop_requested()) std::this_thread::yield();
                if (!stopped) CHECK(in.pop());
            });
            CHECK(tx.push(1));
            if (stopped) CHECK(tx.push(2));
            if (how.ends_with("finished")) tx.finish();
            if (stopped) w.request_stop();
            CHECK(w.join());
            if (how.ends_with("recovered")) CHECK(tx.recover().size() == 2);
            CHECK(hook.seen().empty());
        }
        return hook.seen();
    };
    const std::vector<std::string> none;
    CHECK(leaves("stopped") == std::vector<std::string>{"worker 'w' was stopped, 2 undelivered"});
    CHECK(leaves("stopped, finished") == std::vector<std::string>{"worker 'w' was stopped, 2 undelivered"});
    CHECK(leaves("stopped, recovered") == none);
    CHECK(leaves("took all") == none);
}

TEST_CASE("items left by a worker that finished early are reported if no push was refused") {
    support::caught_hook hook;
    {
        inquest::channel<int> queue(4);
        CHECK(queue.push(1));
        CHECK(queue.push(2));
        CHECK(queue.close());
        auto w = spawn("head", queue, [](receiver<int>& in) { CHECK(in.pop()); });
        CHECK(w.join());
    }
    CHECK(hook.seen() == std::vector<std::string>{"worker 'head' finished early, 1 undelivered"});
}

TEST_CASE(
    "the eager hook hears of every failure on the dying worker's thread, and does not count as a look") {
    support::caught_hook hook;
    std::thread::id where, own;
    std::string text;
    bool closed_before = false;
    auto [tx, rx] = make_channel<int>(1);
    auto before = inquest::set_eager_failure_hook([&, out = &tx](const cause& why) {
        where = std::this_thread::get_id();
        text = why.message();
        closed_before = out->is_closed(); // the outcome is published first
    });
    {
        auto w = spawn("eager", std::move(rx), [&](receiver<int>&) {
            own = std::this_thread::get_id();
            return fails();
        });
        support::wait_for("its end", [&] { return w.is_done(); });
        CHECK(closed_before);
    }
    {
        auto fine = spawn("fine", [] {});
    }
    inquest::set_eager_failure_hook(before);
    CHECK(where == own);
    CHECK(text == "worker 'eager' failed: unobserved");
    CHECK(hook.seen().size() == 1);
}

TEST_CASE("without a hook the logger is called, and with one it is not") {
    caught_log log;
    {
        auto w = spawn("logged", fails);
    }
    CHECK(log.lines() ==
          std::vector<std::string>{"alarm unobserved failure: worker 'logged' failed: unobserved"});
    support::caught_hook hook;
    {
        auto w = spawn("hooked", fails);
    }
    CHECK(hook.seen().size() == 1);
    CHECK(log.lines().size() == 1);
}

TEST_CASE("a hook that throws goes no further, and the failure still reaches the logger") {
    caught_log log;
    const auto throwing = [](auto thrown) {
        const auto before = inquest::set_failure_hook([thrown](const cause&) { throw thrown; });
        {
            auto w = spawn("w", fails);
        }
        inquest::set_failure_hook(before);
    };
    throwing(std::runtime_error("from the hook"));
    throwing(7);
    CHECK(log.lines().size() == 2);
}

TEST_CASE("hooks may be set while failures are reported: each goes to one of them") {
    std::atomic<int> told{0};
    const auto hook = [&](const cause&) { ++told; };
    const auto before = inquest::set_failure_hook(hook);
    std::atomic<bool> over{false};
    std::jthread setter([&] {
        while (!over) {
            inquest::set_failure_hook(hook);
            std::this_thread::yield();
        }
    });
    support::rounds rounds(500);
    while (rounds.another()) auto w = spawn("w", fails);
    over = true;
    setter.join();
    inquest::set_failure_hook(before);
    CHECK(told == rounds.number());
}

TEST_CASE("items left by a worker that finished early are not reported again once a push was refused") {
    support::caught_hook hook;
    {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(tx.push(1));
        CHECK(tx.push(2));
        auto w = spawn("head", std::move(rx), [](receiver<int>& in) { CHECK(in.pop()); });
        CHECK(w.join());
        CHECK(tx.push(3).error().finished_early());
    }
    CHECK(hook.seen().empty());
}

} // namespace hook
