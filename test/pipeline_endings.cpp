// Pipelines: how each ending of each stage reaches all others, and what is said of it.
#include "support/source_and_sink.hpp"
#include "support/support.hpp"

#include <inquest/pipeline.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pipeline_endings {

using inquest::cause_kind;
using inquest::make_pipeline;
using inquest::many;
using inquest::receiver;
using inquest::sender;
using inquest::stage_figures;
using inquest::stage_options;
using support::collect;
using support::counter;
using support::numbers;

namespace {

enum class how { error, exception, stop };

/// What one of five stages does with its seventh item.
struct trouble {
    int stage;
    inquest::on_exception recorded = inquest::on_exception::record;
    how kind;
    std::stop_source* stop;
    std::atomic<int>* seen;

    /// True if it is to fail now.
    bool here(int stage_number) const {
        if (stage_number != stage || ++*seen != 7) return false;
        if (kind == how::exception) throw support::bad_frame("torn", 7);
        if (kind == how::stop) (void)stop->request_stop();
        return kind == how::error;
    }
};

constexpr const char* paths[] = {"read", "read > twice", "read > twice > keep", "read > twice > keep > split",
                                 "read > twice > keep > split > store"};

/// With threads of their own, or with one, two or more that they share: each of five stages.
const std::vector<std::pair<std::size_t, int>> every_stage = [] {
    std::vector<std::pair<std::size_t, int>> all;
    for (const std::size_t threads : {0UL, 1UL, 2UL, 6UL})
        for (int stage = 0; stage < 5; ++stage) all.emplace_back(threads, stage);
    return all;
}();

/// Five stages, each with an error type of its own.
auto five_stages(const trouble& bad, std::size_t parallelism, std::size_t capacity, bool ordered) {
    const auto options = [=](const char* name) {
        return stage_options{
            .name = name, .parallelism = parallelism, .ordered = ordered, .capacity = capacity};
    };
    return make_pipeline({.name = "read", .capacity = capacity},
                         [bad, n = 0]() mutable -> std::expected<std::optional<int>, std::string> {
                             if (bad.here(0)) return std::unexpected("disk full");
                             return n < 500 ? std::optional(++n) : std::nullopt;
                         })
        .stage(options("twice"),
               [bad](int n) -> std::expected<long, std::errc> {
                   if (bad.here(1)) return std::unexpected(std::errc::no_space_on_device);
                   return 2L * n;
               })
        .stage(options("keep"),
               [bad](long n) -> std::expected<std::optional<long>, int> {
                   if (bad.here(2)) return std::unexpected(28);
                   return n % 10 == 0 ? std::nullopt : std::optional(n);
               })
        .stage(options("split"),
               [bad](long n) -> std::expected<many<int>, std::string> {
                   if (bad.here(3)) return std::unexpected("disk full");
                   return many<int>{{static_cast<int>(n / 2), static_cast<int>(n - n / 2)}};
               })
        .sink({.name = "store", .capacity = capacity}, [bad](int) -> std::expected<void, std::error_code> {
            if (bad.here(4)) return std::unexpected(std::make_error_code(std::errc::no_space_on_device));
            return {};
        });
}

} // namespace

TEST_CASE(
    "a source that takes its refused push for an error does not spoil the result of a sink that has enough") {
    support::caught_hook hook;
    for (const bool throws : {true, false}) {
        const auto done =
            make_pipeline<int>("push", [throws](sender<int>& out) -> std::expected<void, std::string> {
                for (int i = 1;; ++i)
                    if (!out.push(i)) {
                        if (throws) throw support::bad_frame("push failed", i);
                        return std::unexpected("push failed");
                    }
            }).sink("first", [](receiver<int>& in) {
                  return std::optional(in.pop().value());
              }).run();
        CHECK(done.value() == 1);
    }
    CHECK(hook.seen().empty());
}

TEST_CASE("a failure in any stage ends all, is the result with its path, and is reported nowhere else") {
    for (const std::size_t parallelism : {1UL, 4UL})
        for (const std::size_t capacity : {1UL, 64UL})
            for (const bool ordered : {false, true})
                for (const auto& [threads, stage] : every_stage) {
                    CAPTURE(parallelism);
                    CAPTURE(capacity);
                    CAPTURE(ordered);
                    CAPTURE(threads);
                    CAPTURE(stage);
                    support::caught_hook hook;
                    std::atomic<int> seen{0};
                    {
                        auto done =
                            five_stages({.stage = stage, .kind = how::error, .stop = nullptr, .seen = &seen},
                                        parallelism, capacity, ordered)
                                .run({}, {.threads = threads});
                        REQUIRE(!done);
                        const auto& why = done.error();
                        CHECK(why.cause().kind() == cause_kind::error);
                        const auto who = why.cause().worker();
                        CHECK(who.substr(0, who.rfind('-')) == paths[stage]);
                        if (threads > 0) CHECK(who == paths[stage]); // none of them has a number
                        CHECK(why.also_failed().empty());
                        CHECK(why.message().find("closed") == std::string::npos);
                        if (stage == 0 || stage == 3) CHECK(*why.cause().get<std::string>() == "disk full");
                        if (stage == 1) CHECK(*why.cause().get<std::errc>() == std::errc::no_space_on_device);
                        if (stage == 2) CHECK(*why.cause().get<int>() == 28);
                        if (stage == 4)
                            CHECK(why.message() ==
                                  "worker 'read > twice > keep > split > store' failed on item 7: "
                                  "No space left on device");
                    }
                    CHECK(hook.seen().empty());
                    seen = 0;
                    CHECK_THROWS_WITH_AS(
                        (void)five_stages(
                            {.stage = stage, .kind = how::exception, .stop = nullptr, .seen = &seen},
                            parallelism, capacity, ordered)
                            .run({}, {.threads = threads}),
                        "torn", support::bad_frame);
                    CHECK(hook.seen().empty());
                }
}

TEST_CASE("a stop that comes while any stage works is a failure that says so") {
    for (const std::size_t parallelism : {1UL, 4UL})
        for (const std::size_t capacity : {1UL, 64UL})
            for (const auto& [threads, stage] : every_stage) {
                CAPTURE(parallelism);
                CAPTURE(capacity);
                CAPTURE(threads);
                CAPTURE(stage);
                support::caught_hook hook;
                std::stop_source stop;
                std::atomic<int> seen{0};
                auto done = five_stages({.stage = stage, .kind = how::stop, .stop = &stop, .seen = &seen},
                                        parallelism, capacity, false)
                                .run(stop.get_token(), {.threads = threads});
                REQUIRE(!done);
                CHECK(done.error().message() == "the pipeline was stopped");
                CHECK(hook.seen().empty());
            }
}

TEST_CASE("a stop that comes when the sink has seen the end is too late") {
    std::stop_source stop;
    const auto done = make_pipeline("count", counter(3))
                          .sink("collect",
                                [&](receiver<int>& in) {
                                    auto all = collect(in);
                                    (void)stop.request_stop();
                                    return all;
                                })
                          .run(stop.get_token());
    CHECK(done.value() == numbers(3));
}

TEST_CASE("a stop before it is run, and one after its end") {
    std::stop_source stop;
    CHECK(make_pipeline("count", counter(3)).sink("collect", collect).run(stop.get_token()).value() ==
          numbers(3));
    (void)stop.request_stop();
    std::atomic<int> ran{0};
    const auto never = make_pipeline("count", [&]() -> std::optional<int> {
                           return ++ran;
                       }).sink("forget", [&](int) {
                             ++ran;
                         }).run(stop.get_token());
    REQUIRE(!never);
    CHECK(never.error().message() == "the pipeline was stopped");
    CHECK(ran == 0);
}

TEST_CASE("a stage that has enough ends those before it quietly, and what it has made goes on") {
    for (const std::size_t capacity : {1UL, 64UL}) {
        support::caught_hook hook;
        std::atomic<int> made{0};
        auto done = make_pipeline({.name = "count", .capacity = capacity},
                                  [&]() -> std::optional<int> { return ++made; }) // without end
                        .stage({.name = "pass", .parallelism = 2, .ordered = true, .capacity = capacity},
                               [](int n) { return n; })
                        .stage<int>({.name = "head", .capacity = capacity},
                                    [](receiver<int>& in, sender<int>& out) {
                                        for (int n = 0; n < 10; ++n)
                                            if (!out.push(*in.pop())) return;
                                    })
                        .stage("pass on", [](int n) { return n; })
                        .sink("collect", collect)
                        .run();
        CHECK(done.value() == numbers(10));
        auto first = make_pipeline("count", [&]() -> std::optional<int> {
                         return ++made;
                     }).sink("first", [](receiver<int>& in) {
                           return std::optional(in.pop().value() > 0);
                       }).run();
        CHECK(first.value() == true);
        CHECK(hook.seen().empty());
    }
}

TEST_CASE("whichever stage has enough, the result is what came before that, and nobody is blamed") {
    for (const std::size_t parallelism : {1UL, 4UL})
        for (const std::size_t capacity : {1UL, 64UL})
            for (int enough = 1; enough <= 4; ++enough) { // from the stage behind the source to the sink
                CAPTURE(parallelism);
                CAPTURE(capacity);
                CAPTURE(enough);
                support::caught_hook hook;
                int position = 0;
                const auto add_stage = [&](inquest::pipeline_builder<int>&& before) {
                    if (++position == enough)
                        return std::move(before).stage<int>({.name = "head", .capacity = capacity},
                                                            [](receiver<int>& in, sender<int>& out) {
                                                                for (int n = 0; n < 10; ++n)
                                                                    if (!out.push(*in.pop())) return;
                                                            });
                    return std::move(before).stage(
                        {.name = "pass", .parallelism = parallelism, .ordered = true, .capacity = capacity},
                        [](int n) { return n; });
                };
                const auto done =
                    add_stage(
                        add_stage(add_stage(make_pipeline({.name = "count", .capacity = capacity},
                                                          [n = 0]() mutable { return std::optional(++n); }))))
                        .sink("collect",
                              [&](receiver<int>& in) {
                                  std::vector<int> all;
                                  while (enough < 4 || all.size() < 10) {
                                      const auto item = in.pop();
                                      if (!item) break;
                                      all.push_back(*item);
                                  }
                                  return all;
                              })
                        .run();
                CHECK(done.value() == numbers(10));
                CHECK(hook.seen().empty());
            }
}

TEST_CASE("a source that waits elsewhere learns at once that nothing more is wanted, however many stages are "
          "between") {
    for (const bool fails : {true, false})
        for (const std::size_t parallelism : {1UL, 4UL}) {
            CAPTURE(fails);
            CAPTURE(parallelism);
            std::atomic<bool> told{false};
            std::optional<inquest::cause> why;
            const auto done =
                make_pipeline<int>("read",
                                   [&](sender<int>& out) {
                                       const auto registered =
                                           out.on_close([&](const inquest::pop_error&) { told = true; });
                                       if (!out.push(1)) return;
                                       support::wait_for("the end", [&] { return told.load(); });
                                       const auto sent = out.push(2);
                                       if (!sent) why = sent.error().cause();
                                   })
                    .stage("one", parallelism, [](int n) { return n; })
                    .stage<int>("two",
                                [](receiver<int>& in, sender<int>& out) {
                                    for (const int n : in)
                                        if (!out.push(n)) return;
                                })
                    .sink("write",
                          [&](receiver<int>& in) -> std::expected<int, std::string> {
                              const int first = in.pop().value();
                              if (fails) return std::unexpected("disk full");
                              return first;
                          })
                    .run();
            REQUIRE(why);
            if (fails) {
                CHECK(done.error().message() ==
                      "worker 'read > one > two > write' failed on item 1: disk full");
                CHECK(*why == done.error().cause());
            } else {
                CHECK(done.value() == 1);
            }
        }
}

TEST_CASE("the stages before and behind a failure are handed its very cause, once") {
    std::optional<inquest::cause> refused, ended;
    auto done = make_pipeline<int>("read",
                                   [&](sender<int>& out) {
                                       for (int i = 1;; ++i)
                                           if (auto sent = out.push(i); !sent) {
                                               refused = sent.error().cause();
                                               return;
                                           }
                                   })
                    .stage("one", [](int n) { return n; })
                    .stage("parse",
                           [](int n) -> std::expected<int, std::string> {
                               if (n == 30) return std::unexpected("not a number");
                               return n;
                           })
                    .stage("two", [](int n) { return n; })
                    .sink("store",
                          [&](receiver<int>& in) {
                              long n = 0;
                              for (int item : in) n += item;
                              if (auto end = in.outcome(); !end) ended = end.error();
                              return n;
                          })
                    .run();
    const std::string text = "worker 'read > one > parse' failed on item 30: not a number";
    CHECK(done.error().message() == text);
    REQUIRE(refused);
    CHECK(*refused == done.error().cause());
    REQUIRE(ended);
    CHECK(*ended == done.error().cause());
    CHECK(done.error().also_failed().empty());
}

TEST_CASE("two stages that fail on their own: the first is the result, and the other is with it") {
    std::atomic<bool> first{false};
    auto done = make_pipeline("count", counter(100))
                    .stage("late",
                           [&](int n) -> std::expected<int, std::string> {
                               if (n < 5) return n;
                               support::wait_for("the other failure", [&] { return first.load(); });
                               return std::unexpected("late");
                           })
                    .sink("early",
                          [&](int n) -> std::expected<void, std::string> {
                              if (n < 4) return {};
                              first = true;
                              return std::unexpected("early");
                          })
                    .run();
    REQUIRE(!done);
    REQUIRE(done.error().also_failed().size() == 1);
    const auto& other = done.error().also_failed()[0];
    CHECK(done.error().cause().sequence() < other.sequence());
    const auto both = done.error().cause().text() + other.text();
    CHECK((both == "earlylate" || both == "lateearly"));
}

TEST_CASE("a callback that throws stops the pipeline, and comes out of run") {
    std::atomic<int> ended{0};
    const auto sink = [&](receiver<int>& in) {
        while (in.pop()) {
        }
        ++ended;
    };
    CHECK_THROWS_WITH_AS((void)make_pipeline("count", [n = 0]() mutable { return std::optional(++n); })
                             .sink("forget", sink)
                             .run({}, {.progress =
                                           [](std::span<const stage_figures>) {
                                               throw support::bad_frame("window closed", 1);
                                           },
                                       .every = std::chrono::milliseconds(1)}),
                         "window closed", support::bad_frame);
    CHECK(ended == 1);
}

TEST_CASE("ten thousand pipelines are shut down in every position, and none hangs") {
    support::rounds rounds(10'000, std::chrono::seconds(60));
    unsigned round = 0;
    while (rounds.another()) {
        const unsigned n = ++round;
        std::stop_source stop;
        std::atomic<int> seen{0};
        const trouble bad{.stage = static_cast<int>(n % 3),
                          .kind = n % 2 ? how::error : how::stop,
                          .stop = &stop,
                          .seen = &seen};
        const auto done =
            make_pipeline({.name = "a", .capacity = 1 + n % 5},
                          [bad, i = 0]() mutable -> std::expected<std::optional<int>, std::string> {
                              if (bad.here(0)) return std::unexpected("bad");
                              return ++i;
                          })
                .stage({.name = "b", .parallelism = 1 + n % 4, .ordered = n % 8 < 4, .capacity = 1 + n % 3},
                       [bad](int i) -> std::expected<int, std::string> {
                           if (bad.here(1)) return std::unexpected("bad");
                           return i;
                       })
                .sink("c",
                      [bad](int) -> std::expected<void, std::string> {
                          if (bad.here(2)) return std::unexpected("bad");
                          return {};
                      })
                .run(stop.get_token(), {.threads = n % 10 < 5 ? 0 : n % 5});
        REQUIRE(!done);
        if (bad.kind == how::error)
            CHECK(done.error().cause().text() == "bad");
        else
            CHECK(done.error().message() == "the pipeline was stopped");
    }
}

} // namespace pipeline_endings
