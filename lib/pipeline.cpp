#include "pipeline_threads.hpp"

#include <inquest/pipeline.hpp>
#include <inquest/resolve.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace inquest { inline namespace INQUEST_ABI {

const stage_figures& bottleneck(std::span<const stage_figures> stages) noexcept {
    return *std::ranges::max_element(stages, {}, &stage_figures::busy);
}

namespace detail {

namespace {

// Of a pipeline that is run: asks every worker to stop when it is told to.
struct stopper {
    pipeline_threads& its;
    void operator()() const noexcept { its.stop(); }
};

failure<> was_stopped(const cause& behind) {
    return failure<>(unexplained("the pipeline was stopped", behind));
}

bool failed_alone(const worker_thread* its) {
    const auto failed = its->failed();
    return failed && !failed->cause().is_consequence();
}

// Without those that only followed from the first.
failure<> without_consequences(const failure<>& all) {
    std::vector<cause> others(all.also_failed().begin(), all.also_failed().end());
    std::erase_if(others, [](const cause& one) { return one.is_consequence(); });
    return failure<>(all.cause(), std::move(others));
}

// Looks at what the threads do, often enough for the figures to mean something, until all have ended.
void watch(const stage_plans& stages, pipeline_threads& threads, const run_options& options) {
    using std::chrono::milliseconds;
    const auto every = std::max(options.every, milliseconds(1));
    const auto between = std::clamp(every / 10, milliseconds(1), milliseconds(10));
    std::vector<stage_figures> figures;
    for (const auto& stage : stages)
        figures.push_back({.name = stage->options().name, .parallelism = stage->options().parallelism});
    std::vector<stage_load> found(stages.size());
    double looks = 0;
    const auto look = [&] {
        ++looks;
        for (std::size_t i = 0; i < found.size(); ++i) {
            const auto now = threads.look(i);
            found[i].busy += now.busy;
            found[i].starved += now.starved;
            found[i].blocked += now.blocked;
        }
    };
    const auto report = [&] {
        for (std::size_t i = 0; i < found.size(); ++i) {
            const auto of_all = std::max(looks, 1.0) * static_cast<double>(figures[i].parallelism);
            figures[i].items = threads.look(i).items;
            figures[i].busy = static_cast<double>(found[i].busy) / of_all;
            figures[i].starved = static_cast<double>(found[i].starved) / of_all;
            figures[i].blocked = static_cast<double>(found[i].blocked) / of_all;
        }
        options.progress(figures);
    };
    auto next = deadline_after(every);
    for (worker_thread* const last : threads.all())
        while (!last->wait(clock::now() + between)) {
            look();
            if (const auto now = clock::now(); now >= next) {
                report();
                next = deadline_after(every);
            }
        }
    report();
}

} // namespace

pipeline_core::pipeline_core() = default;
pipeline_core::~pipeline_core() = default;
pipeline_core::pipeline_core(pipeline_core&&) noexcept = default;

stage_workers& pipeline_core::sink() noexcept { return *threads_->sink(); }

std::optional<failure<>> pipeline_core::run(const stop_token& stop, const run_options& options) {
    if (stages_.empty()) throw std::invalid_argument("inquest: this pipeline was run before, or moved from");
    // With their functions they are destroyed when it has ended, unless the sink has a result.
    const auto stages = std::move(stages_);
    auto threads = options.threads == 0 ? own_threads(stages) : shared_threads(stages, options.threads);
    if (stop.stop_requested()) return was_stopped(cause());
    // Before they start: else they could come to the end first, although the stop was requested while they ran.
    const stop_callback<stopper> on_stop(stop, stopper{*threads});
    threads->start();
    const auto all = threads->all();
    const auto wait_for_all = [all] {
        for (worker_thread* const one : all) one->wait(all);
    };
    try {
        if (options.progress) watch(stages, *threads, options);
    } catch (...) {
        threads->stop();
        wait_for_all();
        throw;
    }
    wait_for_all();
    if (std::ranges::none_of(all, failed_alone) && (stop.stop_requested() || threads->sink_is_done())) {
        const auto known = *join_all(all, explain_only, time_limit::none()); // and nobody reports them
        if (stop.stop_requested() && threads->broke_off())
            return was_stopped(known ? known->cause() : cause());
    } else if (const auto failed = *join_all(all, rethrow, time_limit::none())) {
        return without_consequences(*failed);
    }
    threads_ = std::move(threads);
    return std::nullopt;
}

} // namespace detail
}} // namespace inquest::INQUEST_ABI
