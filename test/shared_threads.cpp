// Pipelines whose stages share threads: what each thread takes up next, how much is in flight, order, and every ending.
#include "support/source_and_sink.hpp"
#include "support/support.hpp"

#include <inquest/pipeline.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace shared_threads {

using inquest::cause_kind;
using inquest::make_pipeline;
using inquest::many;
using inquest::receiver;
using inquest::sender;
using inquest::stage_figures;
using support::counter;
using namespace std::chrono_literals;

namespace {

/// A sink's list.
struct collected {
    std::mutex guard{};
    std::vector<int> items{};
    auto sink() {
        return [this](int item) {
            const std::lock_guard lock(guard);
            items.push_back(item);
        };
    }
};

/// An item that is counted while it lives.
struct counted {
    counted(std::atomic<int>& all, int its) : living(&all), number(its) { ++*living; }
    counted(counted&& other) noexcept : counted(*other.living, other.number) {}
    counted& operator=(counted&&) = delete;
    ~counted() { --*living; }
    std::atomic<int>* living;
    int number;
};

} // namespace

TEST_CASE("every item comes to the end once, and in order if that is asked for") {
    for (const std::size_t threads : {1UL, 2UL, 5UL})
        for (const std::size_t parallelism : {1UL, 3UL})
            for (const std::size_t capacity : {1UL, 16UL})
                for (const bool ordered : {true, false}) {
                    CAPTURE(threads);
                    CAPTURE(parallelism);
                    CAPTURE(capacity);
                    CAPTURE(ordered);
                    const auto options = [&](const char* name) {
                        return inquest::stage_options{.name = name,
                                                      .parallelism = parallelism,
                                                      .ordered = ordered,
                                                      .capacity = capacity};
                    };
                    collected to;
                    REQUIRE(make_pipeline({.name = "count", .capacity = capacity}, counter(500))
                                .stage(options("slow"),
                                       [](int n) {
                                           if (n % 7 == 0) std::this_thread::yield();
                                           return n % 3 == 0 ? many<int>{} : many<int>{{n, n}};
                                       })
                                .stage(options("keep"),
                                       [](int n) {
                                           if (n % 11 == 0) std::this_thread::yield();
                                           return n % 5 == 0 ? std::nullopt : std::optional(n);
                                       })
                                .sink("collect", to.sink())
                                .run({}, {.threads = threads}));
                    std::vector<int> wanted;
                    for (int n = 1; n <= 500; ++n)
                        if (n % 3 != 0 && n % 5 != 0) wanted.insert(wanted.end(), 2, n);
                    if (!ordered && parallelism > 1) std::ranges::sort(to.items);
                    CHECK(to.items == wanted);
                }
}

TEST_CASE("an empty stream, and items that can only be moved") {
    int given = 0;
    CHECK(make_pipeline("count", counter(0)).sink("see", [&](int) { ++given; }).run({}, {.threads = 2}));
    CHECK(given == 0);
    int sum = 0;
    CHECK(make_pipeline(
              "make",
              [n = 0]() mutable { return n < 5 ? std::optional(std::make_unique<int>(++n)) : std::nullopt; })
              .stage("pass", [](std::unique_ptr<int> p) { return p; })
              .sink("sum",
                    [&, one = std::make_unique<int>(1)](const std::unique_ptr<int>& p) { sum += *p + *one; })
              .run({}, {.threads = 2}));
    CHECK(sum == 20);
}

TEST_CASE("one thread takes each item to the end before it begins with the next") {
    std::vector<std::string> steps;
    const auto note = [&](const char* stage, int n) { steps.push_back(stage + std::to_string(n)); };
    CHECK(make_pipeline("read",
                        [&, n = 0]() mutable -> std::optional<int> {
                            if (n == 2) return std::nullopt;
                            note("read", ++n);
                            return n;
                        })
              .stage("split",
                     [&](int n) {
                         note("split", n);
                         return many<int>{{10 * n, 10 * n + 1}};
                     })
              .sink("store", [&](int n) { note("store", n); })
              .run({}, {.threads = 1}));
    CHECK(steps == std::vector<std::string>{"read1", "split1", "store10", "store11", "read2", "split2",
                                            "store20", "store21"});
}

TEST_CASE("a stage has as many threads at once as its parallelism, each with a copy of its function") {
    for (const std::size_t threads : {2UL, 3UL, 6UL}) {
        CAPTURE(threads);
        std::atomic<int> inside{0}, most{0};
        std::atomic<bool> shared{false};
        CHECK(make_pipeline("count", counter(300))
                  .stage("pass", 3,
                         [&, busy = false](int n) mutable {
                             if (std::exchange(busy, true)) shared = true;
                             most = std::max(most.load(), ++inside);
                             if (n == 1)
                                 support::wait_for("the others", [&] {
                                     return most >= static_cast<int>(std::min(threads, 3UL));
                                 });
                             std::this_thread::yield();
                             --inside;
                             busy = false;
                             return n;
                         })
                  .sink("forget", [](int) {})
                  .run({}, {.threads = threads}));
        CHECK(!shared);
        CHECK(most == static_cast<int>(std::min(threads, 3UL)));
    }
}

TEST_CASE("what is in flight is bounded as with threads of its own, and one blocked thread does not stop the "
          "others") {
    std::atomic<bool> go{false};
    std::atomic<int> made{0}, stored{0};
    for (const bool ordered : {false, true}) {
        CAPTURE(ordered);
        go = false;
        made = stored = 0;
        auto runs = inquest::spawn("run", [&] {
            return make_pipeline({.name = "count", .capacity = 5},
                                 [&]() -> std::optional<int> {
                                     return made < 500 ? std::optional(++made) : std::nullopt;
                                 })
                .stage({.name = "pass", .parallelism = 3, .ordered = ordered, .capacity = 7},
                       [](int n) { return n; })
                .sink({.name = "wait", .parallelism = 2},
                      [&](int) {
                          support::wait_for("the test", [&] { return go.load(); });
                          ++stored;
                      })
                .run({}, {.threads = 4});
        });
        // Two items in the sink, 7 and 3 made by the stage, 5 and 1 made by the source.
        support::wait_for("what is in flight", [&] { return made == 2 + 7 + 3 + 5 + 1; });
        std::this_thread::sleep_for(5ms);
        CHECK(made == 18);
        go = true;
        CHECK(runs.join());
        CHECK(stored == 500);
    }
    // The first item is held back by a call that blocks: those behind it pass, if they may, and no more are begun than fit.
    for (const bool ordered : {false, true}) {
        CAPTURE(ordered);
        std::atomic<int> begun{0};
        go = false;
        stored = 0;
        auto runs = inquest::spawn("run", [&] {
            return make_pipeline("count", counter(100))
                .stage({.name = "pass", .parallelism = 3, .ordered = ordered, .capacity = 4},
                       [&](int n) {
                           ++begun;
                           if (n == 1) support::wait_for("the test", [&] { return go.load(); });
                           return n;
                       })
                .sink("store", [&](int) { ++stored; })
                .run({}, {.threads = 3});
        });
        if (ordered) {
            support::wait_for("the room", [&] { return begun == 4 + 3; });
            std::this_thread::sleep_for(5ms);
            CHECK(begun == 7);
            CHECK(stored == 0);
        } else {
            support::wait_for("the others", [&] { return stored == 99; });
        }
        go = true;
        CHECK(runs.join());
        CHECK(stored == 100);
    }
}

TEST_CASE("behind a failure all that came before it is finished, and nothing after it if it is ordered") {
    for (const std::size_t threads : {1UL, 2UL, 5UL})
        for (const std::size_t parallelism : {1UL, 4UL}) {
            CAPTURE(threads);
            CAPTURE(parallelism);
            std::atomic<int> read{0}, living{0};
            std::vector<int> stored;
            const auto done =
                make_pipeline({.name = "read", .capacity = 4},
                              [&]() -> std::optional<counted> { return counted(living, ++read); })
                    .stage({.name = "parse", .parallelism = parallelism, .ordered = true, .capacity = 4},
                           [](counted&& one) -> std::expected<counted, std::string> {
                               if (one.number < 20) std::this_thread::yield();
                               if (one.number == 20) return std::unexpected("bad");
                               return std::move(one);
                           })
                    .sink("store", [&](counted&& one) { stored.push_back(one.number); })
                    .run({}, {.threads = threads});
            REQUIRE(!done);
            CHECK(done.error().message() == "worker 'read > parse' failed on item 20: bad");
            CHECK(done.error().also_failed().empty());
            std::vector<int> wanted(19);
            for (int n = 1; n <= 19; ++n) wanted[static_cast<std::size_t>(n - 1)] = n;
            CHECK(stored == wanted);
            CHECK(living == 0);
        }
}

TEST_CASE(
    "a failure behind a stage that is at work: what that makes is destroyed, and nobody holds a lock then") {
    // Its destructor asks for the stop, which looks at what all threads do.
    struct stops {
        explicit stops(std::stop_source* its) : source(its) {}
        stops(stops&& other) noexcept : source(std::exchange(other.source, nullptr)) {}
        stops& operator=(stops&&) = delete;
        ~stops() {
            if (source) (void)source->request_stop();
        }
        std::stop_source* source;
    };
    std::stop_source stop;
    std::atomic<bool> failed{false}, is_at_work{false};
    const auto done = make_pipeline("read", counter(2))
                          .stage("make",
                                 [&](int n) {
                                     if (n == 2) {
                                         is_at_work = true;
                                         support::wait_for("the failure", [&] { return failed.load(); });
                                         std::this_thread::sleep_for(1ms);
                                         return stops(&stop);
                                     }
                                     return stops(nullptr);
                                 })
                          .sink("store",
                                [&](stops&&) -> std::expected<void, std::string> {
                                    support::wait_for("the next item", [&] { return is_at_work.load(); });
                                    failed = true;
                                    return std::unexpected("disk full");
                                })
                          .run(stop.get_token(), {.threads = 2});
    REQUIRE(!done);
    CHECK(done.error().message() == "worker 'read > make > store' failed on item 1: disk full");
    CHECK(stop.stop_requested());
}

TEST_CASE("after a failure nothing more is begun there, nor before it") {
    std::atomic<int> read{0}, begun{0}, stored{0};
    std::atomic<bool> ended{false};
    struct at_thread_end {
        std::atomic<bool>& flag;
        ~at_thread_end() { flag = true; }
    };
    const auto done =
        make_pipeline("read", [&]() -> std::optional<int> { return ++read; })
            .stage("parse", 2,
                   [&](int n) -> std::expected<int, std::string> {
                       ++begun;
                       if (n == 2) {
                           const thread_local at_thread_end notes{ended};
                           return std::unexpected("bad");
                       }
                       support::wait_for("the end of the thread that failed", [&] { return ended.load(); });
                       return n;
                   })
            .sink("store", [&](int) { ++stored; })
            .run({}, {.threads = 2});
    REQUIRE(!done);
    CHECK(done.error().message() == "worker 'read > parse' failed on item 2: bad");
    CHECK(read == 2);
    CHECK(begun == 2);
    CHECK(stored == 1);
}

TEST_CASE("what was made and waits for its turn counts as what waits, however much it is") {
    std::atomic<bool> go{false};
    std::atomic<int> begun{0}, finished{0}, stored{0};
    auto runs = inquest::spawn("run", [&] {
        return make_pipeline("count", counter(50))
            .stage({.name = "split", .parallelism = 3, .ordered = true, .capacity = 4},
                   [&](int n) {
                       ++begun;
                       if (n == 1) support::wait_for("the test", [&] { return go.load(); });
                       ++finished;
                       return many<int>{std::vector<int>(1000, n)};
                   })
            .sink("store", [&](int) { ++stored; })
            .run({}, {.threads = 3});
    });
    support::wait_for("those behind the first", [&] { return begun >= 2 && finished == begun - 1; });
    std::this_thread::sleep_for(5ms);
    CHECK(begun <= 3);
    CHECK(stored == 0);
    go = true;
    CHECK(runs.join());
    CHECK(stored == 50'000);
}

TEST_CASE(
    "a function that uses other channels: the numbers of their items, and their ends, are not its own") {
    auto [spare_in, spares] = inquest::make_channel<int>(100);
    for (int i = 0; i < 70; ++i) CHECK(spare_in.push(i));
    const auto failed = make_pipeline("read", counter(100))
                            .stage("parse",
                                   [&](int n) -> std::expected<int, std::string> {
                                       for (int i = 0; i < 10; ++i) (void)spares.pop();
                                       if (n == 7) return std::unexpected("bad");
                                       return n;
                                   })
                            .sink("store", [](int) {})
                            .run({}, {.threads = 1});
    CHECK(failed.error().message() == "worker 'read > parse' failed on item 7: bad");

    // One step is refused a push of its own, and minds it not; another fails, and that has nothing to do with it.
    auto [tee, nobody] = inquest::make_channel<int>(1);
    nobody.close();
    std::stop_source stop;
    const auto full = make_pipeline("read", counter(100))
                          .stage("tee",
                                 [&](int n) {
                                     (void)tee.push(n);
                                     return n;
                                 })
                          .sink("store",
                                [&](int) -> std::expected<void, std::string> {
                                    (void)stop.request_stop();
                                    return std::unexpected("disk full");
                                })
                          .run(stop.get_token(), {.threads = 1});
    CHECK(full.error().message() == "worker 'read > tee > store' failed on item 1: disk full");
    CHECK(!full.error().cause().is_consequence());
}

TEST_CASE("two stages that fail on their own: the first is the result, and the other is with it") {
    std::atomic<bool> first{false}, both{false};
    const auto done = make_pipeline("count", counter(100))
                          .stage("late",
                                 [&](int n) -> std::expected<int, std::string> {
                                     if (n == 1) return n;
                                     both = true;
                                     support::wait_for("the other failure", [&] { return first.load(); });
                                     return std::unexpected("late");
                                 })
                          .sink("early",
                                [&](int) -> std::expected<void, std::string> {
                                    support::wait_for("the other", [&] { return both.load(); });
                                    first = true;
                                    return std::unexpected("early");
                                })
                          .run({}, {.threads = 2});
    REQUIRE(!done);
    REQUIRE(done.error().also_failed().size() == 1);
    const auto texts = done.error().cause().text() + done.error().also_failed()[0].text();
    CHECK((texts == "earlylate" || texts == "lateearly"));
}

TEST_CASE("an error, a failure of somebody else's, an exception, and the end of the thread: each is told "
          "with its stage") {
    const auto run = [](auto parse) {
        return make_pipeline("read", counter(100))
            .stage("parse", 2, parse)
            .sink("store", [](int) {})
            .run({}, {.threads = 2});
    };
    const auto error = run([](int n) -> std::expected<int, std::error_code> {
        if (n == 7) return std::unexpected(std::make_error_code(std::errc::no_space_on_device));
        return n;
    });
    CHECK(error.error().message() == "worker 'read > parse' failed on item 7: No space left on device");
    CHECK(*error.error().cause().get<std::error_code>() ==
          std::make_error_code(std::errc::no_space_on_device));

    auto other = inquest::spawn(
        "other", []() -> std::expected<void, std::string> { return std::unexpected("disk full"); });
    const auto its = other.join().error();
    const auto passed_on = run([&](int n) -> std::expected<int, inquest::failure<std::string>> {
        if (n == 7) return std::unexpected(its);
        return n;
    });
    CHECK(passed_on.error().cause() == its.cause());

    CHECK_THROWS_WITH_AS((void)run([](int n) {
                             if (n == 7) throw support::bad_frame("torn", n);
                             return n;
                         }),
                         "torn", support::bad_frame);
    const auto ended = run([](int n) {
        if (n == 7) pthread_exit(nullptr);
        return n;
    });
    CHECK(ended.error().cause().kind() == cause_kind::forced_unwind);
    CHECK(ended.error().cause().worker() == "read > parse");
    CHECK(ended.error().cause().items()->first == 7);

    const auto never = make_pipeline({.name = "read", .thread = {.processors = "none"}}, counter(3))
                           .sink({.name = "see", .thread = {.processors = "none"}}, [](int) {})
                           .run({}, {.threads = 1});
    CHECK(never.error().message() == "worker 'read' never started: processors: Invalid argument");
    const auto source = make_pipeline("read", []() -> std::expected<std::optional<int>, std::string> {
                            return std::unexpected("no such file");
                        }).sink("see", [](int) {
                          }).run({}, {.threads = 3});
    CHECK(source.error().message() == "worker 'read' failed: no such file");
}

TEST_CASE("a stop ends threads that wait, and is too late once the sink has seen all") {
    std::stop_source stop;
    std::atomic<int> living{0};
    const auto done = make_pipeline("read", [&]() -> std::optional<counted> {
                          const auto waits = [](std::stop_token its) { // as a long read would
                              std::mutex guard;
                              std::condition_variable_any never;
                              std::unique_lock lock(guard);
                              (void)never.wait(lock, its, [] { return false; });
                          };
                          if (living == 0) return counted(living, 1);
                          waits(stop.get_token());
                          return counted(living, 2);
                      }).sink("see", [&](counted&&) {
                            (void)stop.request_stop();
                        }).run(stop.get_token(), {.threads = 3});
    REQUIRE(!done);
    CHECK(done.error().message() == "the pipeline was stopped");
    CHECK(living == 0);

    std::stop_source late;
    int seen = 0;
    CHECK(make_pipeline("count", [&, n = 0]() mutable -> std::optional<int> {
              if (n < 3) return ++n;
              (void)late.request_stop();
              return std::nullopt;
          }).sink("see", [&](int) {
                ++seen;
            }).run(late.get_token(), {.threads = 1}));
    CHECK(seen == 3);
}

TEST_CASE("figures: items, and which stage sets the pace") {
    std::vector<std::vector<stage_figures>> seen;
    std::atomic<int> looks{0};
    int stored = 0;
    REQUIRE(make_pipeline({.name = "count", .capacity = 2},
                          [&, n = 0]() mutable -> std::optional<int> {
                              return looks < 5 ? std::optional(++n) : std::nullopt;
                          })
                .stage({.name = "slow", .capacity = 2},
                       [](int n) {
                           std::this_thread::sleep_for(300us);
                           return n;
                       })
                .sink("store", [&](int) { ++stored; })
                .run({}, {.progress =
                              [&](std::span<const stage_figures> all) {
                                  seen.emplace_back(all.begin(), all.end());
                                  ++looks;
                              },
                          .every = 30ms,
                          .threads = 3}));
    const auto& last = seen.back();
    REQUIRE(last.size() == 3);
    for (const auto& stage : last) CHECK(stage.items == static_cast<std::uint64_t>(stored));
    for (const auto& stage : last) CHECK(stage.busy + stage.starved + stage.blocked <= 1.001);
    CHECK(inquest::bottleneck(last).name == "slow");
    CHECK(last[0].blocked > last[0].busy);
    CHECK(last[2].starved > last[2].busy);

    // With one thread items wait for that, and neither for the stage before nor for room.
    REQUIRE(make_pipeline("count", counter(1))
                .stage("split", [](int) { return many<int>{std::vector<int>(100)}; })
                .sink({.name = "slow", .parallelism = 4}, [](int) { std::this_thread::sleep_for(300us); })
                .run({}, {.progress =
                              [&](std::span<const stage_figures> all) {
                                  seen.emplace_back(all.begin(), all.end());
                              },
                          .every = 10ms,
                          .threads = 1}));
    CHECK(seen.back()[2].starved < 0.5);
    CHECK(seen.back()[2].items == 100);
}

TEST_CASE("stages that can't share threads are refused, before anything runs") {
    bool ran = false;
    const auto read = [&] {
        ran = true;
        return std::optional<int>();
    };
    const auto pass = [](int n) { return n; };
    const auto see = [](int) {};
    CHECK_THROWS_WITH_AS((void)make_pipeline("read", read)
                             .sink("collect", [](receiver<int>&) { return 1; })
                             .run({}, {.threads = 2}),
                         "inquest: stages share threads, but 'collect' is one of a whole stream",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(
        (void)make_pipeline<int>("read", [](sender<int>&) {}).sink("see", see).run({}, {.threads = 2}),
        "inquest: stages share threads, but 'read' is one of a whole stream", std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline("read", read)
                        .stage<int>("pass", [](receiver<int>&, sender<int>&) {})
                        .sink("see", see)
                        .run({}, {.threads = 2}),
                    std::invalid_argument);
    CHECK_THROWS_WITH_AS((void)make_pipeline("read", read)
                             .stage({.name = "pass", .on_exception = inquest::on_exception::terminate}, pass)
                             .sink("see", see)
                             .run({}, {.threads = 2}),
                         "inquest: stages share threads, but 'pass' differs from the source in on_exception",
                         std::invalid_argument);
    for (const inquest::thread_attributes& other :
         {inquest::thread_attributes{.stack_size = 1 << 20}, inquest::thread_attributes{.processors = "0"},
          inquest::thread_attributes{.priority = {inquest::scheduling::time_sharing, 19}}})
        CHECK_THROWS_WITH_AS((void)make_pipeline("read", read)
                                 .sink({.name = "see", .thread = other}, see)
                                 .run({}, {.threads = 2}),
                             "inquest: stages share threads, but 'see' differs from the source in thread",
                             std::invalid_argument);
    CHECK(!ran);
}

} // namespace shared_threads
