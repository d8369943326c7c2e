// What is no use: each has an answer, and none crashes, hangs or loses an item.
#include "support/support.hpp"

#include <inquest/macros.hpp>

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <limits>
#include <list>

namespace misuse {

using inquest::cause;
using inquest::cause_kind;
using inquest::make_channel;
using inquest::receiver;
using inquest::resolve;
using inquest::sender;
using inquest::spawn;
using inquest::status;

namespace {

const inquest::push_error closed(status::closed, {}, std::source_location::current());

} // namespace

TEST_CASE("a capacity that cannot be is refused with a reason, for ends and channel, before anything is "
          "allocated") {
    CHECK_THROWS_WITH_AS((void)make_channel<int>(0), "inquest: a channel's capacity must be at least 1",
                         std::invalid_argument);
    CHECK_THROWS_AS(inquest::channel<int>(0), std::invalid_argument);
    constexpr auto huge = std::numeric_limits<std::size_t>::max();
    CHECK_THROWS_WITH_AS((void)make_channel<char>(huge), "inquest: a channel's capacity is too large",
                         std::length_error);
    CHECK_THROWS_AS((void)make_channel<long>(huge / 8 + 1), std::length_error); // bytes that overflow to few
    CHECK_THROWS_AS((inquest::channel<std::array<char, 4096>>(huge / 4096 + 2)), std::length_error);
    CHECK_THROWS_AS((void)make_channel<int>(static_cast<std::size_t>(-1)), std::length_error); // int -1
#if !SUPPORT_SANITIZER
    CHECK_THROWS_AS((void)make_channel<char>(huge / 64), std::bad_alloc);
#endif
}

TEST_CASE("every operation on a moved-from end answers as on a closed, empty channel") {
    auto [tx, rx] = make_channel<std::string>(1);
    auto in = std::move(rx);
    auto out = std::move(tx);
    std::string value = "mine";
    CHECK(tx.push(std::move(value)).error().status() == status::closed);
    CHECK(tx.try_push(value).error().status() == status::closed);
    CHECK(value == "mine");
    CHECK(!tx.close());
    CHECK(!tx.close(cause("x")));
    CHECK(!tx.abort(cause("x")));
    tx.finish();
    CHECK(tx.is_closed());
    CHECK(tx.size() == 0);
    CHECK(tx.capacity() == 0);
    CHECK(!tx.cause());
    CHECK(tx.recover().empty());
    CHECK(rx.pop().error().status() == status::closed);
    CHECK(rx.try_pop().error().status() == status::closed);
    CHECK(rx.ended()->status() == status::closed);
    CHECK(!rx.close());
    int n = 0;
    for (auto& item : rx) n += !item.empty();
    CHECK(n == 0);
    const auto copy = rx; // a copy of nothing is nothing
    CHECK(copy.is_closed());
    auto assigned = out;
    assigned = tx;
    CHECK(assigned.is_closed());
    assigned = out; // and useful again
    CHECK(assigned.try_push("x"));
    assigned.finish();
    out.finish();
    CHECK(in.pop().value() == "x");
    CHECK(in.pop().error().status() == status::complete);
    CHECK_THROWS_AS((void)spawn("w", std::move(rx), [](receiver<std::string>&) {}), std::invalid_argument);
    auto w = spawn("w", [] {});
    CHECK(resolve(tx, w, closed)
              .message()
              .starts_with("the end is of no channel, so nothing was closed or joined (push: closed: "));
}

TEST_CASE("self-assignment and self-move leave an end as it is") {
    auto [tx, rx] = make_channel<int>(2);
    auto& same_tx = tx;
    auto& same_rx = rx;
    tx = same_tx;
    tx = std::move(same_tx);
    rx = same_rx;
    rx = std::move(same_rx);
    CHECK(tx.push(1));
    CHECK(rx.pop().value() == 1);
    tx.finish();
    CHECK(rx.pop().error().status() == status::complete);
}

TEST_CASE("every operation on a moved-from worker is refused, and its destructor does nothing") {
    auto w = spawn("w", [] { return 1L; });
    auto taken = std::move(w);
    CHECK_THROWS_AS((void)w.join(), std::future_error);
    CHECK_THROWS_AS((void)w.join_for(std::chrono::seconds(1)), std::future_error);
    CHECK_THROWS_AS((void)w.peek(), std::future_error);
    CHECK_THROWS_AS((void)w.report(), std::future_error);
    CHECK_THROWS_AS((void)w.name(), std::future_error);
    CHECK_THROWS_AS((void)w.get_future(), std::future_error);
    auto [tx, rx] = make_channel<int>(1);
    CHECK_THROWS_AS((void)resolve(tx, w, closed), std::future_error);
    CHECK(!tx.is_closed()); // refused before anything was closed
    CHECK(!w.is_done());
    CHECK(!w.request_stop());
    CHECK(taken.join().value() == 1);
    tx.finish();
}

TEST_CASE("null functions are refused, and nothing is left behind") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK_THROWS_AS((void)spawn("w", std::function<void()>{}), std::invalid_argument);
    CHECK_THROWS_AS((void)spawn("w", static_cast<void (*)()>(nullptr)), std::invalid_argument);
    CHECK_THROWS_AS((void)spawn("w", rx, std::function<void(receiver<int>&)>{}), std::invalid_argument);
    CHECK_THROWS_AS((void)spawn("w", rx, static_cast<void (*)(receiver<int>&)>(nullptr)),
                    std::invalid_argument);
    CHECK(tx.push(1)); // no worker was attached
    CHECK(rx.pop().value() == 1);
    tx.finish();
    inquest::channel<int> queue(1);
    CHECK_THROWS_AS((void)spawn("w", queue, std::function<void(receiver<int>&)>{}), std::invalid_argument);
    CHECK(queue.push(1)); // nor was the channel closed
}

TEST_CASE("an empty cause closes and aborts, and fills nothing") {
    auto [tx, rx] = make_channel<int>(2);
    CHECK(tx.push(1));
    CHECK(!tx.close(cause{}));
    CHECK(tx.is_closed());
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().error().status() == status::truncated);
    CHECK(!rx.pop().error().cause());
    const cause why("at last");
    CHECK(tx.abort(why));
    CHECK(rx.pop().error().cause() == why);
    CHECK(!tx.abort(cause{}));
}

TEST_CASE("close twice: the second returns that it was not the one, and changes nothing") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.close());
    CHECK(!tx.close());
    CHECK(!rx.close());
    CHECK(rx.pop().error().status() == status::complete);
    inquest::channel<int> queue(1);
    CHECK(queue.close());
    CHECK(!queue.close());
    const cause why("x");
    CHECK(queue.abort(why));
    CHECK(!queue.abort(why));
    CHECK(!queue.close(why));
}

TEST_CASE("every use after close says so, and what was queued is still there") {
    auto [tx, rx] = make_channel<int>(4);
    CHECK(tx.push(1));
    CHECK(rx.close());
    const std::array more{2, 3};
    CHECK(tx.push(2).error().status() == status::closed);
    CHECK(tx.try_push(2).error().status() == status::closed);
    CHECK(tx.push_for(2, std::chrono::hours(1)).error().status() == status::closed);
    CHECK(tx.push_range(more).error().status() == status::closed);
    CHECK(tx.try_push_range(more).error().accepted() == 0);
    tx.finish();
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().error().status() == status::closed);
    CHECK(tx.recover().empty());
}

TEST_CASE("join, report and resolve twice, and after one another, give the same") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", std::move(rx),
                   [](receiver<int>&) -> std::expected<int, std::string> { return std::unexpected("x"); });
    const auto first = w.report()->cause();
    CHECK(w.report()->cause() == first);
    CHECK(w.join().error().cause() == first);
    CHECK(w.join().error().cause() == first);
    CHECK(resolve(tx, w, closed).cause() == first);
    CHECK(resolve(tx, w, closed).cause() == first);
    std::list<inquest::worker<int, std::string>> none;
    CHECK(!report(none));
    CHECK(resolve_first(tx, none, closed)
              .message()
              .starts_with("all workers exited but the channel closed (push: closed: "));
}

TEST_CASE("a failure that was moved out of a worker is still there for the next to ask") {
    auto w = spawn("w", []() -> std::expected<int, std::string> { return std::unexpected("no"); });
    CHECK(std::move(w).join().error().message() == "worker 'w' failed: no");
    CHECK(w.join().error().message() == "worker 'w' failed: no");
}

TEST_CASE("the future is given away once; the value is then no longer the worker's to give") {
    auto w = spawn("w", [] { return 7L; });
    auto future = w.get_future();
    CHECK_THROWS_AS((void)w.get_future(), std::future_error);
    CHECK_THROWS_AS((void)w.join(), std::future_error);
    CHECK(!w.report()); // it did not fail
    CHECK(future.get().value() == 7);
    auto joined = spawn("w", [] { return 7L; });
    CHECK(joined.join().value() == 7);
    CHECK_THROWS_AS((void)joined.get_future(), std::future_error);
}

TEST_CASE("recover on an open channel closes it, and everybody learns of it") {
    auto [tx, rx] = make_channel<int>(2);
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    std::jthread blocked([&out = tx] { CHECK(out.push(3).error().status() == status::closed); });
    support::wait_for_blocked(rx);
    CHECK(rx.recover() == std::vector<int>{1, 2});
    blocked.join();
    CHECK(rx.pop().error().status() == status::aborted);
    CHECK(rx.recover().empty());
    CHECK(tx.recover().empty());
}

TEST_CASE("recover while a worker still pops: each item is popped or recovered, never both") {
    for (support::rounds rounds(300); rounds.another();) {
        auto [tx, rx] = make_channel<int>(8);
        std::atomic<int> popped{0};
        auto w = spawn("w", std::move(rx), [&](receiver<int>& in) {
            while (in.pop()) ++popped;
            (void)in.ended();
        });
        int pushed = 0;
        for (; pushed < 8; ++pushed) CHECK(tx.push(1));
        const auto rest = tx.recover();
        CHECK(w.join());
        CHECK(popped + static_cast<int>(rest.size()) == pushed);
    }
}

TEST_CASE("a worker without a name, with a long one, and with odd characters") {
    auto nameless = spawn("", []() -> std::expected<void, std::string> { return std::unexpected("x"); });
    CHECK(nameless.join().error().message() == "worker '' failed: x");
    const std::string longest(300, 'n');
    auto named = spawn(longest, []() -> std::expected<void, std::string> { return std::unexpected("x"); });
    CHECK(named.join().error().message() == "worker '" + longest + "' failed: x");
    auto odd = spawn("a%s{}\n", []() -> std::expected<void, std::string> { return std::unexpected("x"); });
    CHECK(odd.join().error().message() == "worker 'a%s{}\n' failed: x");
}

TEST_CASE("a worker that owns its own handle, and one whose handle is in an item of its own channel, come to "
          "an end") {
    using handle = inquest::worker<void, std::string>;
    const support::caught_hook hook;
    SUBCASE("in its captures") {
        struct box {
            std::optional<handle> own;
        };
        auto mine = std::make_shared<box>();
        std::atomic<bool> set{false}, over{false};
        struct at_end {
            std::atomic<bool>* over;
            explicit at_end(std::atomic<bool>& its) : over(&its) {}
            at_end(at_end&& o) noexcept : over(std::exchange(o.over, nullptr)) {}
            ~at_end() {
                if (over) *over = true;
            }
        };
        mine->own.emplace(
            spawn("self", [last = at_end(over), mine, &set]() -> std::expected<void, std::string> {
                support::wait_for("its handle", [&] { return set.load(); });
                return {};
            }));
        mine.reset(); // now only the function holds its handle
        set = true;
        support::wait_for("the worker's end", [&] { return over.load(); });
    }
    SUBCASE("in an item") {
        auto [tx, rx] = make_channel<std::shared_ptr<handle>>(1);
        auto w = std::make_shared<handle>(
            spawn("self", std::move(rx),
                  [](receiver<std::shared_ptr<handle>>& in) -> std::expected<void, std::string> {
                      auto own = in.pop();
                      CHECK((*own)->join().error().message() ==
                            "worker 'self': asked from inside the worker, so not joined");
                      return {};
                  }));
        std::weak_ptr<handle> seen = w;
        CHECK(tx.push(std::move(w)));
        support::wait_for("the worker's end", [&] { return seen.expired(); });
        tx.finish();
    }
}

TEST_CASE("a function whose captures own both ends of its channel ends, and leaks nothing") {
    support::counted::alive() = 0;
    {
        auto [tx, rx] = make_channel<support::counted>(2);
        auto w = spawn("w", rx, [mine = tx, also = rx](receiver<support::counted>& in) mutable {
            CHECK(mine.push(support::counted(1)));
            CHECK(in.pop());
            CHECK(mine.push(support::counted(2)));
            CHECK(also.pop());
            CHECK(mine.push(support::counted(3)));
            mine.finish();
        });
        tx.finish();
        CHECK(w.join());
    }
    CHECK(support::counted::alive() == 0);
}

TEST_CASE("two threads resolving at once, and a worker resolving a sibling, get the same cause and no hang") {
    for (support::rounds rounds(200); rounds.another();) {
        auto [tx, rx] = make_channel<int>(1);
        auto w = spawn("w", std::move(rx), [](receiver<int>& in) -> std::expected<void, std::string> {
            (void)in.pop();
            return std::unexpected("x");
        });
        std::array<cause, 3> seen;
        {
            std::vector<std::jthread> asking;
            for (auto& mine : seen)
                asking.emplace_back([&, out = tx]() mutable {
                    mine = resolve(out, w, support::push_error_of(out)).cause();
                    out.finish();
                });
        }
        CHECK(seen[0] == seen[1]);
        CHECK(seen[1] == seen[2]);
        CHECK(seen[0].text() == "x");
        tx.finish();
    }
}

TEST_CASE("close, abort and the last ends going from many threads at once leave one end, and hang nobody") {
    for (support::rounds rounds(300); rounds.another();) {
        auto ends = make_channel<int>(1);
        auto tx = std::make_unique<sender<int>>(std::move(ends.first));
        auto rx = std::make_unique<receiver<int>>(std::move(ends.second));
        auto watcher = *rx;
        std::atomic<int> ready{0}, won{0};
        const auto together = [&](auto act) {
            return std::jthread([&, act] {
                ++ready;
                while (ready < 5) std::this_thread::yield();
                act();
            });
        };
        auto other = *tx;
        {
            const auto a = together([&] { won += watcher.close(cause("a")); });
            const auto b = together([&] { won += other.abort(cause("b")); });
            const auto c = together([&] { tx.reset(); });
            const auto d = together([&] { rx.reset(); });
            const auto e = together([&] { (void)other.push(1), (void)other.push(2); });
        }
        CHECK(won <= 1); // an abandoning sender may have been first
        CHECK(watcher.pop().error().status() == status::aborted);
        CHECK(watcher.cause());
        CHECK(watcher.recover().size() <= 1);
        other.finish();
    }
}

TEST_CASE("a handle that dies with a thread-local object of its own worker reports the failure, once") {
    using handle = inquest::worker<void, std::string>;
    support::caught_hook hook;
    auto given = std::make_shared<std::optional<handle>>();
    std::atomic<bool> ready{false};
    given->emplace(spawn("own", [given, &ready]() -> std::expected<void, std::string> {
        support::wait_for("its handle", [&] { return ready.load(); });
        struct keeper {
            std::optional<handle> own;
        };
        thread_local keeper mine; // goes when the function is over and its outcome is known
        mine.own.emplace(*std::move(*given));
        given->reset();
        return std::unexpected("late");
    }));
    given.reset();
    ready = true;
    support::wait_for("the report", [&] { return !hook.seen().empty(); });
    CHECK(hook.seen() == std::vector<std::string>{"worker 'own' failed: late"});
}

} // namespace misuse
