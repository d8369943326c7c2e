// Threads that cannot be created, and threads that end by pthread_exit or pthread_cancel. The program has a
// pthread_create of its own, which the library's std::jthread finds first.
#include "../support/support.hpp"

#include <inquest/pipeline.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <dlfcn.h>
#include <pthread.h>

namespace threads {

namespace {

std::atomic<int> fail_at{0}; // 1: the next one; 0: none

} // namespace

// Where a sanitizer's runtime is linked into the program itself, as clang does, its own pthread_create comes
// under this name: going round it would start threads that it knows nothing of.
extern "C" __attribute__((weak)) int __interceptor_pthread_create(pthread_t* thread,
                                                                  const pthread_attr_t* attributes,
                                                                  void* (*start)(void*), void* argument);

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) {
    using function = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    static const auto real = __interceptor_pthread_create
                                 ? &__interceptor_pthread_create
                                 : reinterpret_cast<function>(::dlsym(RTLD_NEXT, "pthread_create"));
    if (fail_at.load() > 0 && fail_at.fetch_sub(1) == 1) return EAGAIN;
    return real(thread, attributes, start, argument);
}

using inquest::cause_kind;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;

TEST_CASE("a thread that can't be created is a worker that never started, and its channel says so") {
    auto [tx, rx] = make_channel<int>(1);
    fail_at = 1;
    auto w =
        spawn("late", std::move(rx), [](receiver<int>&) -> std::expected<void, std::string> { return {}; });
    const auto& result = w.join();
    REQUIRE(!result);
    CHECK(result.error().cause().kind() == cause_kind::never_started);
    CHECK(result.error().message() == "worker 'late' never started: Resource temporarily unavailable");
    CHECK(!result.error().error());
    const auto sent = tx.push(1);
    CHECK(sent.error().status() == status::closed);
    CHECK(sent.error().cause() == result.error().cause());
    CHECK(resolve(tx, w, sent.error()).cause() == result.error().cause());
}

TEST_CASE("if a thread of a pipeline can't be created, nothing goes on to the end as if all were well") {
    for (const std::size_t shared : {0UL, 3UL})
        for (int n = 1; n <= 3; ++n) {
            CAPTURE(shared);
            CAPTURE(n);
            fail_at = n;
            const auto done = inquest::make_pipeline("read", [&] { return std::optional(1); })
                                  .stage("pass", [](int i) { return i; })
                                  .sink("forget", [](int) {})
                                  .run({}, {.threads = shared});
            CHECK(fail_at == 0);
            REQUIRE(!done);
            CHECK(done.error().cause().kind() == cause_kind::never_started);
        }
}

TEST_CASE("where the N-th of four workers can't start, the other three learn of it, and nothing hangs") {
    for (int n = 1; n <= 4; ++n) {
        auto [tx, rx] = make_channel<int>(1);
        std::vector<inquest::worker<void, std::string>> workers;
        fail_at = n;
        for (int i = 0; i < 4; ++i)
            workers.push_back(spawn("pool", rx, [](receiver<int>& r) -> std::expected<void, std::string> {
                while (r.pop()) {
                }
                return {};
            }));
        CHECK(fail_at == 0);
        const auto sent = tx.push(1);
        const auto why = resolve_first(tx, workers, sent.error());
        CHECK(why.cause().kind() == cause_kind::never_started);
        CHECK(why.also_failed().size() == 3);
        for (const auto& other : why.also_failed()) CHECK(other.kind() == cause_kind::broken_stream);
    }
}

TEST_CASE("a worker that never started gives its future the exception `ended`, and lets its captures go") {
    auto [tx, rx] = make_channel<int>(1);
    fail_at = 1;
    auto w = spawn("late", [out = std::move(tx)] { return 1L; });
    const auto end = rx.pop();
    CHECK(end.error().status() == status::truncated);
    CHECK(end.error().cause().kind() == cause_kind::never_started);
    CHECK_THROWS_WITH_AS((void)w.get_future().get(),
                         "worker 'late' never started: Resource temporarily unavailable", inquest::ended);
}

TEST_CASE("pthread_exit in a worker closes the channel, is reported as the cause, and leaks nothing") {
    auto [tx, rx] = make_channel<support::counted>(2);
    auto w =
        spawn("exits", std::move(rx), [](receiver<support::counted>& r) -> std::expected<void, std::string> {
            const auto item = r.pop();
            ::pthread_exit(nullptr);
        });
    CHECK(tx.push(support::counted(1)));
    const auto& result = w.join();
    REQUIRE(!result);
    CHECK(result.error().cause().kind() == cause_kind::forced_unwind);
    CHECK(result.error().message() ==
          "worker 'exits' failed on item 1: thread ended by pthread_exit or pthread_cancel");
    CHECK(tx.push(support::counted(2)).error().cause() == result.error().cause());
    CHECK_THROWS_AS((void)w.get_future().get(), inquest::ended);
    CHECK(support::counted::alive() == 0);
}

TEST_CASE("pthread_cancel through a blocked pop: the wait is left, and the cause is reported") {
    for (int round = 0; round < support::stress(200); ++round) {
        auto [tx, rx] = make_channel<int>(1);
        std::atomic<pthread_t> thread{};
        std::atomic<bool> known{false};
        auto w = spawn("cancelled", rx, [&](receiver<int>& r) -> std::expected<void, std::string> {
            thread = ::pthread_self();
            known = true;
            (void)r.pop();
            return {};
        });
        support::wait_for_blocked(tx);
        CHECK(known);
        CHECK(::pthread_cancel(thread) == 0);
        CHECK(w.join().error().cause().kind() == cause_kind::forced_unwind);
        CHECK(tx.push(1).error().cause().kind() == cause_kind::forced_unwind);
        CHECK(inquest::detail::channel_inspector::parked(tx) == 0);
    }
}

TEST_CASE("pthread_cancel through every kind of blocked call leaves the channel to the others") {
    using call = void (*)(inquest::sender<int>&, receiver<int>&);
    const call blocks[] = {
        [](inquest::sender<int>&, receiver<int>& in) { (void)in.pop_for(std::chrono::hours(1)); },
        [](inquest::sender<int>&, receiver<int>& in) {
            std::vector<int> out;
            (void)in.pop_exactly(out, 3);
        },
        [](inquest::sender<int>&, receiver<int>& in) { (void)in.pop(std::stop_source().get_token()); },
        [](inquest::sender<int>& out, receiver<int>&) { (void)out.push(9); },
        [](inquest::sender<int>& out, receiver<int>&) { (void)out.push_for(9, std::chrono::hours(1)); },
        [](inquest::sender<int>& out, receiver<int>&) {
            std::vector<int> two{8, 9};
            (void)out.push_range(two);
        },
    };
    for (int round = 0; round < support::stress(50); ++round)
        for (const auto& block : blocks) {
            const bool pushes = &block >= &blocks[3];
            auto [empty_tx, empty_rx] = make_channel<int>(1);
            auto [full_tx, full_rx] = make_channel<int>(1);
            CHECK(full_tx.push(1));
            std::atomic<pthread_t> thread{};
            auto w = spawn("cancelled", [&, out = &full_tx, in = &empty_rx] {
                thread = ::pthread_self();
                block(*out, *in);
            });
            support::wait_for_blocked(pushes ? static_cast<inquest::channel_handle<int>&>(full_tx)
                                             : empty_tx);
            CHECK(::pthread_cancel(thread) == 0);
            CHECK(w.join().error().cause().kind() == cause_kind::forced_unwind);
            CHECK(full_rx.pop().value() == 1); // nothing was pushed, nothing is stuck
            CHECK(full_tx.try_push(2));
            CHECK(empty_tx.push(3));
            CHECK(empty_rx.pop().value() == 3);
            full_tx.finish();
            empty_tx.finish();
        }
}

TEST_CASE("pthread_cancel of a thread that waits in join leaves the worker to others") {
    for (int round = 0; round < support::stress(50); ++round) {
        std::atomic<bool> go{false}, over{false};
        auto w = spawn("slow", [&] {
            while (!go) std::this_thread::yield();
            return 3L;
        });
        std::atomic<pthread_t> thread{};
        auto joiner = spawn("joiner", [&] {
            thread = ::pthread_self();
            if (round % 2 == 0)
                (void)w.join();
            else
                (void)w.join_for(std::chrono::hours(1));
            over = true;
        });
        support::wait_for("the joiner", [&] { return thread.load() != pthread_t{}; });
        CHECK(::pthread_cancel(thread) == 0);
        CHECK(joiner.join().error().cause().kind() == cause_kind::forced_unwind);
        CHECK(!over);
        go = true;
        CHECK(w.join().value() == 3);
    }
}

TEST_CASE("pthread_cancel midway in a push_range: what went in was pushed, so the stream is truncated") {
    for (int round = 0; round < support::stress(50); ++round) {
        auto [tx, rx] = make_channel<int>(1);
        std::atomic<pthread_t> thread{};
        auto w = spawn("cancelled", [&, mine = tx] {
            auto out = mine; // not the last one, and gone with the stack
            thread = ::pthread_self();
            const std::array three{1, 2, 3};
            (void)out.push_range(three);
        });
        support::wait_for_blocked(rx);
        CHECK(::pthread_cancel(thread) == 0);
        CHECK(w.join().error().cause().kind() == cause_kind::forced_unwind);
        tx.finish();
        CHECK(rx.pop().value() == 1);
        const auto end = rx.pop();
        CHECK(end.error().status() == status::truncated);
        CHECK(end.error().cause().kind() == cause_kind::abandoned);
    }
}

TEST_CASE("pthread_cancel of a thread that is in the long-wait hook: the hook is not cut off, the wait is") {
    const auto after = inquest::set_long_wait_threshold(std::chrono::milliseconds(1));
    std::atomic<bool> inside{false}, cancelled{false}, go{false};
    std::atomic<int> through{0};
    const auto before = inquest::set_long_wait_hook([&](const inquest::still_running&) {
        inside = true;
        while (!cancelled) std::this_thread::yield();
        ::pthread_testcancel();
        ++through;
    });
    auto w = spawn("slow", [&] {
        while (!go) std::this_thread::yield();
    });
    std::atomic<pthread_t> thread{};
    auto joiner = spawn("joiner", [&] {
        thread = ::pthread_self();
        (void)w.join();
    });
    support::wait_for("the hook", [&] { return inside.load(); });
    CHECK(::pthread_cancel(thread) == 0);
    cancelled = true;
    support::wait_for("the joiner", [&] { return joiner.is_done(); });
    CHECK(joiner.join().error().cause().kind() == cause_kind::forced_unwind);
    CHECK(through >= 1);
    go = true;
    CHECK(w.join());
    inquest::set_long_wait_hook(before);
    inquest::set_long_wait_threshold(after);
}

} // namespace threads
