// Stop requests find the call that a worker is blocked in, wherever on its thread that is.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <array>

namespace stopping {

using namespace std::chrono_literals;
using inquest::activity;
using inquest::channel;
using inquest::spawn;
using inquest::status;
using support::wait_for;
using support::wait_for_blocked;

namespace {

/// Copying it takes an item from another channel, if there is one to take it from.
struct nesting {
    explicit nesting(channel<int>* from) : other(from) {}
    nesting(nesting&&) noexcept = default;
    nesting(const nesting& o) : other(o.other) {
        if (other) (void)other->pop();
    }
    channel<int>* other;
};

} // namespace

TEST_CASE("a stop request finds a blocked call again after one that was nested in it has left") {
    channel<int> inner(1);
    channel<nesting> outer(1);
    CHECK(outer.push(nesting(nullptr)));
    std::optional<status> ended;
    std::size_t accepted = 0;
    auto w = spawn("w", [&] {
        const std::array items{nesting(&inner), nesting(&inner)};
        const auto sent = outer.push_range(items);
        ended = sent.error().status();
        accepted = sent.error().accepted();
    });
    wait_for_blocked(inner); // it copies the first item before it asks for room
    CHECK(inner.push(0));
    wait_for_blocked(outer); // the outer call is parked
    CHECK(outer.pop());      // room for one: then the second is copied
    wait_for_blocked(inner);
    CHECK(inner.push(0));
    wait_for_blocked(outer); // and the outer call is parked again
    w.request_stop();
    CHECK(w.wait());
    CHECK(ended == status::stopped);
    CHECK(accepted == 1);
}

TEST_CASE("a stop request that comes during the nested call ends that one, and then the one around it") {
    channel<int> inner(1);
    channel<nesting> outer(1);
    CHECK(outer.push(nesting(nullptr)));
    std::optional<status> ended;
    auto w = spawn("w", [&] {
        const std::array items{nesting(nullptr), nesting(&inner)};
        ended = outer.push_range(items).error().status();
    });
    wait_for_blocked(outer);
    CHECK(outer.pop());
    wait_for_blocked(inner);
    w.request_stop();
    CHECK(w.wait());
    CHECK(ended == status::stopped);
}

namespace {

struct pushes_at_the_end {
    channel<int>* to = nullptr;
    std::atomic<status>* ended = nullptr;
    ~pushes_at_the_end() {
        if (!to) return;
        const auto sent = to->push(1);
        *ended = sent ? status::complete : sent.error().status();
    }
};

} // namespace

TEST_CASE("a call in the destructor of a worker's thread-local object obeys the worker's stop") {
    for (const bool before : {true, false}) {
        INFO(before);
        channel<int> full(1);
        CHECK(full.push(0));
        std::atomic<status> ended{status::complete};
        auto w = spawn("w", [&](const std::stop_token&) {
            thread_local pushes_at_the_end last;
            last.to = &full, last.ended = &ended;
        });
        if (!before) wait_for_blocked(full);
        w.request_stop();
        CHECK(w.wait());
        CHECK(ended.load() == status::stopped);
    }
}

TEST_CASE("destroying a worker ends what the destructor of its thread-local object waits for") {
    channel<int> full(1);
    CHECK(full.push(0));
    std::atomic<status> ended{status::complete};
    {
        auto w = spawn("w", [&] {
            thread_local pushes_at_the_end last;
            last.to = &full, last.ended = &ended;
        });
        wait_for("its function", [&] { return w.is_done(); });
    }
    CHECK(ended.load() == status::stopped);
}

TEST_CASE("a call after its function changes nothing of a worker's outcome, and counts as the worker's") {
    auto [tx, rx] = inquest::make_channel<int>(1);
    auto w = spawn("late", [mine = tx]() mutable -> std::expected<void, std::string> {
        struct leaves {
            std::optional<inquest::sender<int>> tx;
        };
        thread_local leaves at_end;
        (void)mine.push(1);
        at_end.tx = std::move(mine);
        return std::unexpected("failed");
    });
    tx.finish();
    CHECK(w.wait());
    CHECK(rx.pop());
    const auto end = rx.pop();
    REQUIRE(!end);
    CHECK(end.error().status() == status::truncated);
    CHECK(end.error().cause().message() ==
          "worker 'late' failed: failed"); // what it left behind died of that
    CHECK(w.report()->cause() == end.error().cause());
}

} // namespace stopping
