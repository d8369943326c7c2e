// Pipelines: what stages make of items, their order, and what can be seen of them.
#include "support/source_and_sink.hpp"
#include "support/support.hpp"

#include <inquest/pipeline.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pipeline {

using inquest::make_pipeline;
using inquest::many;
using inquest::receiver;
using inquest::sender;
using inquest::stage_figures;
using support::collect;
using support::counter;
using support::numbers;

TEST_CASE("an item passes through each stage: one to one, to none, to many, and whole streams") {
    auto done = make_pipeline("count", counter(10))
                    .stage("twice", [](int n) { return 2L * n; })
                    .stage("keep", [](long n) { return n > 4 ? std::optional(n) : std::nullopt; })
                    .stage<int>("whole",
                                [](receiver<long>& in, sender<int>& out) {
                                    for (const long n : in)
                                        if (!out.push(static_cast<int>(n))) return;
                                })
                    .stage("split", [](int n) { return many<int>{{n, -n}}; })
                    .sink("collect", collect)
                    .run();
    CHECK(done.value() ==
          std::vector<int>{6, -6, 8, -8, 10, -10, 12, -12, 14, -14, 16, -16, 18, -18, 20, -20});
}

TEST_CASE("functions of whole streams may take a stop token first") {
    const auto done =
        make_pipeline<int>("count",
                           [](std::stop_token stop, sender<int>& out) {
                               for (int n = 1; n <= 3 && !stop.stop_requested(); ++n)
                                   if (!out.push(n)) return;
                           })
            .stage<long>("pass",
                         [](std::stop_token stop, receiver<int>& in,
                            sender<long>& out) -> std::expected<void, std::string> {
                             for (const int n : in)
                                 if (stop.stop_requested() || !out.push(n)) break;
                             return {};
                         })
            .sink("sum",
                  [](std::stop_token stop, receiver<long>& in) -> std::expected<long, std::string> {
                      long sum = 0;
                      for (const long n : in) sum += stop.stop_requested() ? 0 : n;
                      return sum;
                  })
            .run();
    CHECK(done.value() == 6);
    std::stop_source stop;
    std::atomic<bool> asked{false};
    const auto stopped = make_pipeline<int>("wait", [&](const std::stop_token& its, sender<int>&) {
                             (void)stop.request_stop();
                             support::wait_for("its stop", [&] { return its.stop_requested(); });
                             asked = true;
                         }).sink("see", [](int) {
                           }).run(stop.get_token());
    CHECK(!stopped);
    CHECK(asked);
}

TEST_CASE("whatever can be called with an item is a stage, and what it makes may be converted") {
    struct point {
        int x;
        int sum() const { return x + 1; }
    };
    for (const std::size_t threads : {0UL, 2UL}) {
        CAPTURE(threads);
        long sum = 0;
        CHECK(make_pipeline<long>(std::string_view("count"), counter(3))
                  .stage("point", [](auto n) { return point{static_cast<int>(n)}; })
                  .stage("sum", &point::sum)
                  .stage<long>("widen", [](int n) { return n == 2 ? std::nullopt : std::optional(n); })
                  .stage("bits", [](long n) { return many<bool>{{n == 3, true}}; })
                  .sink("add", [&](auto bit) { sum += bit ? 1 : 10; })
                  .run({}, {.threads = threads}));
        CHECK(sum == 13);
    }
}

TEST_CASE("what a stage captured ends with it: nobody keeps a copy") {
    for (const std::size_t parallelism : {1UL, 2UL}) {
        auto [tx, rx] = inquest::make_channel<int>(100);
        const auto done =
            make_pipeline("count", counter(10))
                .stage<int>({.name = "tee", .parallelism = parallelism},
                            [copy = std::move(tx)](receiver<int>& in, sender<int>& out) mutable {
                                for (const int n : in)
                                    if (!copy.push(n) || !out.push(n)) return;
                                copy.finish();
                            })
                .sink("both",
                      [copies = std::move(rx)](receiver<int>& in) mutable {
                          std::size_t all = 0;
                          for ([[maybe_unused]] const int n : in) ++all;
                          for ([[maybe_unused]] const int n : copies) ++all; // to its end
                          return all;
                      })
                .run();
        CHECK(done.value() == 20);
    }
}

TEST_CASE("items that can only be moved pass, and a source that pushes") {
    std::vector<int> got;
    auto done = make_pipeline<std::unique_ptr<int>>("make",
                                                    [](sender<std::unique_ptr<int>>& out) {
                                                        for (int i = 1; i <= 5; ++i)
                                                            if (!out.push(std::make_unique<int>(i))) return;
                                                    })
                    .stage("pass", 1, [](std::unique_ptr<int> p) { return p; })
                    .sink("take", [&](std::unique_ptr<int>&& p) { got.push_back(*p); })
                    .run();
    CHECK(done);
    CHECK(got == numbers(5));
}

TEST_CASE("functions that can only be moved, for one worker each") {
    const auto one = [] { return std::make_unique<int>(1); };
    long sum = 0;
    auto done = make_pipeline("read",
                              [n = 0, last = std::make_unique<int>(3)]() mutable {
                                  return n < *last ? std::optional(++n) : std::nullopt;
                              })
                    .stage("add", [p = one()](int n) { return n + *p; })
                    .stage<int>("pass",
                                [p = one()](receiver<int>& in, sender<int>& out) {
                                    for (int n : in)
                                        if (!out.push(n + *p)) return;
                                })
                    .sink("sum", [&sum, p = one()](int n) { sum += n + *p; })
                    .run();
    CHECK(done);
    CHECK(sum == 1 + 2 + 3 + 3 * 3);
}

TEST_CASE("a source that is asked for items hands them over without a copy") {
    int n = 0;
    long sum = 0;
    CHECK(make_pipeline("make", [&] {
              return n < 5 ? std::optional(std::make_unique<int>(++n)) : std::nullopt;
          }).sink("sum", [&](const std::unique_ptr<int>& p) {
                sum += *p;
            }).run());
    CHECK(sum == 15);
}

TEST_CASE("several workers: every item once, and in order if that is asked for") {
    for (const std::size_t capacity : {1UL, 64UL})
        for (const bool ordered : {true, false}) {
            CAPTURE(capacity);
            CAPTURE(ordered);
            auto done =
                make_pipeline("count", counter(3000))
                    .stage({.name = "slow", .parallelism = 4, .ordered = ordered, .capacity = capacity},
                           [](int n) {
                               if (n % 7 == 0) std::this_thread::yield();
                               return n % 3 == 0 ? many<int>{} : many<int>{{n, n}};
                           })
                    .sink("collect", collect)
                    .run();
            std::vector<int> wanted;
            for (int n = 1; n <= 3000; ++n)
                if (n % 3 != 0) wanted.insert(wanted.end(), 2, n);
            auto got = done.value();
            if (!ordered) std::ranges::sort(got);
            CHECK(got == wanted);
        }
}

TEST_CASE("a stage has so many workers at once, with the threads that its options say, and so much room "
          "behind it") {
    std::atomic<int> inside{0};
    std::atomic<bool> go{false};
    std::atomic<int> made{0};
    auto runs = inquest::spawn("run", [&] {
        return make_pipeline(
                   {.name = "count", .capacity = 5},
                   [&]() -> std::optional<int> { return made < 1000 ? std::optional(++made) : std::nullopt; })
            .stage({.name = "pass", .parallelism = 3, .capacity = 7, .thread = {.processors = "none"}},
                   [](int n) { return n; })
            .sink("never", [](int) {})
            .run();
    });
    const auto refused = runs.join().error().message();
    CHECK(refused.starts_with("worker 'count > pass-"));
    CHECK(refused.ends_with("' never started: processors: Invalid argument"));

    made = 0;
    auto waits = inquest::spawn("run", [&] {
        return make_pipeline(
                   {.name = "count", .capacity = 5},
                   [&]() -> std::optional<int> { return made < 1000 ? std::optional(++made) : std::nullopt; })
            .stage({.name = "pass", .parallelism = 3, .capacity = 7},
                   [&](int n) {
                       ++inside;
                       support::wait_for("the others", [&] { return inside >= 3; });
                       return n;
                   })
            .sink({.name = "wait", .parallelism = 2},
                  [&](int) { support::wait_for("the test", [&] { return go.load(); }); })
            .run();
    });
    // What is in flight: two items in the sink, 7 behind the stage, three in it, 5 before it, and the one that the source holds.
    support::wait_for("what is in flight", [&] { return made == 2 + 7 + 3 + 5 + 1; });
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(made == 18);
    go = true;
    CHECK(waits.join());
    CHECK(made == 1000);
}

TEST_CASE("an empty stream, and a sink of several workers") {
    CHECK(make_pipeline("count", counter(0)).sink("collect", collect).run().value().empty());
    std::atomic<int> sum{0};
    CHECK(make_pipeline("count", counter(100)).sink("add", 4, [&](int n) { sum += n; }).run());
    CHECK(sum == 5050);
}

TEST_CASE("figures: items, shares of the time, and which stage sets the pace") {
    std::vector<std::vector<stage_figures>> seen;
    std::atomic<int> looks{0};
    auto done = make_pipeline({.name = "count", .capacity = 2},
                              [&, n = 0]() mutable -> std::optional<int> {
                                  return looks < 5 ? std::optional(++n) : std::nullopt;
                              })
                    .stage({.name = "slow", .capacity = 2},
                           [](int n) {
                               std::this_thread::sleep_for(std::chrono::microseconds(300));
                               return n;
                           })
                    .sink("collect", collect)
                    .run({}, {.progress =
                                  [&](std::span<const stage_figures> all) {
                                      seen.emplace_back(all.begin(), all.end());
                                      ++looks;
                                  },
                              .every = std::chrono::milliseconds(30)});
    REQUIRE(done);
    REQUIRE(seen.size() >= 6);
    const auto& last = seen.back();
    REQUIRE(last.size() == 3);
    for (const auto& stage : last) {
        CHECK(stage.items == done->size());
        CHECK(stage.busy + stage.starved + stage.blocked <= 1.001);
    }
    CHECK(last[0].name == "count");
    CHECK(inquest::bottleneck(last).name == "slow");
    CHECK(last[0].blocked > last[0].busy);
    CHECK(last[2].starved > last[2].busy);
    // Some of what the source has handed over waits before the slow one.
    CHECK(std::ranges::any_of(seen, [](const auto& all) { return all[0].items > all[1].items; }));
    for (std::size_t i = 1; i < seen.size(); ++i) CHECK(seen[i][1].items >= seen[i - 1][1].items);
}

TEST_CASE("figures: who waits for the turn of what it has made is blocked, not busy") {
    std::atomic<bool> seen{false};
    const auto done = make_pipeline("count", counter(4))
                          .stage({.name = "pass", .parallelism = 4, .ordered = true},
                                 [&](int n) {
                                     if (n == 1) support::wait_for("a look", [&] { return seen.load(); });
                                     return n;
                                 })
                          .sink("collect", collect)
                          .run({}, {.progress =
                                        [&](std::span<const stage_figures> all) {
                                            if (all[1].blocked > 0.2 && all[1].busy < 0.5) seen = true;
                                        },
                                    .every = std::chrono::milliseconds(1)});
    CHECK(done.value() == numbers(4));
    CHECK(seen);
}

TEST_CASE("the functions are destroyed when it has run, not only with it") {
    for (const std::size_t threads : {0UL, 2UL})
        for (const bool fails : {false, true}) {
            CAPTURE(threads);
            CAPTURE(fails);
            const auto kept = std::make_shared<int>(1);
            auto its = make_pipeline("count", [kept, source = counter(3)]() mutable { return source(); })
                           .stage("pass", 2,
                                  [kept, fails](int n) -> std::expected<int, std::string> {
                                      if (fails) return std::unexpected("bad");
                                      return n;
                                  })
                           .sink("forget", [kept](int) {});
            CHECK(std::move(its).run({}, {.threads = threads}).has_value() != fails);
            CHECK(kept.use_count() == 1);
        }
}

TEST_CASE("one that is never run starts nothing, and lets go of what its functions captured") {
    support::caught_hook hook;
    const auto kept = std::make_shared<int>(1);
    bool ran = false;
    {
        const auto never = make_pipeline("count", counter(3))
                               .stage("pass", 3, [kept](int n) { return n; })
                               .sink("see", [&ran](int) { ran = true; });
        CHECK(kept.use_count() > 1);
    }
    CHECK(kept.use_count() == 1);
    CHECK(!ran);
    CHECK(hook.seen().empty());
}

TEST_CASE("what is no stage is refused") {
    const auto pass = [](int n) { return n; };
    CHECK_THROWS_AS((void)make_pipeline("", counter(3)), std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline({.name = "r", .parallelism = 2}, counter(3)), std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline({.name = "r", .capacity = 0}, counter(3)), std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline({.name = "r", .capacity = ~std::size_t{0}}, counter(3)),
                    std::length_error);
    CHECK_THROWS_AS((void)make_pipeline("r", counter(3)).stage("p", ~std::size_t{0}, pass),
                    std::length_error);
    auto once = make_pipeline("r", counter(3)).sink("s", [](int) {});
    CHECK(std::move(once).run());
    CHECK_THROWS_AS((void)std::move(once).run(), std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline("r", std::function<std::optional<int>()>()), std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline("r", counter(3)).stage("p", 0, pass), std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline("r", counter(3)).sink("s", 2, collect), std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline("r", counter(3))
                        .stage("p", 2, [p = std::make_unique<int>(1)](int n) { return n + *p; }),
                    std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline("r", counter(3)).stage("p", std::function<int(int)>()),
                    std::invalid_argument);
    CHECK_THROWS_AS((void)make_pipeline("r", counter(3))
                        .stage<int>({.name = "p", .parallelism = 2, .ordered = true},
                                    [](receiver<int>&, sender<int>&) {}),
                    std::invalid_argument);
}

} // namespace pipeline
