// Flushers: when a batch is written, what flush waits for, and what is handed back.
#include "support/support.hpp"

#include <inquest/flusher.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace flusher {

using inquest::cause_kind;
using inquest::make_flusher;
using inquest::overflow;
using namespace std::chrono_literals;

namespace {

using batches = std::vector<std::vector<int>>;
using outcome = std::expected<void, std::string>;

/// What was written, and what is to happen to the batch with this number, from 1.
struct disk {
    std::mutex guard{};
    batches written{};
    int full_at = 0;
    std::atomic<bool> may_write{true};

    auto writer() {
        return [this](std::span<int> batch) -> outcome {
            support::wait_for("the disk", [&] { return may_write.load(); });
            const std::lock_guard lock(guard);
            if (static_cast<int>(written.size()) + 1 == full_at) return std::unexpected("disk full");
            written.emplace_back(batch.begin(), batch.end());
            return {};
        };
    }
    batches all() {
        const std::lock_guard lock(guard);
        return written;
    }
    std::vector<int> items() {
        std::vector<int> flat;
        for (const auto& one : all()) flat.insert(flat.end(), one.begin(), one.end());
        return flat;
    }
};

std::vector<int> numbers(int first, int last) {
    std::vector<int> all(static_cast<std::size_t>(last - first + 1));
    std::iota(all.begin(), all.end(), first);
    return all;
}

/// In their order.
template <class T>
std::vector<T> all_of(inquest::unwritten<T> left) {
    std::ranges::move(left.queued, std::back_inserter(left.batch));
    return std::move(left.batch);
}

constexpr auto never = 1h;

} // namespace

TEST_CASE("a batch is written when it is full, by count") {
    disk to;
    auto log = make_flusher<int>({.name = "log", .capacity = 4, .batch = 3, .linger = never}, to.writer());
    for (int i = 1; i <= 7; ++i) CHECK(log.push(i));
    support::wait_for("two batches", [&] { return to.all().size() == 2; });
    CHECK(to.all() == batches{{1, 2, 3}, {4, 5, 6}});
    CHECK(log.finish());
    CHECK(to.all() == batches{{1, 2, 3}, {4, 5, 6}, {7}});
}

TEST_CASE("by bytes: as soon as there are so many") {
    disk to;
    auto log = make_flusher<int>({.name = "log",
                                  .capacity = 8,
                                  .batch = 100,
                                  .linger = never,
                                  .bytes = 10,
                                  .size_of = [](const int& i) { return static_cast<std::size_t>(i); }},
                                 to.writer());
    for (const int i : {4, 5, 1, 9, 3, 30, 2}) CHECK(log.push(i));
    CHECK(log.finish());
    CHECK(to.all() == batches{{4, 5, 1}, {9, 3}, {30}, {2}});
}

TEST_CASE("by age: the oldest item waits no longer than that") {
    disk to;
    auto log = make_flusher<int>({.name = "log", .capacity = 8, .batch = 100, .linger = 20ms}, to.writer());
    const auto begun = std::chrono::steady_clock::now();
    CHECK(log.push(1));
    support::wait_for("the age", [&] { return to.all().size() == 1; });
    CHECK(std::chrono::steady_clock::now() - begun >= 20ms);
    CHECK(to.all() == batches{{1}});
    CHECK(log.finish());
    CHECK(to.all().size() == 1); // nothing is written of nothing
}

TEST_CASE("items that keep coming do not put a batch off") {
    disk to;
    auto log =
        make_flusher<int>({.name = "log", .capacity = 10'000, .batch = 10'000, .linger = 20ms}, to.writer());
    int pushed = 0;
    while (to.all().empty() && pushed < 5000) {
        CHECK(log.push(++pushed));
        std::this_thread::sleep_for(1ms);
    }
    CHECK(pushed < 5000);
    CHECK(log.finish());
    CHECK(to.items() == numbers(1, pushed));
}

TEST_CASE("flush returns once all that was pushed before is written, and not before") {
    disk to;
    auto log = make_flusher<int>({.name = "log", .capacity = 100, .batch = 10, .linger = never}, to.writer());
    CHECK(log.flush()); // of nothing
    for (int i = 1; i <= 25; ++i) CHECK(log.push(i));
    CHECK(log.flush());
    CHECK(to.items() == numbers(1, 25));
    to.may_write = false;
    CHECK(log.push(26));
    CHECK(log.flush_for(5ms).value() == false);
    CHECK(to.items() == numbers(1, 25));
    to.may_write = true;
    CHECK(log.flush());
    CHECK(to.items() == numbers(1, 26));
    CHECK(log.flush_for(0ms).value() == true);
}

TEST_CASE("many threads push and flush at once: each finds its own items written") {
    std::mutex guard;
    std::vector<int> written;
    auto log = make_flusher<int>({.name = "log", .capacity = 3, .batch = 4, .linger = never},
                                 [&](std::span<int> batch) {
                                     const std::lock_guard lock(guard);
                                     written.insert(written.end(), batch.begin(), batch.end());
                                 });
    std::vector<std::jthread> threads;
    std::atomic<int> missing{0};
    const int rounds = support::stress(200);
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < rounds; ++i) {
                const int mine = t * 1000 + i;
                if (!log.push(mine) || !log.flush()) ++missing;
                const std::lock_guard lock(guard);
                if (std::ranges::find(written, mine) == written.end()) ++missing;
            }
        });
    threads.clear();
    CHECK(missing == 0);
    CHECK(log.finish());
    CHECK(written.size() == static_cast<std::size_t>(4 * rounds));
}

TEST_CASE("a batch that can't be written is handed back with what was queued, and everybody is told why") {
    support::caught_hook hook;
    disk to;
    to.full_at = 2;
    auto log = make_flusher<int>({.name = "log", .capacity = 4, .batch = 3, .linger = never}, to.writer());
    to.may_write = false;
    std::vector<int> refused;
    for (int i = 1; i <= 7; ++i) CHECK(log.push(i)); // three in hand, and four queued
    to.may_write = true;
    const auto flushed = log.flush();
    REQUIRE(!flushed);
    CHECK(flushed.error().message() == "worker 'log' failed on items 4 to 6: disk full");
    CHECK(*flushed.error().error() == "disk full");
    int eight = 8;
    const auto sent = log.push(std::move(eight));
    CHECK(sent.error().cause() == flushed.error().cause());
    CHECK(log.flush().error().cause() == flushed.error().cause());
    CHECK(log.finish().error().cause() == flushed.error().cause());
    CHECK(to.all() == batches{{1, 2, 3}});
    const auto left = log.recover();
    CHECK(left.batch == std::vector<int>{4, 5, 6});
    CHECK(left.queued == std::vector<int>{7});
    CHECK(left.number == 2);
    CHECK(!left.in_doubt);
    const auto nothing = log.recover();
    CHECK(nothing.batch.empty());
    CHECK(nothing.queued.empty());
    CHECK(nothing.number == 2);
    CHECK(hook.seen().empty());
}

TEST_CASE("a failure while somebody waits in flush, or for room, ends the wait with it") {
    for (const bool flushes : {true, false}) {
        disk to;
        to.full_at = 1;
        to.may_write = false;
        auto log = make_flusher<int>({.name = "log", .capacity = 1, .batch = 1}, to.writer());
        CHECK(log.push(1));
        std::jthread later([&] {
            std::this_thread::sleep_for(1ms);
            to.may_write = true;
        });
        if (flushes) {
            CHECK(log.flush().error().message() == "worker 'log' failed on item 1: disk full");
        } else {
            for (;;)
                if (const auto sent = log.push(2); !sent) {
                    CHECK(sent.error().message() == "worker 'log' failed on item 1: disk full");
                    break;
                }
        }
        CHECK(log.recover().batch.front() == 1);
    }
}

TEST_CASE("what the function throws is rethrown by push and finish, and the items are handed back") {
    auto log = make_flusher<std::unique_ptr<int>>(
        {.name = "log", .capacity = 4, .batch = 2, .linger = never},
        [](std::span<std::unique_ptr<int>>) { throw support::bad_frame("torn", 1); });
    CHECK(log.push(std::make_unique<int>(1)));
    CHECK(log.push(std::make_unique<int>(2)));
    CHECK_THROWS_AS((void)log.finish(), support::bad_frame);
    CHECK(log.flush().error().cause().kind() == cause_kind::exception);
    const auto left = log.recover().batch;
    REQUIRE(left.size() == 2);
    CHECK(*left[0] == 1);
    CHECK(*left[1] == 2);
}

TEST_CASE("an input that broke off is not written as if it were whole, but handed back") {
    for (const std::string how : {"closed with a cause", "stopped"}) {
        CAPTURE(how);
        const support::caught_hook hook;
        disk to;
        auto log =
            make_flusher<int>({.name = "log", .capacity = 10, .batch = 3, .linger = never}, to.writer());
        for (int i = 1; i <= 5; ++i) CHECK(log.push(i));
        support::wait_for("the first batch", [&] { return to.all().size() == 1 && log.size() == 0; });
        if (how == "stopped")
            log.request_stop();
        else
            CHECK(log.close(inquest::cause("producer crashed")));
        CHECK(!log.finish());
        CHECK(to.all() == batches{{1, 2, 3}});
        const auto left = log.recover();
        CHECK(left.batch == std::vector<int>{4, 5});
        CHECK(left.number == 2);
    }
}

TEST_CASE("what a stopped flusher has in hand, and nobody asks for, is reported") {
    support::caught_hook hook;
    for (const bool recovers : {true, false}) {
        {
            disk to;
            auto log =
                make_flusher<int>({.name = "log", .capacity = 10, .batch = 3, .linger = never}, to.writer());
            for (int i = 1; i <= 2; ++i) CHECK(log.push(i));
            support::wait_for("both to be taken", [&] { return log.size() == 0; });
            log.request_stop();
            CHECK(!log.flush());
            if (recovers) CHECK(log.recover().batch.size() == 2);
        }
        CHECK(hook.seen().empty() == recovers);
    }
    CHECK(hook.seen() ==
          std::vector<std::string>{"flusher 'log' has ended with 2 items in hand, not written"});
}

TEST_CASE("a batch whose commit got no answer is handed back in doubt, however the function ended") {
    enum class end { error, exception, thread };
    for (const auto how : {end::error, end::exception, end::thread})
        for (const bool sent : {true, false})
            for (const bool answered : {true, false}) {
                CAPTURE(static_cast<int>(how));
                CAPTURE(sent);
                CAPTURE(answered);
                std::vector<std::uint64_t> begun;
                auto log = make_flusher<int>(
                    {.name = "log", .capacity = 10, .batch = 2, .linger = never, .first_batch = 7},
                    [&](std::span<int>, inquest::batch_commit& commit) -> outcome {
                        begun.push_back(commit.number());
                        const bool fails = commit.number() == 8;
                        if (sent || !fails) commit.sent();
                        if (!fails) return {}; // what it has not said is answered by that
                        if (answered) commit.answered();
                        if (how == end::exception) throw support::bad_frame("torn", 8);
                        if (how == end::thread) pthread_exit(nullptr);
                        return std::unexpected("no answer");
                    });
                for (int i = 1; i <= 4; ++i) CHECK(log.push(i));
                if (how == end::exception)
                    CHECK_THROWS_AS((void)log.finish(), support::bad_frame);
                else
                    CHECK(!log.finish());
                CHECK(log.flush().error().cause().items()->first == 3);
                CHECK(log.flush().error().cause().items()->last == 4);
                const auto left = log.recover();
                CHECK(begun == std::vector<std::uint64_t>{7, 8});
                CHECK(left.number == 8);
                CHECK(left.batch == std::vector<int>{3, 4});
                CHECK(left.in_doubt == (sent && !answered));
                CHECK(log.recover().in_doubt == left.in_doubt);
            }
}

TEST_CASE("one whose thread never started, or is at once ended, makes nobody wait") {
    const support::caught_hook hook;
    disk to;
    auto log = make_flusher<int>(
        {.name = "log", .capacity = 10, .batch = 3, .linger = never, .thread = {.processors = "none"}},
        to.writer());
    const bool accepted = log.push(1).has_value(); // before the thread has found out, or not
    const std::string why = "worker 'log' never started: processors: Invalid argument";
    if (accepted) CHECK(log.flush().error().message() == why);
    CHECK(log.finish().error().message() == why);
    const auto left = log.recover();
    CHECK(left.batch.empty());
    CHECK(left.queued.size() == (accepted ? 1 : 0));
    CHECK(left.number == 1);
}

TEST_CASE("a size that can't be told loses no item") {
    auto log = make_flusher<int>({.name = "log",
                                  .capacity = 10,
                                  .batch = 10,
                                  .linger = never,
                                  .bytes = 1000,
                                  .size_of = [](const int& i) -> std::size_t {
                                      if (i == 3) throw support::bad_frame("torn", 3);
                                      return 1;
                                  }},
                                 [](std::span<int>) {});
    for (int i = 1; i <= 5; ++i)
        if (!log.is_closed()) try {
                (void)log.push(i);
            } catch (const support::bad_frame&) {
            }
    CHECK_THROWS_AS((void)log.finish(), support::bad_frame);
    const auto left = all_of(log.recover());
    REQUIRE(left.size() >= 3);
    CHECK(left == numbers(1, static_cast<int>(left.size())));
}

TEST_CASE("without linger what is queued is taken, up to a batch, and nothing is waited for") {
    std::atomic<bool> begun{false}, go{false};
    std::vector<std::size_t> sizes;
    auto log = make_flusher<int>({.name = "log", .capacity = 1000, .batch = 500, .linger = 0ms},
                                 [&](std::span<int> batch) {
                                     begun = true;
                                     support::wait_for("the test", [&] { return go.load(); });
                                     sizes.push_back(batch.size());
                                 });
    CHECK(log.push(1));
    support::wait_for("the first batch", [&] { return begun.load(); });
    for (int i = 2; i <= 1000; ++i) CHECK(log.push(i));
    go = true;
    CHECK(log.finish());
    CHECK(sizes == std::vector<std::size_t>{1, 500, 499});
}

TEST_CASE("who waits for something else is told when the flusher fails") {
    std::atomic<bool> closed{false};
    auto log = make_flusher<int>({.name = "log", .capacity = 2, .batch = 1},
                                 [](std::span<int>) -> outcome { return std::unexpected("disk full"); });
    const auto registered = log.on_close([&](const inquest::pop_error&) { closed = true; });
    CHECK(log.push(1));
    support::wait_for("the failure", [&] { return closed.load(); });
    CHECK(log.flush().error().cause().text() == "disk full");
}

TEST_CASE("age and flush count while items come without a pause") {
    std::atomic<int> written{0}, over{0};
    auto log = make_flusher<int>({.name = "log",
                                  .capacity = 1000,
                                  .batch = 1'000'000,
                                  .linger = 10ms,
                                  .bytes = 1'000'000'000,
                                  .size_of =
                                      [](const int&) { // slower than the producer
                                          std::this_thread::sleep_for(50us);
                                          return std::size_t{1};
                                      }},
                                 [&](std::span<int> batch) { written += static_cast<int>(batch.size()); });
    std::jthread producer([&] {
        for (int i = 1; over == 0; ++i) (void)log.push(i);
    });
    support::wait_for("a batch that is old enough", [&] { return written > 0; });
    CHECK(log.flush());
    over = 1;
    producer.join();
    CHECK(log.finish());
}

TEST_CASE("the destructor writes what was pushed") {
    disk to;
    {
        auto log =
            make_flusher<int>({.name = "log", .capacity = 100, .batch = 7, .linger = never}, to.writer());
        for (int i = 1; i <= 40; ++i) CHECK(log.push(i));
        auto moved = std::move(log);
    }
    CHECK(to.items() == numbers(1, 40));
}

TEST_CASE("overflow: fail says so and keeps the item; drop_oldest counts what it destroys") {
    disk to;
    to.may_write = false;
    {
        auto log = make_flusher<std::unique_ptr<int>>(
            {.name = "log", .capacity = 2, .batch = 1, .overflow = overflow::fail},
            [&](std::span<std::unique_ptr<int>>) {
                support::wait_for("the disk", [&] { return to.may_write.load(); });
            });
        CHECK(log.push(std::make_unique<int>(1)));
        support::wait_for("the first batch", [&] { return log.size() == 0; });
        CHECK(log.push(std::make_unique<int>(2)));
        CHECK(log.push(std::make_unique<int>(3)));
        auto four = std::make_unique<int>(4);
        const auto sent = log.push(std::move(four));
        CHECK(sent.error().cause().kind() == cause_kind::not_pushed);
        CHECK(sent.error().message().starts_with("full, push at "));
        CHECK(*four == 4);
        to.may_write = true;
        CHECK(log.finish());
    }
    to.may_write = false;
    auto log = make_flusher<int>(
        {.name = "log", .capacity = 2, .batch = 1, .overflow = overflow::drop_oldest}, to.writer());
    CHECK(log.push(1));
    support::wait_for("the first batch", [&] { return log.size() == 0; });
    for (int i = 2; i <= 9; ++i) CHECK(log.push(i));
    CHECK(log.dropped() == 6);
    to.may_write = true;
    CHECK(log.flush());
    CHECK(to.items() == std::vector<int>{1, 8, 9});
    CHECK(log.finish());
    CHECK(!log.push(10));
}

TEST_CASE("dropped items that nobody has asked about are reported") {
    for (const int asks_after : {0, 3, 5}) { // how many are pushed before
        CAPTURE(asks_after);
        support::caught_hook hook;
        {
            disk to;
            to.may_write = false;
            auto made = make_flusher<int>(
                {.name = "log", .capacity = 1, .batch = 1, .overflow = overflow::drop_oldest}, to.writer());
            auto log = std::move(made); // what was moved from reports nothing
            CHECK(log.push(1));
            support::wait_for("the first batch", [&] { return log.size() == 0; });
            for (int i = 1; i <= 5; ++i) {
                CHECK(log.push(10 * i));
                if (i == asks_after) CHECK(log.dropped() == static_cast<std::uint64_t>(i - 1));
            }
            to.may_write = true;
        }
        using texts = std::vector<std::string>;
        if (asks_after == 0)
            CHECK(hook.seen() == texts{"flusher 'log' has dropped 4 items to make room, not written"});
        if (asks_after == 3)
            CHECK(hook.seen() == texts{"flusher 'log' has dropped 2 items to make room, not written"});
        if (asks_after == 5) CHECK(hook.seen().empty());
    }
}

TEST_CASE("asked from its own function, flush does not wait for itself") {
    std::atomic<bool> ready{false};
    std::string told;
    using its = inquest::flusher<int, inquest::no_error>;
    std::unique_ptr<its> log;
    log = std::make_unique<its>(
        make_flusher<int>({.name = "log", .capacity = 2, .batch = 1}, [&](std::span<int>) {
            support::wait_for("the handle", [&] { return ready.load(); });
            told = log->flush().error().message();
        }));
    ready = true;
    CHECK(log->push(1));
    CHECK(log->finish());
    CHECK(told == "asked from inside the flusher, so not waited for");
}

TEST_CASE("from its own function, push does not wait for room that only it could make") {
    std::atomic<bool> ready{false};
    std::vector<std::string> told;
    using its = inquest::flusher<int, inquest::no_error>;
    std::unique_ptr<its> log;
    log = std::make_unique<its>(
        make_flusher<int>({.name = "log", .capacity = 2, .batch = 1}, [&](std::span<int> batch) {
            support::wait_for("the handle", [&] { return ready.load(); });
            if (batch[0] != 1) return;
            for (int i = 2; i <= 4; ++i)
                if (const auto sent = log->push(i); !sent) told.push_back(sent.error().message());
        }));
    ready = true;
    CHECK(log->push(1));
    CHECK(log->flush());
    CHECK(log->finish());
    REQUIRE(told.size() == 1);
    CHECK(told[0].starts_with("full, push at "));
}

TEST_CASE("what is no flusher is refused") {
    const auto writes = [](std::span<int>) {};
    CHECK_THROWS_AS((void)make_flusher<int>({.capacity = 1, .batch = 1}, writes), std::invalid_argument);
    CHECK_THROWS_AS((void)make_flusher<int>({.name = "log", .batch = 1}, writes), std::invalid_argument);
    CHECK_THROWS_AS((void)make_flusher<int>({.name = "log", .capacity = 1}, writes), std::invalid_argument);
    CHECK_THROWS_AS((void)make_flusher<int>({.name = "log", .capacity = 1, .batch = 1, .bytes = 1}, writes),
                    std::invalid_argument);
    CHECK_THROWS_AS((void)make_flusher<int>({.name = "log", .capacity = 1, .batch = 1},
                                            std::function<void(std::span<int>)>()),
                    std::invalid_argument);
}

TEST_CASE("flushers are shut down at any moment, and none hangs") {
    support::rounds rounds(10'000, std::chrono::seconds(30));
    while (rounds.another()) {
        const int n = rounds.number();
        disk to;
        to.full_at = n % 4 == 0 ? 2 : 0;
        {
            auto log = make_flusher<int>({.name = "log",
                                          .capacity = static_cast<std::size_t>(1 + n % 3),
                                          .batch = static_cast<std::size_t>(1 + n % 5),
                                          .linger = never},
                                         to.writer());
            for (int i = 1; i <= n % 11; ++i)
                if (!log.push(i)) break;
            if (n % 3 == 0) (void)log.flush();
            if (n % 7 == 0) log.request_stop();
            if (n % 4 == 0 || n % 7 == 0) {
                (void)log.finish();
                const auto left = all_of(log.recover());
                auto all = to.items();
                all.insert(all.end(), left.begin(), left.end());
                CHECK(all == numbers(1, static_cast<int>(all.size())));
            }
        }
        if (n % 4 != 0 && n % 7 != 0) CHECK(to.items() == numbers(1, n % 11));
    }
}

} // namespace flusher
