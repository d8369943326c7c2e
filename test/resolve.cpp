#include "support/support.hpp"

#include <inquest/macros.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace resolve {

using inquest::cause_kind;
using inquest::failure;
using inquest::make_channel;
using inquest::receiver;
using inquest::resolve;
using inquest::resolve_first;
using inquest::spawn;
using inquest::status;
using support::bad_frame;
using support::push_error_of;

namespace {

template <class E>
auto failing(E error) {
    return [error](receiver<int>& r) -> std::expected<void, E> {
        (void)r.pop();
        return std::unexpected(error);
    };
}

} // namespace

TEST_CASE("resolve answers with the worker's own error") {
    auto [tx, rx] = make_channel<int>(2);
    auto w = spawn("w", std::move(rx), failing(std::make_error_code(std::errc::no_space_on_device)));
    const auto why = resolve(tx, w, push_error_of(tx));
    REQUIRE(why.error());
    CHECK(*why.error() == std::errc::no_space_on_device);
    CHECK(why.message() == "worker 'w' failed on item 1: No space left on device");
    CHECK(!w.join()); // and again, as often as one likes
}

TEST_CASE(
    "resolve rethrows the worker's exception: the same object; report and recover still answer after it") {
    auto [tx, rx] = make_channel<int>(2);
    auto w = spawn("w", std::move(rx), [](receiver<int>& r) -> std::expected<void, std::string> {
        (void)r.pop();
        throw bad_frame("bad magic", 3);
    });
    const auto failed = push_error_of(tx);
    const std::exception_ptr original = failed.cause().exception();
    REQUIRE(original);
    try {
        (void)resolve(tx, w, failed);
        FAIL("did not throw");
    } catch (const std::runtime_error& e) {
        const auto* frame = dynamic_cast<const bad_frame*>(&e);
        REQUIRE(frame);
        CHECK(frame->frame == 3);
        CHECK(std::current_exception() == original);
    }
    CHECK(w.report()->message() == "worker 'w' failed on item 1: support::bad_frame: bad magic");
    CHECK(tx.recover().size() == failed.undelivered());
}

TEST_CASE("resolve of a worker that finished early says so, with the number undelivered") {
    auto [tx, rx] = make_channel<int>(4);
    std::atomic<bool> go{false};
    auto w = spawn("head", std::move(rx), [&](receiver<int>& r) -> std::expected<int, std::string> {
        support::wait_for("go", [&] { return go.load(); });
        return r.pop().value();
    });
    for (int i = 0; i < 4; ++i) CHECK(tx.push(i));
    go = true;
    const auto failed = [&] {
        for (;;)
            if (auto sent = tx.push(9); !sent) return sent.error();
    }();
    CHECK(failed.finished_early());
    const auto why = resolve(tx, w, failed);
    CHECK(!why.error());
    CHECK(why.message() == "channel closed unexpectedly (push: closed: worker 'head' finished early, " +
                               std::to_string(failed.undelivered()) + " undelivered)");
    CHECK(w.join().value() == 0); // as `head` would have it
}

TEST_CASE("resolve closes the channel before it joins, also when other sender handles are alive") {
    auto [tx, rx] = make_channel<int>(2);
    const auto other = tx;
    auto w = spawn("w", rx, [](receiver<int>& r) {
        long n = 0;
        while (r.pop()) ++n;
        (void)r.ended();
        return n;
    });
    CHECK(tx.push(1));
    // The consumer is alive and well: without the close, the join would wait for ever.
    const inquest::push_error told(status::closed, {}, std::source_location::current());
    const auto why = resolve(tx, w, told);
    CHECK(why.message().starts_with(
        "channel closed unexpectedly (push: closed: this end has finished, or was moved from, push at "));
    CHECK(w.join().value() == 1);
    CHECK(other.is_closed());
}

TEST_CASE("resolve of a push that was only full changes nothing and says so") {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<bool> go{false};
    auto w = spawn("w", std::move(rx), [&](receiver<int>& r) {
        support::wait_for("go", [&] { return go.load(); });
        while (r.pop()) {
        }
    });
    CHECK(tx.push(1));
    const auto sent = tx.try_push(2);
    CHECK(resolve(tx, w, sent.error()).message().starts_with("nothing was closed (push: full, push at "));
    CHECK(!tx.is_closed());
    go = true;
    tx.finish();
    CHECK(w.join().has_value());
}

TEST_CASE("resolve from inside never joins: it answers with what is known so far") {
    auto [tx, rx] = make_channel<int>(2);
    inquest::worker<void, std::string>* handle = nullptr;
    std::atomic<bool> ready{false};
    std::string inside;
    auto w = spawn("w", std::move(rx), [&, tx](receiver<int>& r) mutable -> std::expected<void, std::string> {
        support::wait_for("its handle", [&] { return ready.load(); });
        r.close();
        inside = resolve(tx, *handle, tx.push(1).error()).message();
        return std::unexpected("own error");
    });
    handle = &w;
    ready = true;
    const auto failed = push_error_of(tx);
    CHECK(resolve(tx, w, failed).message() == "worker 'w' failed: own error");
    CHECK(inside.starts_with(
        "asked from inside the channel, so not joined (push: channel closed by worker 'w' at "));
}

TEST_CASE("a worker that reads another channel is refused, not joined") {
    auto [tx, rx] = make_channel<int>(1);
    auto [tx2, rx2] = make_channel<int>(1);
    auto w = spawn("elsewhere", std::move(rx2),
                   inquest::returns_value([](receiver<int>& r) { return r.pop().has_value(); }));
    rx.close();
    CHECK(
        resolve(tx, w, tx.push(1).error())
            .message()
            .starts_with("the worker reads another channel, so not joined (push: channel closed by thread "));
    CHECK(!tx2.is_closed());
    tx2.finish();
    CHECK(!w.join().value());
}

TEST_CASE("two threads may resolve one worker at once") {
    for (support::rounds rounds(300); rounds.another();) {
        auto [tx, rx] = make_channel<int>(1);
        auto w = spawn("w", std::move(rx), failing(std::string("once")));
        const auto ask = [&w](inquest::sender<int>& mine) {
            const auto why = resolve(mine, w, push_error_of(mine));
            REQUIRE(why.error());
            CHECK(*why.error() == "once");
        };
        auto tx2 = tx;
        std::jthread a([&] { ask(tx2); });
        ask(tx);
    }
}

TEST_CASE("resolve_first names the earliest failure that is no consequence, and keeps the others") {
    auto [tx, rx] = make_channel<int>(1);
    std::vector<inquest::worker<void, std::string>> workers;
    const auto body = [](receiver<int>& r) -> std::expected<void, std::string> {
        while (auto item = r.pop())
            if (*item == 3) return std::unexpected("item 3 is bad");
        if (r.ended()->status() != status::complete) return std::unexpected("stream broke");
        return {};
    };
    for (int i = 0; i < 3; ++i) workers.push_back(spawn("pool", rx, body));
    const auto failed = [&] {
        for (int i = 1;; ++i)
            if (auto sent = tx.push(std::min(i, 4)); !sent) return sent.error();
    }();
    const auto why = resolve_first(tx, workers, failed);
    REQUIRE(why.error());
    CHECK(*why.error() == "item 3 is bad");
    CHECK(why.also_failed().size() == 2);
    for (const auto& c : why.also_failed()) {
        CHECK(c.is_consequence());
        CHECK(c.text() == "stream broke");
    }
    CHECK(inquest::report(workers)->cause() == why.cause());
}

TEST_CASE("an earlier failure that followed from another break is not the primary one") {
    auto [tx, rx] = make_channel<int>(1);
    rx.close();
    std::vector<inquest::worker<void, std::string>> workers;
    workers.push_back(spawn("pusher", [tx]() mutable -> std::expected<void, std::string> {
        if (!tx.push(1)) return std::unexpected("my push was refused");
        return {};
    }));
    CHECK(!workers[0].join());
    workers.push_back(
        spawn("root", []() -> std::expected<void, std::string> { return std::unexpected("root"); }));
    CHECK(!workers[1].join());
    const auto why = inquest::report(workers);
    CHECK(*why->error() == "root");
    REQUIRE(why->also_failed().size() == 1);
    CHECK(why->also_failed()[0].is_consequence());
    CHECK(why->also_failed()[0].sequence() < why->cause().sequence());
    tx.finish();
}

TEST_CASE("resolve_first rethrows a first exception, and answers with the fallback where nobody failed") {
    SUBCASE("exception") {
        auto [tx, rx] = make_channel<int>(1);
        std::vector<inquest::worker<void, std::string>> workers;
        for (int i = 0; i < 2; ++i)
            workers.push_back(spawn("pool", rx, [](receiver<int>& r) -> std::expected<void, std::string> {
                if (r.pop()) throw bad_frame("thrown", 1);
                return {};
            }));
        const auto failed = push_error_of(tx);
        CHECK_THROWS_AS((void)resolve_first(tx, workers, failed), bad_frame);
        CHECK(inquest::report(workers)->cause().kind() == cause_kind::exception);
    }
    SUBCASE("fallback") {
        auto [tx, rx] = make_channel<int>(1);
        std::vector<inquest::worker<bool, std::string>> workers;
        for (int i = 0; i < 2; ++i)
            workers.push_back(spawn("pool", rx, [](receiver<int>& r) -> std::expected<bool, std::string> {
                return r.pop().has_value();
            }));
        const auto failed = push_error_of(tx);
        const auto why = resolve_first(tx, workers, failed);
        CHECK(why.message().starts_with(
            "all workers exited but the channel closed (push: closed: worker 'pool-"));
        CHECK(why.message().find("finished early") != std::string::npos);
    }
}

namespace {

std::expected<int, failure<std::string>> push_all(inquest::sender<std::pair<int, int>>& tx,
                                                  inquest::worker<void, std::string>& w) {
    for (int i = 0;; ++i) INQUEST_PUSH(tx, w, std::pair<int, int>{i, i});
}

} // namespace

TEST_CASE("INQUEST_PUSH pushes, and returns the cause when that fails; commas in the value do no harm") {
    auto [tx, rx] = make_channel<std::pair<int, int>>(1);
    auto w =
        spawn("w", std::move(rx), [](receiver<std::pair<int, int>>& r) -> std::expected<void, std::string> {
            (void)r.pop();
            return std::unexpected("through the macro");
        });
    const auto result = push_all(tx, w);
    REQUIRE(!result);
    CHECK(*result.error().error() == "through the macro");
}

TEST_CASE("a failure converts to the untyped one, and is made from what converts to its error") {
    const failure<std::string> mine("config missing");
    CHECK(*mine.error() == "config missing");
    CHECK(mine.message() == "config missing");
    const failure<> untyped = mine;
    CHECK(untyped.cause() == mine.cause());
    CHECK(*untyped.cause().get<std::string>() == "config missing");
    const failure<std::error_code> code = std::io_errc::stream;
    CHECK(*code.error() == std::io_errc::stream);
}

namespace {

using passing = std::expected<void, failure<std::string>>;

auto failing_at_once(const char* how) {
    return [how]() -> std::expected<void, std::string> { return std::unexpected(how); };
}

} // namespace

TEST_CASE(
    "a worker that returns another's failure passes it on: its channel, join and resolve give that cause") {
    auto [tx2, rx2] = make_channel<int>(1);
    auto sink = spawn("sink", std::move(rx2), failing(std::string("disk full")));
    auto [tx, rx] = make_channel<int>(1);
    auto stage = spawn("stage", std::move(rx), [&sink, out = std::move(tx2)](receiver<int>& in) mutable {
        return [&]() -> std::expected<std::size_t, failure<std::string>> {
            std::size_t n = 0;
            for (; auto item = in.pop(); ++n) INQUEST_PUSH(out, sink, *item);
            return n;
        }();
    });
    static_assert(std::is_same_v<decltype(stage), inquest::worker<std::size_t, std::string>>);
    const auto failed = push_error_of(tx);
    const auto first = sink.report()->cause();
    CHECK(failed.cause() == first);
    CHECK(tx.cause() == first);
    const auto why = resolve(tx, stage, failed);
    CHECK(why.cause() == first);
    CHECK(why.cause().worker() == "sink");
    CHECK(!why.cause().upstream());
    CHECK(why.also_failed().empty());
    CHECK(why.message() == "worker 'sink' failed on item 1: disk full");
    REQUIRE(stage.join().error().error());
    CHECK(*stage.join().error().error() == "disk full");
    CHECK(stage.report()->cause() == first);
}

TEST_CASE("a worker that returned the failure of one that threw has not thrown: nothing is rethrown for it") {
    auto thrower = spawn("thrower", []() -> std::expected<void, std::string> { throw bad_frame("bad", 3); });
    const auto first = thrower.report()->cause();
    const auto passes = [&](receiver<int>&) -> passing { return std::unexpected(*thrower.report()); };
    auto [tx, rx] = make_channel<int>(1);
    std::vector<inquest::worker<void, std::string>> workers;
    workers.push_back(spawn("passer", std::move(rx), passes));
    const auto failed = push_error_of(tx);
    CHECK(workers[0].join().error().cause() == first);
    CHECK(workers[0].peek()->get().error().cause() == first);
    CHECK(resolve(tx, workers[0], failed).cause() == first);
    CHECK(resolve_first(tx, workers, failed).cause() == first);
    CHECK(first.kind() == cause_kind::exception);
    CHECK(first.exception() != nullptr);
    workers.push_back(std::move(thrower));
    CHECK_THROWS_AS((void)resolve_first(tx, workers, failed), bad_frame);
    CHECK(inquest::report(workers)->also_failed().empty());
}

TEST_CASE("a returned failure travels in the future as its error, and without one as `ended`") {
    auto root = spawn("root", failing_at_once("rotten"));
    auto passer = spawn("passer", [&]() -> passing { return std::unexpected(*root.report()); });
    CHECK(passer.get_future().get().error() == "rotten");
    auto own = spawn("own", []() -> passing { return std::unexpected("mine"); });
    CHECK(own.get_future().get().error() == "mine");

    auto thrower = spawn("thrower", []() -> std::expected<void, std::string> { throw bad_frame("bad", 3); });
    auto untyped = spawn("untyped", [&]() -> passing { return std::unexpected(*thrower.report()); });
    auto future = untyped.get_future();
    CHECK(
        untyped
            .wait()); // ThreadSanitizer does not see libstdc++ count an exception's owners: the thread is to be none
    try {
        (void)future.get();
        FAIL("did not throw");
    } catch (const inquest::ended& e) {
        CHECK(e.cause() == thrower.report()->cause());
        CHECK(e.what() == std::string("worker 'thrower' failed: support::bad_frame: bad"));
    }
}

TEST_CASE("a returned failure that is no worker's end is the worker's own, with what was in it behind it") {
    // What a worker returned that took one item, which is the first of a stream that nobody finishes.
    const auto returned = [](auto make) {
        auto [tx, rx] = make_channel<int>(1);
        auto w = spawn("w", std::move(rx), [make](receiver<int>& in) -> passing {
            (void)in.pop();
            return std::unexpected(make(in));
        });
        CHECK(tx.push(1));
        const auto why = w.join().error();
        CHECK(why.cause().kind() == cause_kind::error);
        CHECK(why.cause().worker() == "w");
        CHECK(why.cause().sequence() != 0);
        CHECK(push_error_of(tx).cause() == why.cause());
        return why;
    };
    using string_failure = failure<std::string>;

    const auto typed = returned([](auto&) { return string_failure("config missing"); });
    CHECK(typed.message() == "worker 'w' failed on item 1: config missing");
    REQUIRE(typed.error());
    CHECK(*typed.error() == "config missing");
    CHECK(typed.cause().upstream().kind() == cause_kind::given);
    CHECK(typed.cause().upstream().get<std::string>() == typed.error());

    const auto other = returned([](auto&) { return string_failure(inquest::cause(7)); });
    CHECK(!other.error());
    CHECK(other.cause().get<int>());

    const auto fallback = returned([](auto& in) {
        in.close();
        auto [tx2, rx2] = make_channel<int>(1);
        rx2.close();
        auto quiet = spawn("quiet", [] {});
        return string_failure(resolve(tx2, quiet, tx2.push(1).error()).cause());
    });
    CHECK(!fallback.error());
    CHECK(fallback.message().starts_with(
        "worker 'w' failed on item 1: channel closed unexpectedly (push: channel closed by worker 'w' at "));

    const auto thrown = returned(
        [](auto&) { return string_failure(inquest::cause(std::make_exception_ptr(bad_frame("kept", 1)))); });
    CHECK(thrown.message() == "worker 'w' failed on item 1: support::bad_frame: kept");
    CHECK(!thrown.cause().exception()); // it threw nothing
    CHECK(thrown.cause().upstream().exception());

    const auto early = returned([](auto&) {
        auto head = spawn("head", [] { return std::string("done"); });
        CHECK(head.join());
        auto [tx2, rx2] = make_channel<int>(1);
        auto w = spawn("head", std::move(rx2), [](receiver<int>&) {});
        return string_failure(push_error_of(tx2).cause());
    });
    CHECK(early.message().starts_with("worker 'w' failed on item 1: worker 'head"));
    CHECK(early.cause().upstream().kind() == cause_kind::finished);

    const auto empty = returned([](auto&) { return string_failure(inquest::cause()); });
    CHECK(empty.message() == "worker 'w' failed on item 1: no reason given");
    CHECK(!empty.cause().upstream());
}

TEST_CASE("a function may return an untyped failure, or a typed one with anything beside it") {
    auto root = spawn("root", failing_at_once("rotten"));
    auto untyped = spawn("untyped", [&](std::stop_token) -> std::expected<std::string, failure<>> {
        return std::unexpected(*root.report());
    });
    static_assert(std::is_same_v<decltype(untyped), inquest::worker<std::string, inquest::no_error>>);
    CHECK(untyped.join().error().cause() == root.report()->cause());
    CHECK(!untyped.join().error().error());
    CHECK(*untyped.join().error().cause().get<std::string>() == "rotten");

    auto none = spawn("none", [&]() -> std::expected<void, failure<inquest::no_error>> {
        return std::unexpected(failure<inquest::no_error>(root.report()->cause()));
    });
    static_assert(std::is_same_v<decltype(none), inquest::worker<void, inquest::no_error>>);
    CHECK(none.wait()); // as above, of the exception's owners
    CHECK_THROWS_AS((void)none.get_future().get(), inquest::ended);

    using move_only = std::unique_ptr<std::string>;
    auto fine = spawn("fine", []() -> std::expected<move_only, failure<std::error_code>> {
        return std::make_unique<std::string>("moved");
    });
    CHECK(**std::move(fine).join() == "moved");
    auto nothing = spawn("nothing", []() -> passing { return {}; });
    CHECK(nothing.join().has_value());
}

TEST_CASE("a worker that may not be caught returns a failure as others do") {
    auto w = spawn({.name = "w", .on_exception = inquest::on_exception::terminate},
                   []() -> passing { return std::unexpected("mine"); });
    CHECK(w.join().error().cause().kind() == cause_kind::error);
    CHECK(*w.join().error().error() == "mine");
}

TEST_CASE("a worker that finished early is no answer where nothing can be joined") {
    auto [tx, rx] = make_channel<int>(1);
    auto [tx2, rx2] = make_channel<int>(1);
    auto elsewhere =
        spawn("elsewhere", std::move(rx2), [](receiver<int>& in) -> std::expected<void, std::string> {
            (void)in.pop();
            return {};
        });
    auto early = spawn("early", std::move(rx), [](receiver<int>&) {});
    CHECK(early.join());
    const auto sent = tx.push(1);
    CHECK(sent.error().cause().kind() == cause_kind::finished);
    const auto why = resolve(tx, elsewhere, sent.error());
    CHECK(why.cause().kind() == cause_kind::unexplained);
    CHECK(why.message() == "the worker reads another channel, so not joined (push: closed: worker 'early' "
                           "finished early, 0 undelivered)");
    tx2.finish();
    CHECK(elsewhere.join());
}

TEST_CASE(
    "asked from inside, when its own success has closed the channel, a worker is not told that it finished") {
    struct asks {
        asks(inquest::sender<int>& its, std::optional<inquest::worker<void, std::string>>& who,
             std::optional<cause_kind>& into)
            : tx(&its), w(&who), answer(&into) {}
        asks(asks&& other) noexcept
            : tx(std::exchange(other.tx, nullptr)), w(other.w), answer(other.answer) {}
        ~asks() { // the worker has ended, and its thread has not
            if (tx) *answer = resolve(*tx, **w, tx->push(1).error()).cause().kind();
        }
        inquest::sender<int>* tx;
        std::optional<inquest::worker<void, std::string>>* w;
        std::optional<cause_kind>* answer;
    };
    auto [tx, rx] = make_channel<int>(1);
    std::optional<inquest::worker<void, std::string>> w;
    std::optional<cause_kind> answer;
    std::atomic<bool> ready{false};
    w.emplace(spawn("w", std::move(rx),
                    [&ready, held = asks(tx, w, answer)](receiver<int>&) -> std::expected<void, std::string> {
                        support::wait_for("its handle", [&] { return ready.load(); });
                        return {};
                    }));
    ready = true;
    CHECK(w->join());
    CHECK(answer == cause_kind::unexplained);
}

TEST_CASE("explain is resolve that rethrows nothing: an exception is in the cause, with worker and item") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", std::move(rx), [](receiver<int>& in) {
        (void)in.pop();
        throw support::bad_frame("torn", 7);
    });
    const auto refused = support::push_error_of(tx);
    const auto why = explain(tx, w, refused);
    CHECK(why.message() == "worker 'w' failed on item 1: support::bad_frame: torn");
    CHECK(why.error() == nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(why.cause().exception()), support::bad_frame);
    CHECK_THROWS_AS((void)resolve(tx, w, refused), support::bad_frame);
}

TEST_CASE(
    "explain of many returns the first failure and the others, of whatever kind, and all are observed") {
    support::caught_hook hook;
    {
        auto [tx, rx] = make_channel<int>({.capacity = 1, .on_failure = inquest::on_failure::keep_going});
        std::vector<inquest::worker<void, std::string>> workers;
        {
            const auto announced = rx.announce_workers(2);
            workers.push_back(spawn("throws", rx, [](receiver<int>&) -> std::expected<void, std::string> {
                throw std::runtime_error("first");
            }));
            CHECK(workers.front().wait());
            workers.push_back(spawn("returns", rx, [](receiver<int>&) -> std::expected<void, std::string> {
                return std::unexpected("second");
            }));
        }
        const auto why = explain(tx, workers, support::push_error_of(tx));
        CHECK(why.message() == "worker 'throws' failed: std::runtime_error: first");
        REQUIRE(why.also_failed().size() == 1);
        CHECK(why.also_failed().front().message() == "worker 'returns' failed: second");
    }
    CHECK(hook.seen().empty());
}

TEST_CASE("explain changes nothing for a push that only found no room, and closes as resolve does for one "
          "refused") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", [] {});
    CHECK(tx.push(1));
    CHECK(explain(tx, w, tx.try_push(2).error()).message().starts_with("nothing was closed (push: full"));
    CHECK_FALSE(tx.is_closed());
}

} // namespace resolve
