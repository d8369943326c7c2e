// The guide's samples, compiled and run.
#include "support/support.hpp"

#include <inquest/flusher.hpp>
#include <inquest/pipeline.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace guide {

using namespace std::chrono_literals;

namespace {

struct row {
    int id = 0;
};

//! [a worker's function]
std::expected<int, std::error_code> store(inquest::receiver<row>& rows) {
    int stored = 0;
    while (auto next = rows.pop()) {
        if (next->id == 13) return std::unexpected(std::make_error_code(std::errc::no_space_on_device));
        ++stored;
    }
    return stored;
}
//! [a worker's function]

//! [why a push failed]
std::expected<int, inquest::failure<std::error_code>> import_rows(const std::vector<row>& rows) {
    auto [tx, rx] = inquest::make_channel<row>(4);
    auto worker = inquest::spawn("store", std::move(rx), store);
    for (const row& each : rows)
        if (auto sent = tx.push(each); !sent) // the worker has ended
            return std::unexpected(resolve(tx, worker, sent.error()));
    tx.finish();
    return std::move(worker).join();
}
//! [why a push failed]

std::vector<row> rows(int n) {
    std::vector<row> made(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) made[static_cast<std::size_t>(i)].id = i + 1;
    return made;
}

//! [how the stream ended]
std::expected<int, std::string> count(inquest::receiver<row>& rows) {
    int n = 0;
    for ([[maybe_unused]] row& each : rows) ++n;
    if (const auto end = rows.outcome(); !end) return std::unexpected(end.error().message());
    return n;
}
//! [how the stream ended]

} // namespace

TEST_CASE("the guide: ends") {
    //! [ends]
    auto [tx, rx] = inquest::make_channel<std::string>(16); // at most 16 are queued
    inquest::sender<std::string> another = tx;              // counted: the stream goes on while one is left
    std::jthread producer([mine = std::move(another)]() mutable {
        if (mine.push("from a thread")) mine.finish(); // all was pushed
    });
    CHECK(tx.push("from here"));
    tx.finish();
    int lines = 0;
    while (auto line = rx.pop()) ++lines;                     // until the stream ends
    CHECK(rx.ended()->status() == inquest::status::complete); // and not broken off
    //! [ends]
    CHECK(lines == 2);
}

TEST_CASE("the guide: a channel used by reference") {
    //! [by reference]
    inquest::channel<int> queue(16); // no ends: as old code has its queue, a member or a global
    std::jthread producer([&] {
        for (int i = 0; i < 3; ++i)
            if (!queue.push(i)) return;
        queue.close();
    });
    int sum = 0;
    while (auto item = queue.pop()) sum += *item;
    //! [by reference]
    CHECK(sum == 3);
}

TEST_CASE("the guide: why a push failed") {
    CHECK(import_rows(rows(10)).value() == 10);
    const auto failed = import_rows(rows(100));
    REQUIRE_FALSE(failed);
    //! [a failure]
    const inquest::failure<std::error_code>& why = failed.error();
    CHECK(*why.error() == std::errc::no_space_on_device); // the worker's own error
    CHECK(why.cause().worker() == "store");
    CHECK(why.cause().items()->last == 13); // it was working on
    CHECK(why.message() == "worker 'store' failed on item 13: No space left on device");
    //! [a failure]
}

TEST_CASE("the guide: a producer that leaves") {
    //! [a producer that leaves]
    auto [tx, rx] = inquest::make_channel<row>(4);
    auto worker = inquest::spawn("count", std::move(rx), count);
    {
        auto mine = std::move(tx);
        CHECK(mine.push(row{1}));
    } // destroyed without finish: the stream is truncated, and the worker knows
    const std::string said = worker.join().error().message();
    //! [a producer that leaves]
    CHECK(said.starts_with("worker 'count' failed after item 1: producer left without finish"));
}

TEST_CASE("the guide: many workers") {
    const auto all = rows(100);
    const auto feed = [&]() -> std::expected<void, inquest::failure<std::error_code>> {
        //! [many workers]
        auto [tx, rx] = inquest::make_channel<row>(16);
        std::vector<inquest::worker<int, std::error_code>> workers;
        {
            const auto announced = rx.announce_workers(4); // it does not close before all four are there
            for (int i = 0; i < 4; ++i) workers.push_back(inquest::spawn("store", rx, store));
        }
        for (const row& each : all)
            if (auto sent = tx.push(each); !sent)
                return std::unexpected(resolve_first(tx, workers, sent.error())); // the one that failed first
        tx.finish();
        if (auto failed = inquest::report(workers)) return std::unexpected(*failed);
        return {};
        //! [many workers]
    };
    const auto failed = feed();
    REQUIRE_FALSE(failed);
    CHECK(*failed.error().error() == std::errc::no_space_on_device);
}

TEST_CASE("the guide: a pool") {
    const auto feed =
        [](const std::vector<row>& all) -> std::expected<int, inquest::failure<std::error_code>> {
        //! [a pool]
        auto pool = inquest::make_pool<row>({.name = "store", .workers = 4, .capacity = 16}, store);
        for (const row& each : all)
            if (auto sent = pool.push(each); !sent) return std::unexpected(sent.error()); // the workers' own
        const auto stored = pool.finish();                                                // of each worker
        if (!stored) return std::unexpected(stored.error());
        return std::accumulate(stored->begin(), stored->end(), 0);
        //! [a pool]
    };
    CHECK(feed(rows(10)).value() == 10);
    CHECK(*feed(rows(100)).error().error() == std::errc::no_space_on_device);
}

TEST_CASE("the guide: leasing") {
    const std::vector<row> all = rows(100);
    std::vector<int> bad;
    std::vector<row> left;
    //! [leasing]
    auto pool = inquest::make_pool<row>(
        {.name = "store", .workers = 4, .capacity = 16},
        [](inquest::leasing_receiver<row>& in) -> std::expected<void, std::error_code> {
            for (const row& next : in)
                if (next.id == 13) return std::unexpected(std::make_error_code(std::errc::invalid_argument));
            return {};
        });
    const auto store_all = [&]() -> std::expected<void, inquest::failure<std::error_code>> {
        for (const row& each : all)
            if (auto sent = pool.push(each); !sent) return std::unexpected(sent.error());
        return pool.finish(); // it may fail on the last rows, too
    };
    if (auto stored = store_all(); !stored) {
        std::cerr << stored.error().details() << '\n';
        pool.recover([&](row&& back, const inquest::item_origin& from) {
            if (from.state == inquest::item_state::in_hand)
                bad.push_back(back.id);
            else
                left.push_back(back);
        });
    }
    //! [leasing]
    CHECK(bad == std::vector{13});
    const auto counts = pool.ledger();
    CHECK(counts.pushed == counts.popped + counts.recovered);
    CHECK(counts.recovered == left.size() + 1);
}

TEST_CASE("the guide: stages") {
    //! [stages]
    auto [lines_in, lines] = inquest::make_channel<std::string>(4);
    auto [numbers_in, numbers] = inquest::make_channel<int>(4);
    auto parser = inquest::spawn("parse", std::move(lines), std::move(numbers_in),
                                 [](inquest::receiver<std::string>& in, inquest::sender<int>& out) {
                                     for (const std::string& line : in)
                                         if (!out.push(std::stoi(line))) return; // which may throw
                                 });
    auto adder = inquest::spawn("add", std::move(numbers), [](inquest::receiver<int>& in) {
        long sum = 0;
        for (const int n : in) sum += n;
        return sum;
    });
    for (const char* line : {"1", "2", "three", "4"})
        if (!lines_in.push(line)) break; // parse is gone
    lines_in.finish();
    const auto failed = inquest::report(parser, adder); // the one that failed first
    CHECK(failed->message() == "worker 'parse' failed on item 3: std::invalid_argument: stoi");
    //! [stages]
    CHECK(adder.join().error().message() ==
          "worker 'add' ended on a broken stream after item 2: worker 'parse' failed on item 3: "
          "std::invalid_argument: stoi");
}

TEST_CASE("the guide: a pipeline") {
    const std::vector<std::string> input{"1", "2", "three", "4"};
    //! [a pipeline]
    const auto parse = [](const std::string& line) -> std::expected<int, std::string> {
        if (line.find_first_not_of("0123456789") != line.npos)
            return std::unexpected("not a number: " + line);
        return std::stoi(line);
    };
    auto next = input.begin();
    const auto done = inquest::make_pipeline(
                          "read", [&] { return next == input.end() ? std::nullopt : std::optional(*next++); })
                          .stage({.name = "parse", .parallelism = 4, .ordered = true}, parse)
                          .sink("add",
                                [](inquest::receiver<int>& numbers) {
                                    long sum = 0;
                                    for (const int n : numbers) sum += n;
                                    return sum;
                                })
                          .run();
    if (!done)
        std::cout << done.error().message()
                  << '\n'; // worker 'read > parse-1' failed on item 3: not a number: three
    //! [a pipeline]
    CHECK(done.error().message().ends_with(" failed on item 3: not a number: three"));
}

TEST_CASE("the guide: a flusher") {
    std::vector<std::string> file;
    const auto write = [&](std::span<std::string> batch) -> std::expected<void, std::error_code> {
        if (file.size() + batch.size() > 5)
            return std::unexpected(std::make_error_code(std::errc::no_space_on_device));
        file.insert(file.end(), batch.begin(), batch.end());
        return {};
    };
    //! [a flusher]
    auto log = inquest::make_flusher<std::string>({.name = "log", .capacity = 100, .batch = 3}, write);
    for (const char* line : {"one", "two", "three", "four"}) CHECK(log.push(line));
    CHECK(log.flush()); // these are written now
    CHECK(log.push("five"));
    CHECK(log.push("six"));
    if (const auto done = log.finish(); !done) {
        std::cout << done.error().message()
                  << '\n'; // worker 'log' failed on items 5 to 6: No space left on device
        const inquest::unwritten<std::string> left = log.recover(); // left.batch: five, six
        CHECK(left.batch.size() == 2);
        CHECK(done.error().message().starts_with("worker 'log' failed on items 5 to 6: "));
    }
    //! [a flusher]
    CHECK(file.size() == 4);
}

namespace {

/// One that loses the answer to its second commit, and has done it.
class database {
  public:
    void begin(std::span<const int> rows, std::uint64_t batch) {
        begun_ = {batch, std::vector<int>(rows.begin(), rows.end())};
    }
    bool commit() {
        batches_.insert(begun_);
        return ++commits_ != 2;
    }
    bool has(std::uint64_t batch) const { return batches_.contains(batch); }
    std::vector<int> rows() const {
        std::vector<int> all;
        for (const auto& [number, rows] : batches_) all.insert(all.end(), rows.begin(), rows.end());
        return all;
    }

  private:
    std::pair<std::uint64_t, std::vector<int>> begun_;
    std::map<std::uint64_t, std::vector<int>> batches_;
    int commits_ = 0;
};

} // namespace

TEST_CASE("the guide: a batch in doubt") {
    database db;
    //! [in doubt]
    const auto write = [&](std::span<int> rows,
                           inquest::batch_commit& commit) -> std::expected<void, std::string> {
        db.begin(rows, commit.number()); // the number is in the transaction
        commit.sent();
        if (!db.commit()) return std::unexpected("connection lost"); // before that came there, or after?
        commit.answered();
        return {};
    };
    auto store = inquest::make_flusher<int>({.name = "store", .capacity = 10, .batch = 2}, write);
    int row = 1;
    while (row <= 6 && store.push(row)) ++row;
    if (!store.finish()) {
        auto left = store.recover();
        if (left.in_doubt && db.has(left.number)) { // it came there
            left.batch.clear();
            ++left.number;
        }
        auto rest = inquest::make_flusher<int>(
            {.name = "store", .capacity = 10, .batch = 2, .first_batch = left.number}, write);
        for (const int back : left.batch) CHECK(rest.push(back));
        for (const int back : left.queued) CHECK(rest.push(back));
        for (; row <= 6; ++row) CHECK(rest.push(row)); // the one that was refused, and those behind it
        CHECK(rest.finish());
    }
    //! [in doubt]
    CHECK(db.rows() == std::vector<int>{1, 2, 3, 4, 5, 6}); // each once
}

TEST_CASE("the guide: a job") {
    inquest::channel<row> queue(4);
    CHECK(queue.push(row{1}));
    queue.close();
    //! [a job]
    auto on_a_thread_of_yours = std::async(std::launch::async, [&] {
        return inquest::run_job("store", queue, store); // as a worker, on this thread
    });
    //! [a job]
    CHECK(on_a_thread_of_yours.get().value() == 1);
}

TEST_CASE("the guide: waiting") {
    //! [waiting]
    auto [tx, rx] = inquest::make_channel<int>(1);
    CHECK(tx.push(1));
    CHECK(tx.try_push(2).error().status() == inquest::status::full);         // at once
    CHECK(tx.push_for(2, 1ms).error().status() == inquest::status::timeout); // a while
    std::stop_source stop;
    stop.request_stop();
    CHECK(tx.push(2, stop.get_token()).error().status() == inquest::status::stopped); // until told
    //! [waiting]
}

TEST_CASE("the guide: what a worker is doing") {
    //! [still running]
    inquest::channel<int> queue({.capacity = 4, .name = "numbers"});
    auto worker = inquest::spawn("sum", queue, [](inquest::receiver<int>& numbers) {
        int sum = 0;
        while (auto n = numbers.pop()) sum += *n;
        return std::expected<int, std::string>(sum);
    });
    if (auto result = worker.join_for(1ms); !result)
        std::cout << result.error().message()
                  << '\n'; // worker 'sum' still waiting in pop of 'numbers' (1 ms)
    //! [still running]
    CHECK(queue.push(1));
    CHECK(queue.close());
    CHECK(worker.join().value() == 1);
}

TEST_CASE("the guide: shutdown") {
    const support::caught_hook quiet;
    //! [shutdown]
    inquest::channel<row> queue(100);
    auto worker =
        inquest::spawn("store", queue, [](const std::stop_token& stop, inquest::receiver<row>& rows) {
            while (!stop.stop_requested() && rows.pop()) {
            }
        });
    worker.request_stop(); // its pop ends `stopped`; items stay queued
    worker.wait();
    const std::vector<row> left = queue.recover(); // what nobody popped
    //! [shutdown]
    CHECK(left.empty());
}

TEST_CASE("the guide: what nobody asked for") {
    std::string log;
    //! [hook]
    const auto before = inquest::set_failure_hook([&](const inquest::cause& why) { log += why.message(); });
    {
        auto worker = inquest::spawn(
            "store", []() -> std::expected<void, std::string> { return std::unexpected("disk full"); });
    } // nobody asked it: the hook is told
    inquest::set_failure_hook(before);
    CHECK(log == "worker 'store' failed: disk full");
    //! [hook]
}

} // namespace guide
