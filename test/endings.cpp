// The endings of workers and producers, as they are seen from the other end.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <pthread.h>

namespace endings {

using inquest::cause;
using inquest::cause_kind;
using inquest::make_channel;
using inquest::receiver;
using inquest::resolve;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using support::bad_frame;

namespace {

using body = std::function<std::expected<int, std::string>(receiver<int>&)>;

struct ending {
    const char* name;
    body fn;
    cause_kind kind;
    const char* message;
};

std::expected<int, std::string> pops(receiver<int>& in) {
    int n = 0;
    while (in.pop()) ++n;
    return n;
}

const std::vector<ending> failing{
    {"an error",
     [](receiver<int>& in) -> std::expected<int, std::string> {
         CHECK(in.pop());
         return std::unexpected("no disk");
     },
     cause_kind::error, "worker 'w' failed on item 1: no disk"},
    {"an exception",
     [](receiver<int>& in) -> std::expected<int, std::string> {
         CHECK(in.pop());
         throw bad_frame("eof", 1);
     },
     cause_kind::exception, "worker 'w' failed on item 1: support::bad_frame: eof"},
    {"pthread_exit",
     [](receiver<int>& in) -> std::expected<int, std::string> {
         CHECK(in.pop());
         ::pthread_exit(nullptr);
     },
     cause_kind::forced_unwind,
     "worker 'w' failed on item 1: thread ended by pthread_exit or pthread_cancel"},
};

} // namespace

TEST_CASE("a worker's failure of any kind reaches push, resolve, join, report and future alike") {
    for (const auto& how : failing) {
        CAPTURE(how.name);
        auto [tx, rx] = make_channel<int>(1);
        auto w = spawn("w", std::move(rx), how.fn);
        const auto failed = support::push_error_of(tx);
        CHECK(failed.cause().kind() == how.kind);
        CHECK(failed.message() == std::string("closed: ") + how.message);
        const auto reported = w.report();
        REQUIRE(reported);
        CHECK(reported->cause() == failed.cause());
        auto future = w.get_future();
        if (how.kind == cause_kind::exception) {
            CHECK_THROWS_AS((void)resolve(tx, w, failed), bad_frame);
            CHECK_THROWS_AS((void)w.join(), bad_frame);
            CHECK_THROWS_AS((void)future.get(), bad_frame);
        } else {
            CHECK(resolve(tx, w, failed).cause() == failed.cause());
            CHECK(w.join().error().message() == how.message);
            if (how.kind == cause_kind::error)
                CHECK(future.get().error() == "no disk");
            else
                CHECK_THROWS_AS((void)future.get(), inquest::ended);
        }
        CHECK(tx.recover().size() <= 1);
    }
}

TEST_CASE("a worker that finished the stream is a success, and what comes after is only closed") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", std::move(rx), pops);
    CHECK(tx.push(1));
    auto late = tx;
    tx.finish();
    late.finish();
    CHECK(w.join().value() == 1);
    const auto sent = tx.push(2);
    CHECK(sent.error().status() == status::closed);
    CHECK(!sent.error().cause());
    CHECK(!sent.error().finished_early());
    CHECK(resolve(tx, w, sent.error())
              .message()
              .starts_with("channel closed unexpectedly (push: channel closed by thread "));
}

TEST_CASE(
    "a worker that finished early is an error for push, until it is asked for, and serves as `head` does") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("head", std::move(rx), [](receiver<int>& in) -> std::expected<int, std::string> {
        CHECK(in.pop());
        return 1;
    });
    for (;;) {
        const auto sent = tx.push(1);
        if (sent) continue;
        CHECK(sent.error().finished_early());
        CHECK(sent.error().message().starts_with("closed: worker 'head' finished early, "));
        break;
    }
    CHECK(w.join().value() == 1);
    CHECK(!w.report());
}

TEST_CASE("a worker that finished early is not what a push reports once there is a cause") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("head", std::move(rx), pops);
    support::wait_for_blocked(tx);
    w.request_stop();
    CHECK(w.join().value() == 0);
    CHECK(tx.try_push(1).error().finished_early());
    const cause why("the disk is gone");
    CHECK(tx.close(why));
    const auto sent = tx.push(1);
    CHECK(!sent.error().finished_early());
    CHECK(sent.error().cause() == why);
    CHECK(sent.error().message() == "closed: the disk is gone");
}

TEST_CASE("a worker that was stopped: its own return value stands, and what is undelivered is recovered") {
    auto [tx, rx] = make_channel<int>(4);
    std::atomic<bool> popped{false};
    auto w = spawn("w", std::move(rx),
                   [&](std::stop_token stop, receiver<int>& in) -> std::expected<int, std::string> {
                       CHECK(in.pop());
                       popped = true;
                       while (!stop.stop_requested()) std::this_thread::yield();
                       CHECK(in.pop().error().status() == status::stopped);
                       return 1;
                   });
    for (int i = 1; i <= 3; ++i) CHECK(tx.push(i));
    support::wait_for("one to be taken", [&] { return popped.load(); });
    CHECK(w.request_stop());
    CHECK(w.join().value() == 1); // a stop the owner asked for makes no failure
    CHECK(tx.push(4).error().finished_early());
    CHECK(tx.recover() == std::vector<int>{2, 3});
}

TEST_CASE(
    "a success over a stream that broke in each way is no success, but where the owner asked for the stop") {
    for (const auto how : {status::truncated, status::aborted, status::closed}) {
        for (const bool stopped : {false, true}) {
            auto [tx, rx] = make_channel<int>(2);
            std::atomic<bool> saw{false}, go{false};
            auto w = spawn("w", rx, [&](receiver<int>& in) {
                auto n = pops(in);
                saw = true;
                while (!go) std::this_thread::yield();
                return n;
            });
            if (how == status::truncated) CHECK(tx.close(cause("broke")));
            if (how == status::aborted) CHECK(tx.abort(cause("broke")));
            if (how == status::closed) CHECK(rx.close());
            support::wait_for("the end to be seen", [&] { return saw.load(); });
            if (stopped) w.request_stop();
            go = true;
            const auto& result = w.join();
            CHECK(result.has_value() == stopped);
            if (!stopped) {
                CHECK(result.error().cause().kind() == cause_kind::broken_stream);
                CHECK(result.error().message().starts_with(
                    how == status::closed ? "worker 'w' ended on a broken stream: channel closed by thread "
                                          : "worker 'w' ended on a broken stream: broke"));
            }
        }
    }
}

TEST_CASE("a failure in the last item, after the last push, is found by joining") {
    auto [tx, rx] = make_channel<int>(4);
    auto w = spawn("w", std::move(rx), [](receiver<int>& in) -> std::expected<int, std::string> {
        while (auto n = in.pop())
            if (*n == 3) return std::unexpected("the third is bad");
        return 0;
    });
    for (int i = 1; i <= 3; ++i) CHECK(tx.push(i));
    tx.finish();
    CHECK(w.join().error().message() == "worker 'w' failed on item 3: the third is bad");
}

TEST_CASE("a receiver dropped inside the function names the worker, and resolve finds the error by joining") {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<bool> go{false};
    auto w = spawn("w", [&, r = std::move(rx)]() mutable -> std::expected<void, std::string> {
        {
            const auto local = std::move(r);
        }
        while (!go) std::this_thread::yield();
        return std::unexpected("after the drop");
    });
    inquest::push_error failed = [&out = tx] {
        for (;;)
            if (auto sent = out.try_push(1); !sent && sent.error().status() == status::closed)
                return sent.error();
    }();
    CHECK(failed.cause().kind() == cause_kind::dropped);
    CHECK(failed.message() == "closed: receiver dropped by worker 'w'");
    go = true;
    CHECK(*resolve(tx, w, failed).error() == "after the drop");
}

TEST_CASE("a receiver captured in the function carries its outcome, and one moved elsewhere keeps the stream "
          "alive") {
    SUBCASE("captured, with success: finished early") {
        auto [tx, rx] = make_channel<int>(1);
        auto w =
            spawn("w", inquest::returns_value([r = std::move(rx)]() mutable { return r.pop().has_value(); }));
        CHECK(tx.push(1));
        CHECK(w.join().value());
        const auto sent = tx.push(2);
        CHECK(sent.error().finished_early());
        CHECK(sent.error().message() == "closed: worker 'w' finished early, 0 undelivered");
    }
    SUBCASE("moved elsewhere") {
        auto [tx, rx] = make_channel<int>(2);
        std::optional<receiver<int>> elsewhere;
        auto w = spawn("w", [&, r = std::move(rx)]() mutable -> std::expected<void, std::string> {
            elsewhere.emplace(std::move(r));
            return std::unexpected("failed, but not the reader any more");
        });
        CHECK(!w.join());
        CHECK(tx.push(1));
        CHECK(elsewhere->pop().value() == 1);
        elsewhere.reset();
        CHECK(tx.push(2).error().cause().kind() == cause_kind::dropped);
    }
    SUBCASE("an attached worker's own, moved elsewhere: its end closes the stream all the same") {
        auto [tx, rx] = make_channel<int>(2);
        std::optional<receiver<int>> elsewhere;
        CHECK(tx.push(1));
        auto w = spawn("w", std::move(rx), [&](receiver<int>& in) { elsewhere.emplace(std::move(in)); });
        CHECK(w.join());
        CHECK(tx.push(2).error().finished_early());
        CHECK(elsewhere->pop().value() == 1);
        CHECK(elsewhere->pop().error().status() == status::closed);
    }
}

TEST_CASE("a producer that returns early, throws, or was held in a std::function abandons the stream") {
    const auto producer = [](sender<int> tx, int stop_after) {
        for (int i = 0; i < 3; ++i) {
            if (i == stop_after) return; // forgot to finish
            CHECK(tx.push(i));
        }
        tx.finish();
    };
    SUBCASE("an early return on a worker: its outcome is the cause of nothing, but it is named") {
        auto [tx, rx] = make_channel<int>(4);
        auto w = spawn("source", [&, mine = std::move(tx)]() mutable { producer(std::move(mine), 1); });
        CHECK(w.join());
        CHECK(rx.pop().value() == 0);
        const auto end = rx.pop();
        CHECK(end.error().status() == status::truncated);
        CHECK(end.error().message().starts_with(
            "truncated: producer left without finish: worker 'source', last push at "));
    }
    SUBCASE("no early return") {
        auto [tx, rx] = make_channel<int>(4);
        producer(std::move(tx), 99);
        for (int i = 0; i < 3; ++i) CHECK(rx.pop().value() == i);
        CHECK(rx.pop().error().status() == status::complete);
    }
    SUBCASE("an exception on a worker that holds its sender: the exception is the cause") {
        auto [tx, rx] = make_channel<int>(4);
        auto w = spawn("source", [mine = std::move(tx)]() mutable {
            CHECK(mine.push(1));
            throw bad_frame("x", 1);
        });
        CHECK(w.report());
        CHECK(rx.pop().value() == 1);
        const auto end = rx.pop();
        CHECK(end.error().cause() == w.report()->cause());
        CHECK_THROWS_AS(std::rethrow_exception(end.error().cause().exception()), bad_frame);
    }
    SUBCASE("copies in a std::function: those that pushed count, idle ones do not") {
        auto [tx, rx] = make_channel<int>(4);
        std::optional<sender<int>> first(std::move(tx));
        std::function<void(int)> push = [out = *first](int n) mutable { CHECK(out.push(n)); };
        auto idle = push; // copies the sender in it, which has pushed nothing
        idle = nullptr;
        push(1);
        auto used = push;
        first->finish();
        CHECK(!rx.is_closed()); // those in the functions are unfinished
        push = nullptr;         // it pushed, and never finished
        CHECK(!rx.is_closed());
        used = nullptr;
        CHECK(rx.pop().value() == 1);
        const auto end = rx.pop();
        CHECK(end.error().status() == status::truncated);
        CHECK(end.error().cause().kind() == cause_kind::abandoned);
    }
}

TEST_CASE("a producer's crash never looks like the end: the consumer that would commit learns of it") {
    auto [tx, rx] = make_channel<int>(8);
    auto commit = spawn("commit", std::move(rx), [](receiver<int>& in) -> std::expected<int, std::string> {
        int sum = 0;
        while (auto n = in.pop()) sum += *n;
        return sum; // would commit here
    });
    auto source = spawn("source", [mine = std::move(tx)]() mutable {
        for (int i = 0; i < 3; ++i) CHECK(mine.push(i));
        throw std::runtime_error("crash");
    });
    CHECK(source.report());
    const auto& result = commit.join();
    REQUIRE(!result);
    CHECK(result.error().message() == "worker 'commit' ended on a broken stream after item 3: worker "
                                      "'source' failed: std::runtime_error: crash");
    CHECK(result.error().cause().upstream() == source.report()->cause());
}

TEST_CASE("a broken stream is not taken for another one whose channel lies where its own did") {
    // As much memory in between as makes the allocator use the same place again: for some of these sizes it does.
    const auto broken = [](bool ask) {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(tx.push(1));
        {
            const auto gone = std::move(tx);
        }
        while (rx.pop()) {
        }
        if (ask) (void)rx.ended();
    };
    const auto complete = [] {
        auto [tx, rx] = make_channel<int>(4);
        tx.finish();
        while (rx.pop()) {
        }
        (void)rx.ended();
    };
    for (std::size_t between = 16; between < 2048; between += 16) {
        auto not_asked = spawn("w", [&] {
            complete();
            const std::vector<char> filler(between);
            broken(false);
            complete();
        });
        REQUIRE(not_asked.report());
        auto asked_once = spawn("w", [&] {
            complete();
            const std::vector<char> filler(between);
            broken(true);
            broken(false);
        });
        REQUIRE(asked_once.report());
        auto asked = spawn("w", [&] {
            broken(true);
            const std::vector<char> filler(between);
            complete();
        });
        REQUIRE_FALSE(asked.report());
    }
}

} // namespace endings
