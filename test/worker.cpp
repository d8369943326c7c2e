#include "support/support.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <sys/syscall.h>
#include <unistd.h>

namespace worker {

using inquest::cause_kind;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;
using support::bad_frame;
using support::wait_for_blocked;

namespace {

std::string this_thread_name() {
    std::ifstream in("/proc/self/task/" + std::to_string(::syscall(SYS_gettid)) + "/comm");
    std::string name;
    std::getline(in, name);
    return name;
}

} // namespace

TEST_CASE("a worker's value comes back through join, and join twice is the same") {
    auto w = spawn("sum", [] { return 42L; });
    static_assert(std::is_same_v<decltype(w), inquest::worker<long, inquest::no_error>>);
    CHECK(w.join().value() == 42);
    CHECK(w.join().value() == 42);
    CHECK(!w.report());
    CHECK(std::move(w).join().value() == 42);
}

TEST_CASE("spawn takes functions with and without a stop token, with and without a receiver") {
    auto [tx, rx] = make_channel<int>(2);
    auto a = spawn("a", [](std::stop_token) {});
    auto b =
        spawn("b", rx, [](receiver<int>& r) -> std::expected<int, std::string> { return r.pop().value(); });
    auto c =
        spawn("c", rx, [](std::stop_token, receiver<int>& r) { return static_cast<long>(r.pop().value()); });
    CHECK(tx.push(1));
    CHECK(tx.push(1));
    CHECK(b.join().value() == 1);
    CHECK(c.join().value() == 1);
    CHECK(a.join().has_value());
    inquest::channel<int> q(1);
    auto d = spawn("d", q, inquest::returns_value([](receiver<int>& r) { return r.pop().has_value(); }));
    CHECK(q.push(5));
    CHECK(d.join().value());
    tx.finish();
}

TEST_CASE("a returned error is a failure that holds it, with worker and item") {
    auto [tx, rx] = make_channel<int>(4);
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    auto w = spawn("enrich", std::move(rx), [](receiver<int>& r) -> std::expected<int, std::error_code> {
        (void)r.pop();
        (void)r.pop();
        return std::unexpected(std::make_error_code(std::errc::connection_refused));
    });
    const auto& result = w.join();
    REQUIRE(!result);
    REQUIRE(result.error().error());
    CHECK(*result.error().error() == std::errc::connection_refused);
    CHECK(result.error().message() == "worker 'enrich' failed on item 2: Connection refused");
    CHECK(result.error().cause().items() == inquest::item_range{2, 2, false});
    CHECK(tx.push(3).error().cause() == result.error().cause());
}

TEST_CASE("a failure after the end of the stream says so") {
    auto [tx, rx] = make_channel<int>(4);
    CHECK(tx.push(1));
    tx.finish();
    auto w = spawn("late", std::move(rx), [](receiver<int>& r) -> std::expected<void, std::string> {
        while (r.pop()) {
        }
        return std::unexpected("commit failed");
    });
    CHECK(w.join().error().message() == "worker 'late' failed after item 1: commit failed");
}

TEST_CASE("join rethrows what the worker threw: the same object, its own type, every time") {
    auto w = spawn("reader", []() -> long { throw bad_frame("short frame", 7); });
    const bad_frame* first = nullptr;
    try {
        (void)w.join();
        FAIL("did not throw");
    } catch (const bad_frame& e) {
        first = &e;
        CHECK(e.frame == 7);
    }
    try {
        (void)w.join();
        FAIL("did not throw");
    } catch (const std::runtime_error& e) {
        CHECK(dynamic_cast<const bad_frame*>(&e) == first);
    }
    const auto report = w.report();
    REQUIRE(report);
    CHECK(report->message() == "worker 'reader' failed: support::bad_frame: short frame");
}

TEST_CASE("two threads may join one worker") {
    for (support::rounds rounds(200); rounds.another();) {
        auto w = spawn("shared", []() -> std::expected<int, std::string> { return 3; });
        std::jthread a([&] { CHECK(w.join().value() == 3); });
        std::jthread b([&] { CHECK(w.join().value() == 3); });
    }
}

TEST_CASE("the future carries what the function returned or threw") {
    auto value = spawn("v", []() -> std::expected<int, std::string> { return 1; });
    auto f = value.get_future();
    CHECK(f.get().value() == 1);
    CHECK_THROWS_AS((void)value.get_future(), std::future_error);
    auto error = spawn("e", []() -> std::expected<int, std::string> { return std::unexpected("bad"); });
    CHECK(error.get_future().get().error() == "bad");
    CHECK(error.join().error().message() == "worker 'e' failed: bad");
    auto thrower = spawn("t", []() -> long { throw bad_frame("x", 1); });
    CHECK_THROWS_AS((void)thrower.get_future().get(), bad_frame);
    CHECK_THROWS_AS((void)thrower.join(), bad_frame);
}

TEST_CASE("a failing worker closes its channel: blocked pushes get the cause, and their values stay") {
    for (support::rounds rounds(300); rounds.another();) {
        auto [tx, rx] = make_channel<std::string>(1);
        std::atomic<bool> go{false};
        auto w = spawn("w", std::move(rx), [&](receiver<std::string>&) -> std::expected<void, std::string> {
            support::wait_for("go", [&] { return go.load(); });
            return std::unexpected("no");
        });
        CHECK(tx.push("first"));
        std::jthread producer([&tx] {
            std::string mine(50, 'm');
            const auto sent = tx.push(std::move(mine));
            CHECK(sent.error().status() == status::closed);
            CHECK(sent.error().cause().message() == "worker 'w' failed: no");
            CHECK(mine.size() == 50);
        });
        wait_for_blocked(tx);
        go = true;
        producer.join();
        CHECK(tx.recover() == std::vector<std::string>{"first"});
        CHECK(!w.join());
    }
}

TEST_CASE("fail_fast ends the stream for the other workers; keep_going lets them finish it") {
    SUBCASE("fail_fast") {
        auto [tx, rx] = make_channel<int>(8);
        auto idle = spawn("idle", rx, [](receiver<int>& r) { return r.pop().error().status(); });
        wait_for_blocked(tx);
        auto bad = spawn("bad", std::move(rx),
                         [](receiver<int>&) -> std::expected<void, int> { return std::unexpected(ENOSPC); });
        CHECK(!bad.join());
        const auto why = idle.report();
        REQUIRE(why); // it returned success over a broken stream
        CHECK(why->cause().kind() == cause_kind::broken_stream);
        CHECK(why->cause().upstream() == bad.report()->cause());
        CHECK(why->cause().is_consequence());
        CHECK(tx.push(1).error().cause() == bad.report()->cause());
    }
    SUBCASE("keep_going") {
        auto [tx, rx] = make_channel<int>({.capacity = 8, .on_failure = inquest::on_failure::keep_going});
        auto good = spawn("good", rx, [](receiver<int>& r) {
            long sum = 0;
            for (const int i : r) sum += i;
            return sum;
        });
        auto bad = spawn("bad", std::move(rx),
                         [](receiver<int>&) -> std::expected<void, int> { return std::unexpected(ENOSPC); });
        CHECK(!bad.join());
        CHECK(tx.push(1));
        CHECK(tx.push(2));
        tx.finish();
        CHECK(good.join().value() == 3);
        CHECK(tx.cause() == bad.report()->cause()); // the last has ended
    }
}

TEST_CASE(
    "one of several workers ending early with success disturbs nobody; the last one closes the channel") {
    auto [tx, rx] = make_channel<int>(8);
    std::atomic<bool> go{false};
    auto brief =
        spawn("brief", rx, inquest::returns_value([](receiver<int>& r) { return r.pop().has_value(); }));
    auto second = spawn("second", rx, inquest::returns_value([&go](receiver<int>& r) {
                            support::wait_for("go", [&] { return go.load(); });
                            return r.pop().has_value();
                        }));
    CHECK(tx.push(1));
    CHECK(brief.join().value());
    go = true;
    CHECK(tx.push(2));
    CHECK(second.join().value()); // rx itself is still alive, and counts for nothing
    const auto sent = tx.push(3);
    CHECK(sent.error().status() == status::closed);
    CHECK(sent.error().finished_early());
    CHECK(sent.error().message() == "closed: worker 'second' finished early, 0 undelivered");
}

TEST_CASE("a success over a truncated stream is a failure, unless the function asked how it ended") {
    for (const bool asks : {false, true}) {
        auto [tx, rx] = make_channel<int>(2);
        auto w = spawn("commit", std::move(rx), [asks](receiver<int>& r) -> std::expected<int, std::string> {
            int n = 0;
            while (r.pop()) ++n;
            if (asks) CHECK(r.ended()->status() == status::truncated);
            return n;
        });
        CHECK(tx.push(1));
        CHECK(tx.close(inquest::cause("producer crashed")));
        const auto& result = w.join();
        CHECK(result.has_value() == asks);
        if (!asks)
            CHECK(result.error().message() ==
                  "worker 'commit' ended on a broken stream after item 1: producer crashed");
    }
}

TEST_CASE("ends captured by the function carry its outcome when they are dropped with it") {
    SUBCASE("receiver, failed") {
        auto [tx, rx] = make_channel<int>(1);
        auto w = spawn("w", [r = std::move(rx)]() mutable -> std::expected<void, std::string> {
            (void)r.pop();
            return std::unexpected("no luck");
        });
        CHECK(tx.push(1));
        CHECK(!w.join());
        CHECK(tx.push(2).error().message() == "closed: worker 'w' failed on item 1: no luck");
    }
    SUBCASE("receiver, local to the function") {
        auto [tx, rx] = make_channel<int>(1);
        auto w = spawn("w", [r = std::move(rx)]() mutable -> std::expected<void, std::string> {
            auto local = std::move(r);
            return std::unexpected("no luck");
        });
        CHECK(!w.join());
        CHECK(tx.push(2).error().message() == "closed: receiver dropped by worker 'w'");
    }
    SUBCASE("sender, threw") {
        auto [tx, rx] = make_channel<int>(4);
        auto w = spawn("source", [s = std::move(tx)]() mutable -> void {
            CHECK(s.push(1));
            throw bad_frame("eof", 2);
        });
        CHECK(rx.pop().value() == 1);
        const auto end = rx.pop();
        CHECK(end.error().status() == status::truncated);
        CHECK(end.error().message() == "truncated: worker 'source' failed: support::bad_frame: eof");
        CHECK(w.report()->cause() == end.error().cause());
    }
}

TEST_CASE("destroying a worker stops it, out of a blocked pop or push, and joins it") {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<int> seen{-1};
    {
        auto w = spawn("popper", std::move(rx),
                       [&](receiver<int>& r) { seen = static_cast<int>(r.pop().error().status()); });
        wait_for_blocked(tx);
    }
    CHECK(seen == static_cast<int>(status::stopped));
    auto [tx2, rx2] = make_channel<int>(1);
    {
        auto w = spawn("pusher", [&tx2, &seen] {
            CHECK(tx2.push(1));
            seen = static_cast<int>(tx2.push(2).error().status());
        });
        wait_for_blocked(tx2);
        CHECK(w.request_stop());
        CHECK(!w.request_stop());
        CHECK(w.join().has_value()); // the owner asked for it: its own return value stands
    }
    CHECK(seen == static_cast<int>(status::stopped));
    CHECK(rx2.size() == 1);
    tx2.finish();
}

TEST_CASE("a stop is seen before an item is claimed: the item stays queued") {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<bool> go{false};
    auto w = spawn("w", rx, [&](receiver<int>& r) {
        support::wait_for("go", [&] { return go.load(); });
        return r.pop().error().status();
    });
    CHECK(tx.push(1));
    w.request_stop();
    go = true;
    CHECK(w.join().value() == status::stopped);
    CHECK(tx.recover() == std::vector{1});
}

TEST_CASE("workers that share a name are numbered from 1, in messages and in the thread list") {
    auto [tx, rx] = make_channel<int>(8);
    std::vector<inquest::worker<std::string, inquest::no_error>> workers;
    const auto body = [](receiver<int>& r) {
        (void)r.pop();
        return this_thread_name();
    };
    workers.push_back(spawn("alone-with-a-long-name", rx, body));
    for (int i = 0; i < 3; ++i) workers.push_back(spawn("enrich", rx, body));
    workers.push_back(spawn("a-very-long-shared-name", rx, body));
    workers.push_back(spawn("a-very-long-shared-name", rx, body));
    wait_for_blocked(tx, 6);
    for (int i = 0; i < 6; ++i) CHECK(tx.push(i));
    CHECK(workers[0].name() == "alone-with-a-long-name");
    CHECK(workers[1].name() == "enrich-1");
    CHECK(workers[3].name() == "enrich-3");
    CHECK(workers[0].join().value() == "alone-with-a-lo");
    CHECK(workers[1].join().value() == "enrich-1");
    CHECK(workers[2].join().value() == "enrich-2");
    CHECK(workers[5].join().value() == "a-very-long-s-2");
    workers.clear();
    auto again = spawn("enrich", rx, body); // nobody has the name any more
    CHECK(again.name() == "enrich");
    tx.finish();
}

TEST_CASE(
    "a worker that joins itself gets an answer that says so, and one that destroys itself ends by itself") {
    using self_type = inquest::worker<void, std::string>;
    auto holder = std::make_shared<std::optional<self_type>>();
    std::atomic<bool> ready{false};
    std::string answer;
    holder->emplace(spawn("self", [&ready, &answer, holder]() -> std::expected<void, std::string> {
        support::wait_for("its handle", [&] { return ready.load(); });
        answer = (*holder)->join().error().message();
        return {};
    }));
    ready = true;
    CHECK((*holder)->join().has_value());
    CHECK(answer == "worker 'self': asked from inside the worker, so not joined");
    holder->reset();

    auto [tx, rx] = make_channel<int>(1);
    auto own = std::make_shared<std::optional<self_type>>();
    std::atomic<bool> own_ready{false};
    own->emplace(
        spawn("own", [&own_ready, own, out = std::move(tx)]() mutable -> std::expected<void, std::string> {
            support::wait_for("its handle", [&] { return own_ready.load(); });
            own->reset();
            out.finish();
            return {};
        }));
    own.reset();
    own_ready = true;
    CHECK(rx.pop().error().status() == status::complete);
}

TEST_CASE("empty functions and moved-from receivers are refused") {
    CHECK_THROWS_AS((void)spawn("x", std::function<void()>{}), std::invalid_argument);
    CHECK_THROWS_AS((void)spawn("x", static_cast<void (*)()>(nullptr)), std::invalid_argument);
    auto [tx, rx] = make_channel<int>(1);
    const auto kept = std::move(rx);
    CHECK_THROWS_AS((void)spawn("x", std::move(rx), [](receiver<int>&) {}), std::invalid_argument);
    auto w = spawn("gone", [] {});
    const auto w2 = std::move(w);
    CHECK_THROWS_AS((void)w.join(), std::future_error);
    tx.finish();
}

TEST_CASE("the outcome is there before the channel is seen closed, every time") {
    for (support::rounds rounds(2000); rounds.another();) {
        auto [tx, rx] = make_channel<int>(1);
        auto w = spawn("w", std::move(rx), [](receiver<int>& r) -> std::expected<void, int> {
            (void)r.pop();
            return std::unexpected(5);
        });
        const auto failed = support::push_error_of(tx);
        REQUIRE(failed.cause());
        CHECK(*failed.cause().get<int>() == 5);
        CHECK(!w.join());
    }
}

TEST_CASE("either order of members: the channel or the worker may go first") {
    struct queue_goes_first {
        inquest::worker<void, inquest::no_error> worker;
        std::unique_ptr<inquest::channel<int>> queue;
    };
    const auto drain = [](receiver<int>& r) {
        while (r.pop()) {
        }
    };
    support::caught_hook hook;
    for (support::rounds rounds(200); rounds.another();) {
        {
            inquest::channel<int> queue(1);
            auto worker = spawn("w", queue, drain);
            CHECK(queue.push(1));
        }
        {
            auto queue = std::make_unique<inquest::channel<int>>(1);
            auto* q = queue.get();
            const queue_goes_first both{spawn("w", *q, drain), std::move(queue)};
            CHECK(q->push(1));
        }
    }
    for (const auto& told : hook.seen()) // whichever the worker came to see first
        CHECK((told == "worker 'w' was stopped, 1 undelivered" ||
               told.starts_with("worker 'w' ended on a broken stream")));
}

TEST_CASE("spawn that throws leaves nothing behind: neither a hang nor an attached worker") {
    auto [tx, rx] = make_channel<int>(1);
    struct throwing {
        throwing() = default;
        throwing(const throwing& o) : copies(o.copies + 1) {
            if (copies == 1) throw std::runtime_error("copy");
        }
        void operator()(receiver<int>&) const {}
        int copies = 0;
    };
    const throwing fn;
    CHECK_THROWS_AS((void)spawn("w", rx, fn), std::runtime_error);
    CHECK(tx.push(1));
    CHECK(rx.pop().value() == 1);
    tx.finish();
}

TEST_CASE("a worker that joins another one of the same channel is refused, not hung") {
    auto [tx, rx] = make_channel<int>(1);
    auto reader =
        spawn("reader", rx, inquest::returns_value([](receiver<int>& r) { return r.pop().has_value(); }));
    wait_for_blocked(tx);
    auto asker =
        spawn("asker", std::move(rx), [&reader](receiver<int>&) { return reader.join().error().message(); });
    CHECK(asker.join().value() == "worker 'reader': asked from inside the channel, so not joined");
    CHECK(tx.push(1));
    CHECK(reader.join().value());
    tx.finish();
}

TEST_CASE("a success over two broken streams needs both to be asked for") {
    for (const bool asks_both : {false, true}) {
        auto [tx1, rx1] = make_channel<int>(1);
        auto [tx2, rx2] = make_channel<int>(1);
        CHECK(tx1.close(inquest::cause("first broke")));
        CHECK(tx2.close(inquest::cause("second broke")));
        auto w = spawn("w", [asks_both, a = rx1, b = rx2]() mutable -> std::expected<void, std::string> {
            CHECK(!a.pop());
            CHECK(!b.pop());
            CHECK(a.ended());
            if (asks_both) CHECK(b.ended());
            CHECK(!a.pop()); // once asked for, for good
            return {};
        });
        CHECK(w.join().has_value() == asks_both);
        if (!asks_both) CHECK(w.join().error().cause().text() == "second broke");
    }
}

TEST_CASE("a thread-local destructor that asks its own worker is refused, not hung") {
    struct asks {
        inquest::worker<int, std::string>* w = nullptr;
        std::atomic<int>* answered = nullptr;
        ~asks() {
            if (!w->join_for(std::chrono::hours(1))->get()) ++*answered;
        }
    };
    std::atomic<int> answered{0};
    std::atomic<bool> go{false};
    std::optional<inquest::worker<int, std::string>> w;
    w.emplace(spawn("w", [&]() -> std::expected<int, std::string> {
        while (!go) std::this_thread::yield();
        thread_local asks at_end;
        at_end.w = &*w;
        at_end.answered = &answered;
        return 5;
    }));
    go = true;
    CHECK(w->join().value() == 5);
    CHECK(answered == 1);
}

TEST_CASE("asking one receiver how it ended does not excuse another one's broken stream") {
    auto [tx, rx] = make_channel<int>(1);
    auto [tx2, rx2] = make_channel<int>(1);
    tx2.finish();
    CHECK(tx.close(inquest::cause("broke")));
    auto w = spawn("w", std::move(rx), [&rx2](receiver<int>& r) {
        while (r.pop()) {
        }
        (void)rx2.ended();
    });
    CHECK(w.join().error().message() == "worker 'w' ended on a broken stream: broke");
}

// std::promise moves the value inside std::call_once, and ThreadSanitizer's pthread_once never returns again
// once an exception has passed through it.
#if !SUPPORT_THREAD_SANITIZER
TEST_CASE("a value whose move throws is the same exception at every join") {
    struct heavy {
        heavy() = default;
        heavy(heavy&& o) : moves(o.moves + 1) {
            if (moves > 1) throw std::runtime_error("move");
        }
        int moves = 0;
    };
    auto w = spawn("w", [] { return heavy(); });
    CHECK_THROWS_WITH_AS((void)w.join(), "move", std::runtime_error);
    CHECK_THROWS_WITH_AS((void)w.join(), "move", std::runtime_error);
}
#endif

TEST_CASE("a failure that went into a future was looked at; one of a worker without handle is reported at "
          "its end") {
    support::caught_hook hook;
    const auto fails = []() -> std::expected<void, std::string> { return std::unexpected("x"); };
    {
        auto w = spawn("w", fails);
        CHECK(!w.get_future().get());
    }
    CHECK(hook.seen().empty());

    auto holder = std::make_shared<std::optional<inquest::worker<void, std::string>>>();
    std::atomic<bool> ready{false};
    holder->emplace(spawn("orphan", [&ready, holder]() -> std::expected<void, std::string> {
        support::wait_for("its handle", [&] { return ready.load(); });
        holder->reset();
        return std::unexpected("after its handle");
    }));
    holder.reset();
    ready = true;
    support::wait_for("the report", [&] { return !hook.seen().empty(); });
    CHECK(hook.seen() == std::vector<std::string>{"worker 'orphan' failed: after its handle"});
}

TEST_CASE("a future can be taken while the worker comes to its end") {
    for (support::rounds rounds(500); rounds.another();) {
        auto w = spawn("w", []() -> std::expected<std::string, std::string> { return "value"; });
        if (rounds.number() % 2 != 0) std::this_thread::yield();
        CHECK(w.get_future().get().value() == "value");
        CHECK_THROWS_AS((void)w.join(), std::future_error);
    }
}

TEST_CASE("a value is destroyed with the worker object, though a channel keeps how the worker ended") {
    using counted = support::counted;
    counted::alive() = 0;
    inquest::channel<int> queue(1);
    const auto value_of = [](receiver<int>&) { return counted(5); };
    for (const std::string how :
         {"not joined", "joined", "its future is not asked", "its future outlives it"}) {
        CAPTURE(how);
        std::future<std::expected<counted, inquest::no_error>> future;
        {
            auto w = spawn("w", queue, value_of);
            CHECK(w.wait());
            if (how == "joined") CHECK(w.join().value().value == 5);
            if (how == "its future is not asked") (void)w.get_future();
            if (how == "its future outlives it") future = w.get_future();
        }
        if (future.valid()) CHECK(future.get().value().value == 5);
        future = {};
        CHECK(counted::alive() == 0);
    }
    CHECK(queue.try_push(1).error().status() == status::closed);
}

TEST_CASE("a value that no object asks for is destroyed before the worker's thread has ended") {
    using counted = support::counted;
    counted::alive() = 0;
    for (const bool future_is_taken : {false, true}) {
        CAPTURE(future_is_taken);
        inquest::channel<int> queue(1);
        auto holder = std::make_shared<std::optional<inquest::worker<counted, inquest::no_error>>>();
        std::atomic<bool> ready{false};
        holder->emplace(spawn("orphan", queue, [&ready, holder](receiver<int>&) {
            support::wait_for("its handle", [&] { return ready.load(); });
            holder->reset();
            return counted(5);
        }));
        std::future<std::expected<counted, inquest::no_error>> future;
        if (future_is_taken) future = (*holder)->get_future();
        holder.reset();
        ready = true;
        if (future_is_taken) {
            CHECK(future.get().value().value == 5);
            future = {};
        }
        support::wait_for("its end", [&] { return queue.is_closed(); });
        support::wait_for("the value's", [&] { return counted::alive() == 0; });
    }
}

TEST_CASE("numbers are given again once their bearers are gone") {
    auto w = spawn("again", [] {});
    for (int i = 0; i < 6; ++i) {
        w = spawn("again", [] {});
        const auto name = w.name();
        CHECK((name == "again-1" || name == "again-2" || name == "again"));
    }
}

TEST_CASE("a worker that is stopped with a wake-up in hand passes it on: the item reaches the other one") {
    for (support::rounds rounds(1000); rounds.another();) {
        auto [tx, rx] = make_channel<int>(1);
        const auto pop = inquest::returns_value([](receiver<int>& r) { return r.pop().has_value(); });
        auto first = spawn("first", rx, pop);
        wait_for_blocked(tx);
        auto second = spawn("second", std::move(rx), pop);
        wait_for_blocked(tx, 2);
        CHECK(tx.push(1)); // wakes the first, which is asked to stop before it runs
        first.request_stop();
        if (first.join().value())
            second.request_stop();
        else
            CHECK(second.join().value());
    }
}

TEST_CASE("a recorded cause keeps its worker's name when others come to share it") {
    auto first = spawn("shared", []() -> std::expected<void, std::string> { return std::unexpected("no"); });
    const auto why = *first.report();
    CHECK(why.message() == "worker 'shared' failed: no");
    auto second = spawn("shared", [] {});
    CHECK(second.name() == "shared-2");
    CHECK(why.message() == "worker 'shared' failed: no");
}

TEST_CASE("after the end of one stream, an item of another is what a worker is on again") {
    auto [tx, rx] = make_channel<int>(1);
    auto [tx2, rx2] = make_channel<int>(1);
    CHECK(tx.push(1));
    CHECK(tx2.push(1));
    tx.finish();
    auto w =
        spawn("both", [a = std::move(rx), b = std::move(rx2)]() mutable -> std::expected<void, std::string> {
            CHECK(a.pop());
            CHECK(!a.pop());
            CHECK(b.pop());
            return std::unexpected("x");
        });
    CHECK(w.join().error().message() == "worker 'both' failed on item 1: x");
    tx2.finish();
}

} // namespace worker
