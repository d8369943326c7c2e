// Jobs: what a worker does on its own thread, done on one that is there already.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <future>
#include <pthread.h>
#include <stdexcept>
#include <stop_token>

namespace job {

using inquest::cause_kind;
using inquest::channel;
using inquest::failure;
using inquest::make_channel;
using inquest::receiver;
using inquest::run_job;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using support::wait_for;

namespace {

using outcome = std::expected<void, std::string>;

/// Takes items until it meets this one.
auto fails_at(int item) {
    return [item](receiver<int>& in) -> std::expected<int, std::string> {
        int taken = 0;
        while (auto one = in.pop()) {
            if (*one == item) return std::unexpected("bad record");
            ++taken;
        }
        return taken;
    };
}

} // namespace

TEST_CASE("a job returns what join would: the value, the failure, or a rethrow of the same exception") {
    CHECK(run_job("plain", [] { return std::make_unique<int>(7); }).value() != nullptr);
    run_job("nothing", [] {}).value();

    auto [tx, rx] = make_channel<int>(8);
    for (int i = 1; i <= 5; ++i) CHECK(tx.push(i));
    const std::expected<int, failure<std::string>> failed = run_job("job", rx, fails_at(3));
    REQUIRE_FALSE(failed);
    CHECK(*failed.error().error() == "bad record");
    CHECK(failed.error().message() == "worker 'job' failed on item 3: bad record");
    CHECK(failed.error().cause().kind() == cause_kind::error);
    const auto refused = tx.push(9).error();
    CHECK(refused.status() == status::closed);
    CHECK(refused.cause() == failed.error().cause());
    CHECK(tx.recover() == std::vector{4, 5});

    channel<int> queue(4);
    std::exception_ptr thrown;
    try {
        (void)run_job("thrower", queue, [&](receiver<int>&) {
            try {
                throw support::bad_frame("torn", 4);
            } catch (...) {
                thrown = std::current_exception();
                throw;
            }
        });
        FAIL("not rethrown");
    } catch (const support::bad_frame& e) {
        CHECK(e.frame == 4);
        CHECK(std::current_exception() == thrown);
    }
    CHECK(queue.cause().message().starts_with("worker 'thrower' failed: "));
    CHECK(queue.cause().exception() == thrown);
}

TEST_CASE("what a job returns or throws is observed, and its name is free again") {
    support::caught_hook hook;
    CHECK_FALSE(run_job("job", []() -> outcome { return std::unexpected("seen"); }));
    CHECK_THROWS(run_job("job", [] { throw std::runtime_error("seen too"); }));
    CHECK(run_job("job", []() -> outcome { return std::unexpected("again"); }).error().message() ==
          "worker 'job' failed: again"); // no number: nobody shares the name
    CHECK(hook.seen().empty());
}

TEST_CASE(
    "jobs on threads of a pool read one channel, which closes when the last that was announced has ended") {
    auto [tx, rx] = make_channel<int>(2);
    std::vector<std::future<int>> jobs;
    {
        const auto announced = rx.announce_workers(3);
        for (int i = 0; i < 3; ++i)
            jobs.push_back(std::async(std::launch::async, [rx]() mutable {
                return run_job("pool", std::move(rx), fails_at(-1)).value();
            }));
        for (int i = 1; i <= 100; ++i) CHECK(tx.push(i));
        tx.finish();
        int taken = 0;
        for (auto& job : jobs) taken += job.get();
        CHECK(taken == 100);
    }
    CHECK(tx.is_closed());
    CHECK(rx.pop().error().status() == status::complete);
}

TEST_CASE("a job that fails closes its queue and abandons its output: both neighbours name it") {
    auto [blocks, todo] = make_channel<int>(1);
    auto [done, packed] = make_channel<int>(1);
    auto pool = std::async(std::launch::async, [&from = todo, &to = done] {
        return run_job("pack", std::move(from), std::move(to),
                       [](receiver<int>& in, sender<int>& out) -> outcome {
                           for (const int item : in) {
                               if (item == 3) return std::unexpected("corrupt block");
                               if (!out.push(item)) return std::unexpected("no output");
                           }
                           return {};
                       });
    });
    auto writer = std::async(std::launch::async, [&from = packed] {
        for (;;)
            if (auto item = from.pop(); !item) return item.error();
    });
    int i = 0;
    for (;;)
        if (auto sent = blocks.push(++i); !sent) {
            CHECK(sent.error().cause().message() == "worker 'pack' failed on item 3: corrupt block");
            break;
        }
    const auto end = writer.get();
    CHECK(end.status() == status::truncated);
    CHECK(end.cause().message() == "worker 'pack' failed on item 3: corrupt block");
    CHECK(*pool.get().error().error() == "corrupt block");
}

TEST_CASE("in a worker a job obeys that worker's stop, also one that was requested before") {
    for (const bool before : {false, true}) {
        CAPTURE(before);
        auto [tx, rx] = make_channel<int>(1);
        std::atomic<bool> seen{false};
        auto w = spawn("outer", [&](std::stop_token outer) {
            if (before) support::look_for([&] { return outer.stop_requested(); });
            const auto popped = run_job("inner", rx, [&](std::stop_token stop, receiver<int>& in) {
                CHECK(stop == outer);
                const auto why = in.pop().error().status();
                seen = stop.stop_requested();
                return why;
            });
            CHECK(popped.value() == status::stopped);
            CHECK(channel<int>(1).pop().error().status() == status::stopped); // the outer one again
        });
        if (!before) support::wait_for_blocked(rx);
        w.request_stop();
        CHECK(w.join());
        CHECK(seen);
        CHECK(tx.push(1).error().status() == status::closed); // its only worker has ended
    }
}

TEST_CASE("a job in a worker has items and an outcome of its own, and leaves the worker's alone") {
    auto [tx, rx] = make_channel<int>(4);
    channel<int> inner(4);
    for (int i = 1; i <= 3; ++i) CHECK(tx.push(i));
    CHECK(inner.push(1));
    inner.close();
    auto w = spawn("outer", std::move(rx), [&](receiver<int>& in) -> outcome {
        (void)in.pop();
        (void)in.pop();
        const auto job = run_job("inner", inner, fails_at(1));
        CHECK(job.error().message() == "worker 'inner' failed on item 1: bad record");
        (void)in.pop();
        return std::unexpected("outer");
    });
    const auto why = w.report();
    CHECK(why->message() == "worker 'outer' failed on item 3: outer");
    CHECK_FALSE(why->cause().is_consequence());
}

TEST_CASE("a worker that returns its job's failure passes it on") {
    support::caught_hook hook;
    {
        auto w = spawn("outer", []() -> std::expected<void, failure<std::string>> {
            if (auto job = run_job("inner", []() -> outcome { return std::unexpected("root"); }); !job)
                return std::unexpected(job.error());
            return {};
        });
        CHECK(w.wait());
        CHECK(w.report()->message() == "worker 'inner' failed: root");
    }
    CHECK(hook.seen().empty());
}

TEST_CASE("a job's failure that a worker passes on is reported if nobody asks that worker, and once") {
    support::caught_hook hook;
    {
        auto w = spawn("outer", []() -> std::expected<void, failure<std::string>> {
            auto job = run_job("inner", []() -> outcome { return std::unexpected("root"); });
            return std::unexpected(job.error());
        });
        CHECK(w.wait());
    }
    CHECK(hook.seen() == std::vector<std::string>{"worker 'inner' failed: root"});
}

TEST_CASE("a thread can be cancelled after a job as before") {
    int before = -1, after = -1;
    run_job("job", [] {}).value();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    run_job("job", [] {}).value();
    pthread_setcancelstate(before, &after);
    CHECK(before == PTHREAD_CANCEL_ENABLE);
    CHECK(after == PTHREAD_CANCEL_DISABLE);
}

TEST_CASE("from inside a job neither its channel's workers nor those of the worker around it are joined") {
    auto [tx, rx] = make_channel<int>(4);
    channel<int> inner(4);
    auto other = spawn("other", rx, fails_at(-1));
    auto beside = spawn("beside", inner, fails_at(-1));
    auto w = spawn("outer", rx, [&](receiver<int>&) -> outcome {
        CHECK(run_job("inner", inner, [&](receiver<int>&) {
            for (auto* const each : {&other, &beside})
                CHECK(each->join().error().message().find("asked from inside the channel") !=
                      std::string::npos);
        }));
        return {};
    });
    CHECK(w.join());
    tx.finish();
    inner.close();
    CHECK(other.join());
    CHECK(beside.join());
}

TEST_CASE("pthread_exit in a job is its outcome, which is reported, and the thread ends") {
    support::caught_hook hook;
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<bool> after{false};
    pthread_t thread{};
    struct given {
        receiver<int>& in;
        std::atomic<bool>& after;
    } its{rx, after};
    REQUIRE(pthread_create(
                &thread, nullptr,
                [](void* to) -> void* {
                    auto& g = *static_cast<given*>(to);
                    (void)run_job("job", std::move(g.in), [](receiver<int>&) { pthread_exit(nullptr); });
                    g.after = true;
                    return nullptr;
                },
                &its) == 0);
    pthread_join(thread, nullptr);
    CHECK_FALSE(after);
    CHECK(hook.seen() ==
          std::vector<std::string>{"worker 'job' failed: thread ended by pthread_exit or pthread_cancel"});
    CHECK(tx.push(1).error().cause().kind() == cause_kind::forced_unwind);
}

TEST_CASE("a job does not rename the thread that it runs on") {
    char before[16], during[16];
    REQUIRE(pthread_getname_np(pthread_self(), before, sizeof before) == 0);
    run_job("renamed", [&] {
        REQUIRE(pthread_getname_np(pthread_self(), during, sizeof during) == 0);
    }).value();
    CHECK(std::string(before) == during);
}

} // namespace job
