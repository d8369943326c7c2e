#include "support/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <future>
#include <limits>
#include <numeric>
#include <ranges>
#include <source_location>

namespace channel {

using inquest::cause;
using inquest::cause_kind;
using inquest::make_channel;
using inquest::status;
using support::counted;
using support::wait_for_blocked;

TEST_CASE("an item goes in at one end and comes out at the other") {
    auto [tx, rx] = make_channel<int>(4);
    CHECK(tx.push(7));
    CHECK(rx.size() == 1);
    const auto item = rx.pop();
    REQUIRE(item);
    CHECK(*item == 7);
    CHECK(rx.size() == 0);
}

TEST_CASE("the capacity is exact, and seen from both ends") {
    for (std::size_t capacity = 1; capacity < 10; ++capacity) {
        auto [tx, rx] = make_channel<std::size_t>(capacity);
        CHECK(tx.capacity() == capacity);
        CHECK(rx.capacity() == capacity);
        for (std::size_t i = 0; i < capacity; ++i) CHECK(tx.try_push(i));
        const auto refused = tx.try_push(99);
        REQUIRE(!refused);
        CHECK(refused.error().status() == status::full);
        CHECK(rx.size() == capacity);
        for (std::size_t i = 0; i < capacity; ++i) CHECK(rx.try_pop().value() == i);
        CHECK(rx.try_pop().error().status() == status::empty);
    }
}

TEST_CASE("a capacity that cannot be is refused before anything is allocated") {
    CHECK_THROWS_AS((void)make_channel<int>(0), std::invalid_argument);
    CHECK_THROWS_AS((void)make_channel<int>(std::numeric_limits<std::size_t>::max()), std::length_error);
    using page = std::array<char, 4096>;
    CHECK_THROWS_AS((void)make_channel<page>(std::numeric_limits<std::size_t>::max() / 4096),
                    std::length_error);
    CHECK_THROWS_AS(inquest::channel<int>(0), std::invalid_argument);
}

TEST_CASE("a failed push leaves its argument as it was") {
    auto [tx, rx] = make_channel<std::string>(1);
    std::string text(100, 'x');
    CHECK(tx.push("first"));
    CHECK(!tx.try_push(std::move(text)));
    CHECK(text.size() == 100);
    rx.close();
    CHECK(!tx.push(std::move(text)));
    CHECK(text.size() == 100);
}

TEST_CASE("a push blocked on a full channel goes on when there is room, in order") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.push(1));
    std::jthread producer([&] {
        CHECK(tx.push(2));
        tx.finish();
    });
    wait_for_blocked(tx);
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().value() == 2);
    CHECK(rx.pop().error().status() == status::complete);
}

TEST_CASE("a pop blocked on an empty channel goes on when an item comes") {
    auto [tx, rx] = make_channel<int>(1);
    std::jthread consumer([&rx] { CHECK(rx.pop().value() == 5); });
    wait_for_blocked(tx);
    CHECK(tx.push(5));
}

TEST_CASE("finish drains, then says complete") {
    auto [tx, rx] = make_channel<int>(4);
    CHECK(tx.push(1));
    tx.finish();
    tx.finish();
    CHECK(tx.push(2).error().status() == status::closed);
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().error().status() == status::complete);
    CHECK(rx.ended()->status() == status::complete);
    CHECK(!rx.cause());
}

TEST_CASE("finish of one sender leaves the others working; the last one completes the stream") {
    auto [tx, rx] = make_channel<int>(4);
    auto other = tx;
    tx.finish();
    CHECK(!rx.is_closed());
    CHECK(other.push(3));
    other.finish();
    CHECK(rx.is_closed());
    CHECK(rx.pop().value() == 3);
    CHECK(rx.pop().error().status() == status::complete);
}

TEST_CASE("a push that is blocked in a sender when it finishes gets in while others are alive, else gets its "
          "value back") {
    for (const bool another : {true, false}) {
        CAPTURE(another);
        auto [tx, rx] = make_channel<std::string>(1);
        std::optional<inquest::sender<std::string>> other;
        if (another) other = tx;
        CHECK(tx.push("first"));
        std::string text(100, 'x');
        std::optional<inquest::push_error> refused;
        std::jthread producer([&] {
            if (auto sent = tx.push(std::move(text)); !sent) refused = sent.error();
        });
        wait_for_blocked(rx);
        tx.finish();
        if (another) {
            CHECK(rx.pop().value() == "first");
            CHECK(rx.pop().value() == std::string(100, 'x'));
            other->finish();
        }
        producer.join();
        CHECK(refused.has_value() == !another);
        if (!another) {
            CHECK(refused->status() == status::closed);
            CHECK(text == std::string(100, 'x'));
            CHECK(rx.pop().value() == "first");
        }
        CHECK(rx.pop().error().status() == status::complete);
    }
}

TEST_CASE("close by a producer drains then says complete, by a receiver closed") {
    SUBCASE("producer") {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(tx.push(1));
        CHECK(tx.close());
        CHECK(!tx.close());
        CHECK(tx.push(2).error().status() == status::closed);
        CHECK(rx.pop().value() == 1);
        CHECK(rx.pop().error().status() == status::complete);
    }
    SUBCASE("receiver") {
        auto [tx, rx] = make_channel<int>(4);
        CHECK(tx.push(1));
        CHECK(rx.close());
        CHECK(!rx.close());
        CHECK(tx.push(2).error().status() == status::closed);
        CHECK(rx.pop().value() == 1);
        CHECK(rx.pop().error().status() == status::closed);
    }
}

TEST_CASE(
    "close with a cause: drains, then truncated, the cause at both ends, and only the first one counts") {
    auto [tx, rx] = make_channel<int>(4);
    CHECK(tx.push(1));
    const cause why("disk gone");
    CHECK(tx.close(why));
    CHECK(!tx.close(cause("too late")));
    CHECK(tx.push(2).error().cause() == why);
    CHECK(rx.pop().value() == 1);
    const auto end = rx.pop();
    CHECK(end.error().status() == status::truncated);
    CHECK(end.error().cause() == why);
    CHECK(end.error().message() == "truncated: disk gone");
}

TEST_CASE("abort ends delivery at once, also after finish, and the items are recovered in order") {
    auto [tx, rx] = make_channel<int>(4);
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    tx.finish();
    CHECK(rx.abort(cause(std::make_error_code(std::errc::io_error))));
    CHECK(!rx.abort(cause("second")));
    const auto end = rx.pop();
    CHECK(end.error().status() == status::aborted);
    CHECK(*end.error().cause().get<std::error_code>() == std::errc::io_error);
    CHECK(tx.recover() == std::vector{1, 2});
    CHECK(tx.recover().empty());
}

TEST_CASE("close and abort release everybody who is blocked, on both sides") {
    for (const bool abort : {false, true}) {
        auto [tx, rx] = make_channel<int>(1);
        CHECK(tx.push(1));
        std::vector<std::jthread> threads;
        for (int i = 0; i < 3; ++i)
            threads.emplace_back([&tx] {
                const auto sent = tx.push(9);
                CHECK(sent.error().status() == status::closed);
                CHECK(sent.error().cause().message() == "over");
            });
        wait_for_blocked(tx, 3);
        auto [tx2, rx2] = make_channel<int>(1);
        for (int i = 0; i < 3; ++i)
            threads.emplace_back([&rx2, abort] {
                const auto got = rx2.pop();
                CHECK(got.error().status() == (abort ? status::aborted : status::truncated));
                CHECK(got.error().cause().message() == "over");
            });
        wait_for_blocked(tx2, 3);
        const cause why("over");
        if (abort) {
            CHECK(rx.abort(why));
            CHECK(tx2.abort(why));
        } else {
            CHECK(rx.close(why));
            CHECK(tx2.close(why));
        }
    }
}

TEST_CASE("recover on an open channel closes it, and hands over what was queued") {
    auto [tx, rx] = make_channel<std::unique_ptr<int>>(4);
    CHECK(tx.push(std::make_unique<int>(1)));
    const auto items = tx.recover();
    REQUIRE(items.size() == 1);
    CHECK(*items[0] == 1);
    CHECK(tx.push(std::make_unique<int>(2)).error().status() == status::closed);
    CHECK(rx.pop().error().status() == status::aborted);
}

TEST_CASE("a sink that throws loses nothing: the rest can be recovered again") {
    auto [tx, rx] = make_channel<int>(4);
    for (int i = 1; i <= 4; ++i) CHECK(tx.push(i));
    int calls = 0;
    CHECK_THROWS_AS(rx.recover([&](int&&) {
        if (++calls == 3) throw std::runtime_error("sink");
    }),
                    std::runtime_error);
    CHECK(rx.size() == 2);
    CHECK(rx.recover() == std::vector{3, 4});
}

TEST_CASE("a copy that throws while items are recovered into a vector loses none of them") {
    for (int fuse = 1; fuse <= 4; ++fuse) {
        CAPTURE(fuse);
        auto [tx, rx] = make_channel<support::touchy>(4);
        for (int i = 1; i <= 4; ++i) CHECK(tx.push(support::touchy(i)));
        support::touchy::fuse() = fuse;
        CHECK_THROWS_AS((void)rx.recover(), std::runtime_error);
        CHECK(rx.is_closed());
        CHECK(rx.size() == 4);
        std::vector<int> values;
        for (const auto& item : rx.recover()) values.push_back(item.value);
        CHECK(values == std::vector{1, 2, 3, 4});
        CHECK(rx.size() == 0);
    }
}

namespace {

// Its move may throw, and leaves the original changed where it does.
struct brittle {
    explicit brittle(int v) : value(v) { ++alive(); }
    brittle(const brittle& o) : value(o.value) { ++alive(); }
    brittle(brittle&& o) noexcept(false) : value(std::exchange(o.value, -1)) {
        if (fuse() > 0 && --fuse() == 0) throw std::runtime_error("moving failed");
        ++alive();
    }
    brittle& operator=(const brittle&) = delete;
    ~brittle() { --alive(); }
    static int& fuse() {
        static int left = 0;
        return left;
    }
    static int& alive() {
        static int n = 0;
        return n;
    }
    int value;
};

} // namespace

TEST_CASE("items whose move may throw are recovered by copying them, and destroyed once all are copied") {
    {
        auto [tx, rx] = make_channel<brittle>(3);
        for (int i = 1; i <= 3; ++i) {
            const brittle item(i);
            CHECK(tx.push(item));
        }
        brittle::fuse() = 2;
        const auto items = tx.recover();
        brittle::fuse() = 0;
        REQUIRE(items.size() == 3);
        for (std::size_t i = 0; i < 3; ++i) CHECK(items[i].value == static_cast<int>(i) + 1);
        CHECK(brittle::alive() == 3); // none is left in the queue
    }
    CHECK(brittle::alive() == 0);
}

TEST_CASE("a sender that leaves without finish truncates the stream") {
    SUBCASE("having pushed") {
        auto [tx, rx] = make_channel<int>(4);
        auto other = tx;
        {
            auto gone = std::move(tx);
            CHECK(gone.push(1));
        }
        CHECK(!rx.is_closed()); // another sender goes on
        CHECK(other.push(2));
        other.finish();
        CHECK(rx.pop().value() == 1);
        CHECK(rx.pop().value() == 2);
        const auto end = rx.pop();
        CHECK(end.error().status() == status::truncated);
        CHECK(end.error().cause().kind() == cause_kind::abandoned);
        CHECK(end.error().message().find("truncated: producer left without finish: thread ") == 0);
        CHECK(end.error().message().find("channel.cpp:") != std::string::npos);
    }
    SUBCASE("the last one, having pushed nothing") {
        auto rx = make_channel<int>(4).second;
        CHECK(rx.pop().error().status() == status::truncated);
    }
    SUBCASE("during an exception") {
        auto [tx, rx] = make_channel<int>(4);
        try {
            auto mine = std::move(tx);
            throw 1;
        } catch (int) {
        }
        const auto end = rx.pop();
        CHECK(end.error().status() == status::truncated);
        CHECK(end.error().message().find("left during an exception") != std::string::npos);
    }
    SUBCASE("not a copy that pushed nothing, as a std::function keeps them") {
        auto [tx, rx] = make_channel<int>(4);
        {
            const std::function<void()> holds = [copy = tx] { (void)copy; };
            const auto again = holds;
        }
        tx.finish();
        CHECK(rx.pop().error().status() == status::complete);
    }
}

TEST_CASE("when the last receiver goes, pushes fail, and undelivered items are kept or discarded as chosen") {
    for (const auto policy : {inquest::undelivered::keep, inquest::undelivered::discard}) {
        {
            auto [tx, rx] = make_channel<counted>({.capacity = 4, .undelivered = policy});
            CHECK(tx.push(counted(1)));
            CHECK(tx.push(counted(2)));
            {
                auto gone = std::move(rx);
            }
            const auto sent = tx.push(counted(3));
            CHECK(sent.error().status() == status::closed);
            CHECK(sent.error().cause().kind() == cause_kind::dropped);
            CHECK(counted::alive() == (policy == inquest::undelivered::keep ? 2 : 0));
            CHECK(tx.recover().size() == (policy == inquest::undelivered::keep ? 2 : 0));
        }
        CHECK(counted::alive() == 0);
    }
}

namespace {

// How many are still queued once delivery of one has been aborted.
template <class T>
std::size_t left_after_abort(T item, std::optional<inquest::undelivered> choice) {
    auto [tx, rx] = make_channel<T>({.capacity = 2, .undelivered = choice});
    CHECK(tx.push(std::move(item)));
    CHECK(rx.abort(cause("over")));
    return tx.size();
}

} // namespace

TEST_CASE(
    "undelivered items that have another side are discarded, others kept, unless the options say otherwise") {
    using inquest::undelivered;
    const auto left = [](auto make) {
        return std::array{left_after_abort(make(), std::nullopt), left_after_abort(make(), undelivered::keep),
                          left_after_abort(make(), undelivered::discard)};
    };
    using counts = std::array<std::size_t, 3>;
    CHECK(left([] { return make_channel<int>(1).first; }) == counts{0, 1, 0});
    CHECK(left([] { return make_channel<int>(1).second; }) == counts{0, 1, 0});
    CHECK(left([] { return std::promise<std::string>(); }) == counts{0, 1, 0});
    CHECK(left([] { return std::promise<void>(); }) == counts{0, 1, 0});
    CHECK(left([] { return std::packaged_task<int(int)>([](int i) { return i; }); }) == counts{0, 1, 0});
    CHECK(left([] { return 1; }) == counts{1, 1, 0});
    CHECK(left([] { return std::make_unique<int>(1); }) == counts{1, 1, 0});
}

TEST_CASE("whoever waits on the other side of an undelivered item is released when delivery ends") {
    SUBCASE("a push, by the receiver that was queued") {
        inquest::channel<inquest::receiver<int>> queue(2);
        auto [tx, rx] = make_channel<int>(1);
        CHECK(tx.push(1));
        CHECK(queue.push(std::move(rx)));
        std::jthread producer([&tx] { CHECK(tx.push(2).error().status() == status::closed); });
        wait_for_blocked(tx);
        CHECK(queue.abort(cause("over")));
        producer.join();
    }
    SUBCASE("a pop, by the sender that was queued") {
        auto [queue, workers] = make_channel<inquest::sender<int>>(2);
        auto [tx, rx] = make_channel<int>(1);
        CHECK(queue.push(std::move(tx)));
        std::jthread consumer([&rx] { CHECK(rx.pop().error().status() == status::truncated); });
        wait_for_blocked(rx);
        {
            const auto gone = std::move(workers);
        }
        consumer.join();
    }
    SUBCASE("a future, by its promise") {
        auto [tx, rx] = make_channel<std::promise<int>>(1);
        std::promise<int> promise;
        auto future = promise.get_future();
        CHECK(tx.push(std::move(promise)));
        CHECK(rx.abort(cause("over")));
        CHECK_THROWS_AS(future.get(), std::future_error);
    }
}

TEST_CASE("iteration goes through to the end, for items of any kind") {
    SUBCASE("plain") {
        auto [tx, rx] = make_channel<int>(8);
        for (int i = 0; i < 5; ++i) CHECK(tx.push(i));
        tx.finish();
        int sum = 0;
        for (const int& i : rx) sum += i;
        CHECK(sum == 10);
        CHECK(rx.ended()->status() == status::complete);
    }
    SUBCASE("counted: none destroyed twice, none left") {
        {
            auto [tx, rx] = make_channel<counted>(8);
            for (int i = 0; i < 5; ++i) CHECK(tx.push(counted(i)));
            int n = 0;
            for (auto& item : rx) {
                CHECK(item.value == n);
                if (++n == 3) break;
            }
            CHECK(counted::alive() == 2);
        }
        CHECK(counted::alive() == 0);
    }
    SUBCASE("move-only") {
        auto [tx, rx] = make_channel<std::unique_ptr<int>>(2);
        CHECK(tx.push(std::make_unique<int>(4)));
        tx.finish();
        for (auto& p : rx) CHECK(*p == 4);
    }
}

static_assert(std::ranges::input_range<inquest::receiver<int>>);
static_assert(std::ranges::input_range<inquest::receiver<std::unique_ptr<int>>>);

TEST_CASE("iteration pops an item when it is looked at, and none ahead") {
    auto [tx, rx] = make_channel<int>(8);
    for (int i = 1; i <= 8; ++i) CHECK(tx.push(i));
    SUBCASE("so taking n of them pops n") {
        std::vector<int> seen;
        for (const int i : rx | std::views::take(3)) seen.push_back(i);
        CHECK(seen == std::vector{1, 2, 3});
        CHECK(rx.size() == 5);
        for (const int i : rx | std::views::drop(2) | std::views::take(1)) seen.push_back(i);
        CHECK(seen.back() == 6);
        CHECK(rx.size() == 2);
    }
    SUBCASE("and begin and ++ pop none by themselves, but none is passed over that stays queued") {
        auto i = rx.begin();
        CHECK(rx.size() == 8);
        CHECK(*i == 1);
        CHECK(*i == 1);
        CHECK(rx.size() == 7);
        ++i;
        CHECK(rx.size() == 7);
        ++i;
        CHECK(rx.size() == 6);
        CHECK(*i.operator->() == 3);
        CHECK(i != rx.end());
        CHECK(rx.size() == 5);
    }
    SUBCASE("and a move that throws leaves the item to be looked at again") {
        auto [to, from] = make_channel<support::touchy>(2);
        CHECK(to.push(support::touchy(7)));
        auto i = from.begin();
        support::touchy::fuse() = 1;
        CHECK_THROWS_AS((void)(i == from.end()), std::runtime_error);
        CHECK(i->value == 7);
        CHECK(from.size() == 0);
    }
}

TEST_CASE("a constructor that throws leaves queue and argument as they were") {
    auto [tx, rx] = make_channel<support::touchy>(2);
    const support::touchy item(1);
    support::touchy::fuse() = 1;
    CHECK_THROWS_AS((void)tx.push(item), std::runtime_error);
    CHECK(tx.size() == 0);
    CHECK(tx.push(item));
    CHECK(tx.push(support::touchy(2)));
    support::touchy::fuse() = 1;
    CHECK_THROWS_AS((void)rx.pop(), std::runtime_error);
    CHECK(rx.size() == 2);
    CHECK(rx.pop()->value == 1);
    CHECK(rx.pop()->value == 2);
}

TEST_CASE("a moved-from end answers as a closed, empty channel") {
    auto [tx, rx] = make_channel<int>(4);
    auto tx2 = std::move(tx);
    auto rx2 = std::move(rx);
    CHECK(tx.push(1).error().status() == status::closed);
    CHECK(tx.try_push(1).error().status() == status::closed);
    CHECK(rx.pop().error().status() == status::closed);
    CHECK(rx.try_pop().error().status() == status::closed);
    CHECK(rx.ended()->status() == status::closed);
    CHECK(tx.size() == 0);
    CHECK(tx.capacity() == 0);
    CHECK(tx.is_closed());
    CHECK(!tx.close());
    CHECK(!tx.close(cause("x")));
    CHECK(!rx.abort(cause("x")));
    CHECK(tx.recover().empty());
    CHECK(!tx.cause());
    tx.finish();
    const auto copy = tx;
    CHECK(copy.is_closed());
    CHECK(!tx2.is_closed());
    tx2.finish();
}

TEST_CASE("one place that pushes through many senders returns for each what holds for it") {
    const auto send = [](auto& to, std::source_location site) { return to.push(1, site); };
    const auto here = std::source_location::current();
    auto [tx, rx] = make_channel<int>(16);
    auto other = tx;
    for (const auto& site : {here, std::source_location{}}) {
        auto mine = tx;
        CHECK(send(mine, site));
        CHECK(send(mine, site));
        auto its = std::move(mine);
        CHECK(send(mine, site).error().status() == status::closed); // NOLINT(bugprone-use-after-move)
        CHECK(send(its, site));
        its.finish();
        CHECK(send(its, site).error().status() == status::closed);
        auto copy = its;
        CHECK(send(copy, site).error().status() == status::closed);
        its = other;
        CHECK(send(its, site));
        its.finish();
    }
    other.finish();
    tx.finish();
    CHECK(rx.size() == 8);
}

TEST_CASE("a sender that is finished while it pushes takes nothing after that") {
    for (support::rounds rounds(2000); rounds.another();) {
        auto [tx, rx] = make_channel<int>(64);
        auto other = tx; // keeps it open
        const auto send = [&out = tx] { return out.push(1).has_value(); };
        std::atomic<int> accepted{0};
        {
            std::jthread pushing([&] {
                for (int i = 0; i < 8; ++i) accepted += send();
            });
            tx.finish();
        }
        CHECK(!send());
        CHECK(rx.size() == static_cast<std::size_t>(accepted));
        other.finish();
    }
}

TEST_CASE("whoever sees it closed sees what the one who closed it had done before") {
    for (support::rounds rounds(500); rounds.another();) {
        auto [tx, rx] = make_channel<int>(1);
        int plain = 0;
        std::jthread closing([&] {
            plain = 1;
            tx.close();
        });
        while (!rx.is_closed()) std::this_thread::yield();
        CHECK(plain == 1);
    }
}

TEST_CASE("assignment lets go of the end held before") {
    auto [tx, rx] = make_channel<int>(1);
    auto [tx2, rx2] = make_channel<int>(1);
    tx.finish();
    tx = tx2;
    rx = rx2;
    CHECK(tx.push(1));
    CHECK(rx.pop().value() == 1);
    auto& self = tx;
    tx = self;
    CHECK(tx.push(2));
    tx.finish();
    tx2.finish();
    CHECK(rx2.pop().value() == 2);
    CHECK(rx2.pop().error().status() == status::complete);
}

TEST_CASE("destroying a channel wakes whoever is blocked in it, and waits until they have left") {
    for (support::rounds rounds(500); rounds.another();) {
        auto queue = std::make_unique<inquest::channel<int>>(1);
        CHECK(queue->push(1));
        auto* q = queue.get();
        std::jthread producer([q] { CHECK(q->push(2).error().cause().kind() == cause_kind::destroyed); });
        wait_for_blocked(*q);
        queue.reset();
    }
}

TEST_CASE("more blocked threads than slots: no wake-up is lost at capacity 1") {
    for (const int side : {2, 4}) {
        auto [tx, rx] = make_channel<int>(1);
        std::atomic<long> pushed{0}, sum{0};
        {
            std::vector<std::jthread> threads;
            for (int p = 0; p < side; ++p)
                threads.emplace_back([&pushed, tx]() mutable {
                    for (support::rounds rounds(5000); rounds.another(); pushed += rounds.number())
                        CHECK(tx.push(rounds.number()));
                    tx.finish();
                });
            for (int c = 0; c < side; ++c)
                threads.emplace_back([&sum, rx]() mutable {
                    while (auto item = rx.pop()) sum += *item;
                    CHECK(rx.ended()->status() == status::complete);
                });
            tx.finish();
        }
        CHECK(sum == pushed);
    }
}

TEST_CASE("one producer's items keep their order, at capacity 3") {
    auto [tx, rx] = make_channel<int>(3);
    std::atomic<int> pushed{0};
    std::jthread producer([&pushed, out = std::move(tx)]() mutable {
        for (support::rounds rounds(100'000); rounds.another(); ++pushed) CHECK(out.push(pushed.load()));
        out.finish();
    });
    int expected = 0;
    while (auto item = rx.pop()) {
        if (*item != expected) FAIL("out of order");
        ++expected;
    }
    CHECK(expected == pushed);
}

TEST_CASE("many to many: each item exactly once") {
    auto [tx, rx] = make_channel<int>(3);
    constexpr int n = 25'000;
    std::vector<std::atomic<int>> left(n); // pushed, and not popped
    {
        std::vector<std::jthread> threads;
        for (int p = 0; p < 4; ++p)
            threads.emplace_back([&left, tx]() mutable {
                int i = 0;
                for (support::rounds rounds(n); rounds.another(); ++i) {
                    ++left[static_cast<std::size_t>(i)];
                    CHECK(tx.push(i));
                }
                tx.finish();
            });
        for (int c = 0; c < 4; ++c)
            threads.emplace_back([&left, rx]() mutable {
                while (auto item = rx.pop()) --left[static_cast<std::size_t>(*item)];
            });
        tx.finish();
    }
    CHECK(std::ranges::all_of(left, [](const auto& one) { return one == 0; }));
}

TEST_CASE("a call that is blocked may be overtaken by newcomers, but not without bound") {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<bool> enough{false};
    std::vector<std::jthread> busy;
    for (int p = 0; p < 2; ++p)
        busy.emplace_back([&, tx]() mutable {
            while (!enough) (void)tx.push_for(0, std::chrono::seconds(10));
            tx.finish();
        });
    long most = 0;
    for (support::rounds rounds(100); rounds.another();) {
        std::jthread patient([mine = tx]() mutable {
            CHECK(mine.push(1));
            mine.finish();
        });
        long overtaken = 0;
        while (rx.pop().value() == 0) ++overtaken;
        most = std::max(most, overtaken);
    }
    // A waiter that has been woken and lost the race is first in line again. Where it lost its place each time,
    // or newcomers were let by for ever, this would not end. Tens of thousands go by in the time slices that it waits
    // for a processor, which two who are always running do not need to.
    CAPTURE(most);
    CHECK(most < 5'000'000);
    enough = true;
    tx.finish();
    while (rx.pop()) {
    }
}

TEST_CASE("an end of a channel travels through a channel") {
    auto [tx, rx] = make_channel<inquest::sender<int>>(1);
    auto [itx, irx] = make_channel<int>(1);
    CHECK(tx.push(std::move(itx)));
    {
        auto got = rx.pop();
        REQUIRE(got);
        CHECK(got->push(1));
        got->finish();
    }
    CHECK(irx.pop().value() == 1);
    CHECK(irx.pop().error().status() == status::complete);
    tx.finish();
}

TEST_CASE("a cause that lost is destroyed outside the lock, so its error may look at the channel") {
    auto [tx, rx] = make_channel<int>(1);
    struct nosy {
        inquest::sender<int>* end;
        std::string message() const { return "nosy"; }
        ~nosy() { (void)end->size(); }
    };
    CHECK(tx.abort(cause("first")));
    CHECK(!tx.abort(cause(nosy{&tx})));
    CHECK(!tx.close(cause(nosy{&tx})));
}

TEST_CASE(
    "close with a cause after close or finish: the stream becomes truncated, where nothing failed before") {
    auto [tx, rx] = make_channel<int>(2);
    CHECK(tx.push(1));
    tx.finish();
    CHECK(tx.close(cause("found out later")));
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().error().message() == "truncated: found out later");
}

TEST_CASE("recover of a stream that was delivered to its end leaves it complete") {
    auto [tx, rx] = make_channel<int>(2);
    CHECK(tx.push(1));
    tx.finish();
    CHECK(rx.pop().value() == 1);
    CHECK(tx.recover().empty());
    CHECK(rx.pop().error().status() == status::complete);
}

} // namespace channel
