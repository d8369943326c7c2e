// Waiting for a worker without looking, and looking without waiting longer than said.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <future>

namespace joining {

using namespace std::chrono_literals;
using inquest::spawn;
using std::chrono::steady_clock;
using support::caught_hook;
using support::wait_for;

namespace {

/// Lets the thread's end wait until it is opened.
struct ends_late {
    std::atomic<bool>* gate = nullptr;
    ~ends_late() {
        if (gate) wait_for("the gate", [this] { return gate->load(); });
    }
};

auto ends_behind(std::atomic<bool>& gate) {
    return spawn("w", [&]() -> std::expected<std::string, std::string> {
        thread_local ends_late last;
        last.gate = &gate;
        return "value";
    });
}

} // namespace

TEST_CASE("to wait is not to look: a failure that nobody asks for still reaches the hook") {
    for (int form = 0; form < 3; ++form) {
        INFO(form);
        caught_hook hook;
        {
            auto w = spawn("w", []() -> std::expected<void, std::string> { return std::unexpected("lost"); });
            if (form == 0) CHECK(w.wait());
            if (form == 1) CHECK(w.wait_for(1h));
            if (form == 2) CHECK(w.wait_until(steady_clock::now() + 1h));
            CHECK(hook.seen().empty());
        }
        REQUIRE(hook.seen().size() == 1);
        CHECK(hook.seen()[0] == "worker 'w' failed: lost");
    }
}

TEST_CASE("waiting takes nothing away: the result, a rethrow and a report are there after it") {
    caught_hook hook;
    {
        auto returns = spawn("w", [] { return std::string("value"); });
        auto throws = spawn("w", [] { throw support::bad_frame("bad", 3); });
        auto fails = spawn("w", []() -> std::expected<void, int> { return std::unexpected(5); });
        for (int i = 0; i < 2; ++i) CHECK((returns.wait() && throws.wait() && fails.wait()));
        CHECK(returns.join().value() == "value");
        CHECK_THROWS_AS((void)throws.join(), support::bad_frame);
        CHECK(*fails.report()->error() == 5);
    }
    CHECK(hook.seen().empty());
}

TEST_CASE("a wait that runs out of time says so") {
    std::atomic<bool> go{false};
    auto w = spawn("w", [&] { wait_for("the gate", [&] { return go.load(); }); });
    CHECK_FALSE(w.wait_for(1ms));
    CHECK_FALSE(w.wait_for(-1ms));
    CHECK_FALSE(w.wait_until(steady_clock::time_point::min()));
    CHECK_FALSE(w.wait_until(steady_clock::now() + 1ms));
    go = true;
    CHECK(w.wait_for(std::chrono::nanoseconds::max()));
    CHECK(w.wait_for(0s));
}

TEST_CASE("a wait from inside the worker or its channel does not wait") {
    auto [tx, rx] = inquest::make_channel<int>(1);
    std::promise<inquest::worker<void, inquest::no_error>*> handed;
    auto self = spawn("w", [mine = handed.get_future()]() mutable {
        auto* const me = mine.get();
        CHECK_FALSE(me->wait());
        CHECK_FALSE(me->wait_for(1h));
        CHECK_FALSE(me->wait_until(steady_clock::time_point::max()));
    });
    handed.set_value(&self);
    CHECK(self.wait());
}

TEST_CASE("no timed form waits for the destructors of thread-local objects, and join does") {
    std::atomic<bool> gate{false};
    auto w = ends_behind(gate);
    wait_for("its function", [&] { return w.is_done(); });
    // Each of these would never return.
    CHECK(w.peek()->get().value() == "value");
    CHECK(w.join_for(1ms)->get().value() == "value");
    CHECK(w.join_until(steady_clock::now())->get().value() == "value");
    CHECK(w.wait_for(1ms));
    CHECK(w.wait_until(steady_clock::now()));
    std::atomic<bool> joined{false};
    std::jthread joiner([&] {
        CHECK(w.join().value() == "value");
        joined = true;
    });
    CHECK(w.peek()->get().value() == "value"); // nor for whoever joins
    CHECK_THROWS_AS((void)w.get_future(), std::future_error);
    CHECK_FALSE(joined);
    gate = true;
    joiner.join();
}

TEST_CASE("a timed resolve does not wait for them either") {
    std::atomic<bool> gate{false};
    auto [tx, rx] = inquest::make_channel<int>(1);
    auto w = spawn("w", std::move(rx), [&](inquest::receiver<int>&) -> std::expected<void, std::string> {
        thread_local ends_late last;
        last.gate = &gate;
        return std::unexpected("full");
    });
    wait_for("its function", [&] { return w.is_done(); });
    const auto sent = tx.push(1);
    REQUIRE(!sent);
    CHECK(*resolve_for(tx, w, sent.error(), 1ms)->error() == "full");
    gate = true;
}

TEST_CASE("the future can be taken while another thread joins") {
    std::atomic<bool> gate{false};
    auto w = ends_behind(gate);
    wait_for("its function", [&] { return w.is_done(); });
    std::jthread joiner([&] { (void)w.wait(); });
    CHECK(w.get_future().get().value() == "value");
    gate = true;
}

} // namespace joining
