// What becomes of queued items when a worker or its channel is destroyed: what was finished is delivered, what was left
// open is stopped and reported.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

namespace worker_destructor {

using inquest::cause;
using inquest::channel;
using inquest::make_channel;
using inquest::on_destroy;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using inquest::worker;
using support::caught_hook;
using support::wait_for;

namespace {

using outcome = std::expected<void, std::string>;
constexpr int items = 60;

/// Pops until the stream ends, from when `go` is set. How it ended, and what came.
struct drain {
    std::atomic<bool> go{false};
    std::atomic<int> popped{0};
    std::atomic<status> ended{status::empty};

    auto reader() {
        return [this](receiver<int>& in) -> outcome {
            wait_for("the gate", [this] { return go.load(); });
            for (;;) {
                const auto item = in.pop();
                if (item) {
                    ++popped;
                    continue;
                }
                ended = item.error().status();
                (void)in.ended();
                return {};
            }
        };
    }
};

} // namespace

TEST_CASE("a worker whose stream has closed delivers all of it before its destructor returns, however it was "
          "closed") {
    struct way {
        const char* name;
        std::function<void(sender<int>&, receiver<int>&)> close;
        status ended;
    };
    const std::array ways{
        way{"finish", [](auto& tx, auto&) { tx.finish(); }, status::complete},
        way{"close", [](auto& tx, auto&) { tx.close(); }, status::complete},
        way{"close of the receiver", [](auto&, auto& rx) { rx.close(); }, status::closed},
        way{"close with a cause", [](auto& tx, auto&) { tx.close(cause("why")); }, status::truncated},
        way{"the producer leaves", [](auto& tx, auto&) { const auto gone = std::move(tx); },
            status::truncated},
    };
    for (const auto& [name, close, ended] : ways) {
        INFO(std::string(name));
        drain all;
        auto [tx, rx] = make_channel<int>(items);
        {
            auto w = spawn("w", rx, all.reader());
            for (int i = 0; i < items; ++i) CHECK(tx.push(i));
            close(tx, rx);
            all.go = true;
        }
        CHECK(all.popped == items);
        CHECK(all.ended.load() == ended);
    }
}

TEST_CASE("a worker whose stream is still open is stopped, and what it left is reported") {
    drain all;
    caught_hook hook;
    {
        auto [tx, rx] = make_channel<int>(items);
        {
            auto w = spawn("w", std::move(rx), all.reader());
            for (int i = 0; i < 3; ++i) CHECK(tx.push(i));
            std::jthread opener([&] { // not before the destructor has asked for the stop
                wait_for("the stop", [&] { return tx.size() == 3; });
                all.go = true;
            });
            opener.join();
            wait_for("the items", [&] { return all.popped == 3; });
        }
        CHECK(all.ended.load() == status::stopped);
        CHECK(tx.is_closed());
        tx.finish();
    }
    CHECK(hook.seen().empty()); // nothing was left, and its owner's stop is no failure
}

TEST_CASE("on_destroy::stop stops a worker whatever has become of its stream") {
    caught_hook hook;
    {
        auto [tx, rx] = make_channel<int>(items);
        for (int i = 0; i < 3; ++i) CHECK(tx.push(i));
        tx.finish();
        std::atomic<bool> asked{false};
        {
            auto w = spawn({.name = "w", .on_destroy = on_destroy::stop}, std::move(rx),
                           [&](const std::stop_token& stop, receiver<int>& in) -> outcome {
                               wait_for("the stop", [&] { return stop.stop_requested(); });
                               CHECK(in.pop().error().status() == status::stopped);
                               asked = true;
                               return {};
                           });
        }
        CHECK(asked);
        CHECK(tx.size() == 3);
    }
    REQUIRE(hook.seen().size() == 1);
    CHECK(hook.seen()[0] == "worker 'w' was stopped, 3 undelivered");
}

TEST_CASE("a worker that reads no channel is stopped by its destructor") {
    std::atomic<bool> stopped{false};
    {
        auto w = spawn("w", [&](const std::stop_token& stop) {
            wait_for("the stop", [&] { return stop.stop_requested(); });
            stopped = true;
        });
    }
    CHECK(stopped);
}

namespace {

// A class with a queue and a worker on it, as old code has them, in both orders of its members.
struct channel_first {
    channel<int> queue;
    worker<void, std::string> drainer;
    channel_first(drain& all, inquest::channel_options options)
        : queue(std::move(options)), drainer(spawn("w", queue, all.reader())) {}
};

struct worker_first {
    std::optional<worker<void, std::string>> drainer;
    channel<int> queue;
    worker_first(drain& all, inquest::channel_options options) : queue(std::move(options)) {
        drainer.emplace(spawn("w", queue, all.reader()));
    }
};

} // namespace

TEST_CASE_TEMPLATE("what was pushed before close is delivered in every order of members", Owner,
                   channel_first, worker_first) {
    for (const auto policy : {inquest::undelivered::keep, inquest::undelivered::discard}) {
        drain all;
        {
            Owner owner(all, {.capacity = items, .undelivered = policy});
            for (int i = 0; i < items; ++i) CHECK(owner.queue.push(i));
            owner.queue.close();
            all.go = true;
        }
        CHECK(all.popped == items);
        CHECK(all.ended.load() == status::complete);
    }
}

TEST_CASE_TEMPLATE("what is left open is stopped in every order of members, and nothing hangs", Owner,
                   channel_first, worker_first) {
    drain all;
    caught_hook quiet;
    all.go = true;
    {
        Owner owner(all, {.capacity = items});
        CHECK(owner.queue.push(1));
        wait_for("the item", [&] { return all.popped == 1; });
    }
    CHECK((all.ended.load() == status::stopped || all.ended.load() == status::aborted));
}

TEST_CASE("a channel that is destroyed waits for every worker that drains it, and reports a long wait") {
    const auto after = inquest::set_long_wait_threshold(std::chrono::milliseconds(1));
    std::atomic<int> told{0};
    drain one, other;
    const auto before = inquest::set_long_wait_hook([&](const inquest::still_running& who) {
        CHECK(who.worker().starts_with("drain"));
        CHECK(who.waited() >= std::chrono::milliseconds(1));
        if (!one.go) CHECK(who.others().size() == 1);
        ++told;
    });
    std::optional<channel<int>> queue(std::in_place, items);
    auto a = spawn("drain", *queue, one.reader());
    auto b = spawn("drain", *queue, other.reader());
    for (int i = 0; i < items; ++i) CHECK(queue->push(i));
    queue->close();
    std::jthread opener([&] {
        wait_for("the hook", [&] { return told >= 2; });
        one.go = true;
        wait_for("the first", [&] { return a.is_done(); });
        const int so_far = told;
        wait_for("the hook", [&] { return told > so_far; });
        other.go = true;
    });
    queue.reset();
    CHECK(a.is_done());
    CHECK(one.popped + other.popped == items);
    opener.join();
    inquest::set_long_wait_hook(before);
    inquest::set_long_wait_threshold(after);
}

TEST_CASE("a channel that was aborted waits for nobody") {
    drain all;
    caught_hook quiet;
    std::optional<channel<int>> queue(std::in_place, items);
    auto w = spawn("w", *queue, all.reader());
    CHECK(queue->push(1));
    queue->close();
    queue->abort(cause("enough"));
    queue.reset(); // the worker has not begun to pop
    all.go = true;
    CHECK(w.wait());
    CHECK(all.ended.load() == status::aborted);
}

TEST_CASE("a worker that destroys its own closed channel does not wait for itself") {
    auto queue = std::make_unique<channel<int>>(items);
    CHECK(queue->push(1));
    std::atomic<bool> go{false};
    auto w = spawn("w", *queue, [&](receiver<int>& in) -> outcome {
        wait_for("the gate", [&] { return go.load(); });
        queue.reset();
        CHECK(in.pop().error().status() == status::aborted);
        (void)in.ended();
        return {};
    });
    queue->close();
    go = true;
    CHECK(w.wait());
}

TEST_CASE("a worker that is assigned over ends as a destroyed one does") {
    drain all;
    auto [tx, rx] = make_channel<int>(items);
    auto w = spawn("w", std::move(rx), all.reader());
    for (int i = 0; i < items; ++i) CHECK(tx.push(i));
    tx.finish();
    all.go = true;
    w = spawn("next", []() -> outcome { return {}; });
    CHECK(all.popped == items);
}

TEST_CASE("a worker whose stream was aborted or whose channel was destroyed is stopped: there is nothing "
          "left to deliver") {
    caught_hook quiet;
    const auto until_stopped = [](const std::stop_token& stop, receiver<int>& in) -> outcome {
        while (in.pop()) {
        }
        (void)in.ended();
        wait_for("the stop", [&] { return stop.stop_requested(); });
        return {};
    };
    {
        channel<int> queue(items);
        auto w = spawn("w", queue, until_stopped);
        queue.close();
        queue.abort(cause("enough"));
    }
    {
        std::optional<channel<int>> queue(std::in_place, items);
        auto w = spawn("w", *queue, until_stopped);
        queue.reset();
    }
}

TEST_CASE("destroying a worker that has drained its stream ends what its thread-local object's destructor "
          "waits for") {
    struct pushes_last {
        channel<int>* to = nullptr;
        ~pushes_last() {
            if (to) CHECK(to->push(1).error().status() == status::stopped);
        }
    };
    channel<int> full(1), queue(1);
    CHECK(full.push(0));
    queue.close();
    auto w = spawn("w", queue, [&](receiver<int>& in) -> outcome {
        thread_local pushes_last last;
        last.to = &full;
        (void)in.pop();
        return {};
    });
    support::wait_for_blocked(full);
}

TEST_CASE("on_destroy::stop holds also if the channel is destroyed first") {
    caught_hook quiet;
    std::atomic<int> popped{0};
    std::optional<channel<int>> queue(std::in_place, items);
    auto w = spawn({.name = "w", .on_destroy = on_destroy::stop}, *queue,
                   [&](const std::stop_token& stop, receiver<int>& in) -> outcome {
                       wait_for("the stop", [&] { return stop.stop_requested(); });
                       while (in.pop()) ++popped;
                       return {};
                   });
    CHECK(queue->push(1));
    queue->close();
    queue.reset(); // does not wait for it
    w.request_stop();
    CHECK(w.wait());
    CHECK(popped == 0);
}

} // namespace worker_destructor
