// What destructors may do: of items that call back, of threads that push at their end; and that none is missed.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

namespace destructors {

using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using inquest::undelivered;

namespace {

/// Its destructor calls back into the channel that it was in.
struct clinging {
    explicit clinging(std::weak_ptr<sender<clinging>> its) : home(std::move(its)) {}
    clinging(clinging&&) = default;
    clinging& operator=(clinging&&) = default;
    ~clinging() {
        if (moved_from()) return;
        if (const auto tx = home.lock()) {
            (void)tx->size();
            (void)tx->is_closed();
            (void)tx->cause();
            (void)tx->try_push(clinging({}));
            tx->close(inquest::cause("from a destructor"));
        }
        ++destroyed();
    }
    bool moved_from() const {
        return !home.owner_before(std::weak_ptr<int>{}) && !std::weak_ptr<int>{}.owner_before(home);
    }
    static std::atomic<int>& destroyed() {
        static std::atomic<int> n{0};
        return n;
    }
    std::weak_ptr<sender<clinging>> home;
};

} // namespace

TEST_CASE("a destructor of a live item may call back into the channel, wherever it dies") {
    using ends = std::pair<std::shared_ptr<sender<clinging>>, std::unique_ptr<receiver<clinging>>>;
    const std::array<void (*)(ends&), 4> dies{
        [](ends& e) {
            CHECK(e.first->recover([](clinging&&) {}) == 4);
        }, // three, and what the first one pushed
        [](ends& e) { e.first->abort(inquest::cause("x")); },
        [](ends& e) { e.second.reset(); },
        [](ends&) {},
    };
    for (const auto policy : {undelivered::keep, undelivered::discard})
        for (const auto die : dies) {
            clinging::destroyed() = 0;
            auto made = make_channel<clinging>({.capacity = 4, .undelivered = policy});
            ends both{std::make_shared<sender<clinging>>(std::move(made.first)),
                      std::make_unique<receiver<clinging>>(std::move(made.second))};
            for (int i = 0; i < 4; ++i) CHECK(both.first->push(clinging(both.first)));
            CHECK(both.second->pop()); // dies here
            die(both);
            both.second.reset();
            both.first.reset();
            CHECK(clinging::destroyed() == 4);
        }
}

TEST_CASE("an item's destructor that asks the very channel object that is going finds it closed and empty") {
    struct asks {
        explicit asks(inquest::channel<asks>* its) : home(its) {}
        asks(asks&& o) noexcept : home(std::exchange(o.home, nullptr)) {}
        ~asks() {
            if (!home) return;
            CHECK(home->is_closed());
            CHECK(home->size() <= 2);
            CHECK(!home->try_pop());
        }
        inquest::channel<asks>* home;
    };
    for (const auto policy : {undelivered::keep, undelivered::discard}) {
        inquest::channel<asks> queue({.capacity = 2, .undelivered = policy});
        CHECK(queue.push(asks(&queue)));
        CHECK(queue.push(asks(&queue)));
    }
}

namespace {

/// Pushes when its thread ends.
struct says_goodbye {
    sender<int> tx;
    explicit says_goodbye(sender<int> to) : tx(std::move(to)) {}
    ~says_goodbye() {
        (void)tx.push(99);
        tx.finish();
    }
};

} // namespace

TEST_CASE("thread-local destructors may push and pop, on plain threads and on workers") {
    auto [tx, rx] = make_channel<int>(1);
    SUBCASE("a plain thread") {
        std::jthread t([mine = tx] { thread_local const says_goodbye at_end(mine); });
        tx.finish();
        CHECK(rx.pop().value() == 99);
        CHECK(rx.pop().error().status() == status::complete);
    }
    SUBCASE("a worker, whose join waits for it") {
        auto w = spawn("w", [mine = tx] {
            thread_local const says_goodbye at_end(mine);
            return 5L;
        });
        tx.finish();
        CHECK(w.join().value() == 5);
        CHECK(rx.try_pop().value() == 99);
        CHECK(rx.pop().error().status() == status::complete);
    }
    SUBCASE(
        "a worker that reads the same channel: it was the last, so the push is refused and nothing hangs") {
        auto w = spawn("w", rx, [mine = tx](receiver<int>& in) mutable {
            thread_local const says_goodbye at_end(std::move(mine));
            (void)in.pop();
        });
        CHECK(tx.push(1));
        CHECK(w.join());
        CHECK(tx.size() == 0);
        tx.finish();
    }
}

namespace {

/// Uses the channel object itself when a live one is destroyed.
struct uses_its_channel {
    inquest::channel<uses_its_channel>* home;
    explicit uses_its_channel(inquest::channel<uses_its_channel>* its) : home(its) {}
    uses_its_channel(uses_its_channel&& o) noexcept : home(std::exchange(o.home, nullptr)) {}
    ~uses_its_channel() {
        if (!home) return;
        CHECK(home->size() == 0);
        CHECK(home->is_closed());
        CHECK_FALSE(home->close());
        CHECK_FALSE(home->close(inquest::cause("late")));
        CHECK_FALSE(home->abort(inquest::cause("late")));
        CHECK(home->push(uses_its_channel(nullptr)).error().status() == status::closed);
        CHECK(home->try_pop().error().status() == status::closed);
        CHECK(home->recover([](auto&&) {}) == 0);
        ++destroyed();
    }
    static int& destroyed() {
        static int n = 0;
        return n;
    }
};

/// Pushes again, from one place, when a live one is destroyed.
struct pushes_again {
    sender<pushes_again>* through;
    explicit pushes_again(sender<pushes_again>* its) : through(its) {}
    pushes_again(pushes_again&& o) noexcept : through(std::exchange(o.through, nullptr)) {}
    ~pushes_again() {
        if (through) (void)put(through, nullptr);
    }
    static bool put(sender<pushes_again>* to, sender<pushes_again>* next) {
        return to->push(pushes_again(next)).has_value();
    }
};

/// The user's own result, which asks a channel when it is destroyed. It has no move, as most old classes.
struct asks_a_channel {
    inquest::channel<int>* which;
    explicit asks_a_channel(inquest::channel<int>* its) : which(its) {}
    asks_a_channel(const asks_a_channel& o) = default;
    ~asks_a_channel() { (void)which->size(); }
};

/// An error whose destructor takes its time on the thread that says so.
struct dies_slowly {
    static std::function<void()>& meanwhile() {
        thread_local std::function<void()> what;
        return what;
    }
    ~dies_slowly() {
        if (const auto what = std::exchange(meanwhile(), nullptr)) what();
    }
};

} // namespace

TEST_CASE("an item's destructor in ~channel may call every operation of the channel object") {
    {
        inquest::channel<uses_its_channel> queue(4);
        for (int i = 0; i < 3; ++i) CHECK(queue.push(uses_its_channel(&queue)));
    }
    CHECK(uses_its_channel::destroyed() == 3);
}

TEST_CASE("an item's destructor may push through the sender that is just assigned over or destroyed") {
    auto first = make_channel<pushes_again>(4), second = make_channel<pushes_again>(4);
    auto& tx = first.first;
    CHECK(pushes_again::put(&tx, &tx)); // from where the destructor pushes as well
    {
        const auto gone = std::move(first.second);
    }
    tx = std::move(second.first); // its channel goes, and the item with it
    CHECK(pushes_again::put(&tx, nullptr));
    CHECK(second.second.size() == 1);
    auto last = std::make_unique<sender<pushes_again>>(std::move(tx));
    CHECK(pushes_again::put(&*last, &*last));
    {
        const auto gone = std::move(second.second);
    }
    last.reset();
}

TEST_CASE("a worker's error is not destroyed under the locks of the channel that it read") {
    support::caught_hook quiet;
    inquest::channel<int> queue({.capacity = 8, .on_failure = inquest::on_failure::keep_going});
    const auto fail = [&](receiver<int>&) -> std::expected<void, asks_a_channel> {
        return std::unexpected(asks_a_channel(&queue));
    };
    const auto announced = queue.announce_workers(5);
    // The record of the first one stays the channel's, that of each other until the next one ends.
    for (int i = 0; i < 4; ++i) CHECK(spawn("w", queue, fail).wait());
}

TEST_CASE("whoever waits is woken before an earlier worker's error is destroyed") {
    support::caught_hook quiet;
    inquest::channel<int> queue({.capacity = 1, .on_failure = inquest::on_failure::keep_going});
    CHECK(queue.push(1));
    std::optional announced(queue.announce_workers(3));
    for (int i = 0; i < 2;
         ++i) // the record of the first one stays the channel's, that of the second until the next one ends
        CHECK(spawn("first", queue, [](receiver<int>&) -> std::expected<void, dies_slowly> {
                  return std::unexpected(dies_slowly());
              }).wait());
    std::atomic<bool> refused{false}, waited{false};
    std::jthread producer([&] { refused = !queue.push(2); });
    auto second = spawn("second", queue, [&](receiver<int>&) -> std::expected<void, std::string> {
        support::wait_for_blocked(queue);
        dies_slowly::meanwhile() = [&] {
            support::wait_for("the producer to be woken", [&] { return refused.load(); });
            waited = true;
        };
        return std::unexpected("failed");
    });
    CHECK(second.wait());
    CHECK(waited);
}

TEST_CASE("objects are counted exactly in every traffic") {
    support::counted::alive() = 0;
    for (support::rounds rounds(500); rounds.another();) {
        const int round = rounds.number();
        auto [tx, rx] = make_channel<support::counted>(static_cast<std::size_t>(round % 5) + 1);
        auto w = spawn("w", rx, [round](receiver<support::counted>& in) {
            for (int i = 0; i < round % 20; ++i)
                if (!in.pop()) break;
            (void)in.ended();
        });
        for (int i = 0; i < 10; ++i) {
            support::counted item(i);
            if (!tx.push(std::move(item))) {
                CHECK(item.value == i); // untouched
                break;
            }
        }
        if (round % 3 == 0) CHECK(tx.recover().size() <= tx.capacity());
        tx.finish();
        (void)w.report();
    }
    CHECK(support::counted::alive() == 0);
}

TEST_CASE("a stream that was delivered to its end stays complete when the channel goes, and after recover") {
    std::optional<receiver<int>> late; // about to ask
    auto queue = std::make_unique<inquest::channel<int>>(2);
    CHECK(queue->push(1));
    CHECK(queue->close());
    auto w = spawn("w", *queue, [&](receiver<int>& in) {
        CHECK(in.pop().value() == 1);
        late.emplace(in);
    });
    CHECK(w.join());
    SUBCASE("the channel goes") { queue.reset(); }
    SUBCASE("recover, which finds nothing") { CHECK(queue->recover().empty()); }
    const auto end = late->pop();
    CHECK(end.error().status() == status::complete);
    CHECK(!end.error().cause());
    CHECK(late->ended()->status() == status::complete);
}

TEST_CASE("a channel that goes with items left, or open, has not delivered its stream") {
    for (const bool closed : {false, true}) {
        CAPTURE(closed);
        auto queue = std::make_unique<inquest::channel<int>>(2);
        auto late = inquest::detail::channel_inspector::make_receiver(*queue);
        if (closed) {
            CHECK(queue->push(1));
            CHECK(queue->close());
        }
        queue.reset();
        const auto end = late.pop();
        CHECK(end.error().status() == status::aborted);
        CHECK(end.error().cause().kind() == inquest::cause_kind::destroyed);
    }
}

namespace {

using outcome = std::expected<int, std::string>;

/// Something that a worker's function holds, which looks at the worker's future while it is destroyed.
struct held {
    held(const std::shared_future<outcome>& its, std::atomic<int>& n) : future(&its), early(&n) {}
    held(held&& other) noexcept : future(std::exchange(other.future, nullptr)), early(other.early) {}
    held& operator=(held&&) = delete;
    ~held() {
        if (future && future->wait_for(std::chrono::seconds(0)) == std::future_status::ready) ++*early;
    }
    const std::shared_future<outcome>* future;
    std::atomic<int>* early;
};

} // namespace

TEST_CASE("a worker's future becomes ready when what its function held is gone, and items left with it") {
    for (const std::string how : {"value", "error", "exception"}) {
        CAPTURE(how);
        std::shared_future<outcome> future;
        std::atomic<int> early{0};
        std::atomic<bool> go{false};
        auto [tx, rx] = make_channel<held>(1);
        CHECK(tx.push(held(future, early)));
        const auto out = std::make_shared<std::optional<sender<held>>>(std::move(tx));
        auto w = spawn("w", std::move(rx), [&, out, mine = held(future, early)](receiver<held>&) -> outcome {
            support::wait_for("its future", [&] { return go.load(); });
            out->reset(); // the worker's end is the last
            if (how == "error") return std::unexpected(how);
            if (how == "exception") throw support::bad_frame(how, 1);
            return 1;
        });
        future = w.get_future().share();
        go = true;
        (void)w.report();
        CHECK(early == 0);
        if (how == "exception")
            CHECK_THROWS_AS((void)future.get(), support::bad_frame);
        else
            CHECK(future.get().has_value() == (how == "value"));
    }
}

} // namespace destructors
