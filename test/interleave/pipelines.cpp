// Pipelines: how a failure and a stop end one, and the order across a stage's workers. Flushers: what flush waits for.
#include "program.hpp"

#include <inquest/flusher.hpp>
#include <inquest/pipeline.hpp>

#include <optional>
#include <vector>

namespace interleave {

namespace {

using inquest::make_pipeline;
using inquest::receiver;

/// A source of the numbers from 1 to `last`.
auto numbers(int last) {
    return [n = 0, last]() mutable { return n < last ? std::optional(++n) : std::nullopt; };
}

// The last stage fails with the first item: the one before it and the source end, and it is the result.
void pipeline_fails() {
    const auto done =
        make_pipeline({.name = "count", .capacity = 1}, numbers(3))
            .stage({.name = "pass", .capacity = 1}, [](int n) { return n; })
            .sink("store", [](int) -> std::expected<void, std::string> { return std::unexpected("full"); })
            .run();
    require(!done, "it has failed");
    require(done.error().message() == "worker 'count > pass > store' failed on item 1: full",
            "and says where");
    require(done.error().also_failed().empty(), "what followed from it is not said again");
}

// Two workers of a stage, the faster of which waits for its turn.
void ordered_stage() {
    std::vector<int> got;
    const auto done = make_pipeline({.name = "count", .capacity = 1}, numbers(2))
                          .stage({.name = "pass", .parallelism = 2, .ordered = true, .capacity = 1},
                                 [](int n) { return n; })
                          .sink("store", [&](int n) { got.push_back(n); })
                          .run();
    require(done.has_value(), "it has ended well");
    require(got == std::vector{1, 2}, "in order");
}

// One of them fails while the other waits for its turn, or is yet to come there.
void ordered_stage_fails() {
    std::vector<int> got;
    const auto done = make_pipeline({.name = "count", .capacity = 1}, numbers(2))
                          .stage({.name = "pass", .parallelism = 2, .ordered = true, .capacity = 1},
                                 [](int n) -> std::expected<int, std::string> {
                                     if (n == 1) return std::unexpected("bad");
                                     return n;
                                 })
                          .sink("store", [&](int n) { got.push_back(n); })
                          .run();
    require(!done && done.error().cause().text() == "bad", "it has failed for that reason");
    require(got.empty(), "nothing overtakes what has failed");
}

// The stop comes at any time: it is either too late, or the result says so.
void pipeline_is_stopped() {
    stop_source stop;
    std::vector<int> got;
    const auto stopper = thread("stopper", [&] { stop.request_stop(); });
    const auto done = make_pipeline({.name = "count", .capacity = 1}, numbers(2))
                          .sink("store", [&](int n) { got.push_back(n); })
                          .run(stop.get_token());
    if (done)
        require(got == std::vector{1, 2}, "a success is complete");
    else
        require(done.error().message() == "the pipeline was stopped", "it says why");
}

// The stop may come before all workers are started: it reaches those, too, else the source would wait for ever.
void pipeline_is_stopped_at_its_start() {
    stop_source stop;
    auto [tx, nothing] = inquest::make_channel<int>(1);
    const auto stopper = thread("stopper", [&] { stop.request_stop(); });
    const auto done = make_pipeline<int>("wait", [&](inquest::sender<int>&) {
                          (void)nothing.pop();
                      }).sink("see", [](int) {
                        }).run(stop.get_token());
    require(!done && done.error().message() == "the pipeline was stopped", "it says why");
}

// The sink has enough: those before it end, and nobody calls that a failure.
void pipeline_has_enough() {
    const auto done = make_pipeline({.name = "count", .capacity = 1}, numbers(5))
                          .stage({.name = "pass", .capacity = 1}, [](int n) { return n; })
                          .sink("first", [](receiver<int>& in) { return std::optional(*in.pop()); })
                          .run();
    require(done.has_value() && **done == 1, "its result");
}

// Two threads share three stages: whichever comes first to what, the order is kept.
void shared_threads() {
    std::vector<int> got;
    const auto done = make_pipeline({.name = "count", .capacity = 1}, numbers(2))
                          .stage({.name = "pass", .parallelism = 2, .ordered = true, .capacity = 1},
                                 [](int n) { return n; })
                          .sink("store", [&](int n) { got.push_back(n); })
                          .run({}, {.threads = 2});
    require(done.has_value(), "it has ended well");
    require(got == std::vector{1, 2}, "in order");
}

// One of them fails while the other reads, waits, or makes what nobody wants any more.
void shared_threads_fail() {
    const auto done =
        make_pipeline({.name = "count", .capacity = 1}, numbers(3))
            .sink("store", [](int) -> std::expected<void, std::string> { return std::unexpected("full"); })
            .run({}, {.threads = 2});
    require(!done && done.error().message() == "worker 'count > store' failed on item 1: full", "says where");
    require(done.error().also_failed().empty(), "once");
}

void shared_threads_are_stopped() {
    stop_source stop;
    std::vector<int> got;
    const auto stopper = thread("stopper", [&] { stop.request_stop(); });
    const auto done = make_pipeline({.name = "count", .capacity = 1}, numbers(2))
                          .sink("store", [&](int n) { got.push_back(n); })
                          .run(stop.get_token(), {.threads = 2});
    if (done)
        require(got == std::vector{1, 2}, "a success is complete");
    else
        require(done.error().message() == "the pipeline was stopped", "it says why");
}

// A flush that comes before the worker waits, while it does, or after: it does not wait for the batch to fill.
void flush_wakes() {
    std::vector<int> got;
    auto log = inquest::make_flusher<int>(
        {.name = "log", .capacity = 2, .batch = 9, .linger = std::chrono::milliseconds::max()},
        [&](std::span<int> batch) { got.insert(got.end(), batch.begin(), batch.end()); });
    require(log.push(1).has_value(), "it is open");
    require(log.flush().has_value(), "it is written");
    require(got == std::vector{1}, "what was pushed before");
}

// The worker fails while somebody waits in flush, or before.
void flush_and_failure() {
    auto log = inquest::make_flusher<int>(
        {.name = "log", .capacity = 2, .batch = 1},
        [](std::span<int>) -> std::expected<void, std::string> { return std::unexpected("full"); });
    const auto pusher = thread("pusher", [&] { (void)log.push(1); });
    if (const auto done = log.flush(); !done) require(done.error().cause().text() == "full", "why");
}

} // namespace

std::span<const program> pipelines() {
    static constexpr program table[] = {
        {"pipeline_fails", pipeline_fails, 1, 60'793, 2000},
        {"ordered_stage", ordered_stage, 0, 952, 2000},
        {"ordered_stage_fails", ordered_stage_fails, 1, 89'120, 2000},
        {"pipeline_is_stopped", pipeline_is_stopped, 1, 4'721, 2000},
        {"pipeline_is_stopped_at_its_start", pipeline_is_stopped_at_its_start, 1, 2'188, 2000},
        {"flush_wakes", flush_wakes, 2, 5'242, 2000},
        {"flush_and_failure", flush_and_failure, 2, 17'241, 2000},
        {"pipeline_has_enough", pipeline_has_enough, 1, 85'379, 2000},
        {"shared_threads", shared_threads, 2, 13'983, 2000},
        {"shared_threads_fail", shared_threads_fail, 2, 8'384, 2000},
        {"shared_threads_are_stopped", shared_threads_are_stopped, 1, 1'802, 2000},
    };
    return table;
}

} // namespace interleave
