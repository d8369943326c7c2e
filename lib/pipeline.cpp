#include <inquest/detail/channel_base.hpp>
#include <inquest/pipeline.hpp>

#include <algorithm>
#include <array>
#include <ranges>
#include <stdexcept>

namespace inquest { inline namespace INQUEST_ABI {

const stage_figures& bottleneck(std::span<const stage_figures> stages) noexcept {
    return *std::ranges::max_element(stages, {}, &stage_figures::busy);
}

namespace detail {

pipeline_stage::pipeline_stage(const stage_options& options, shared_channel counted, bool is_source)
    : name_(options.name), parallelism_(options.parallelism), counted_(std::move(counted)),
      is_source_(is_source) {}

pipeline_stage::~pipeline_stage() = default;

std::uint64_t pipeline_stage::items() const noexcept {
    const auto its = counted_->count_items();
    return is_source_ ? its.pushed : its.popped;
}

void refuse_bad_stage(const stage_options& options, const stage_traits& function) {
    if (options.name.empty()) throw std::invalid_argument("inquest: a pipeline's stages have names");
    if (options.parallelism == 0) throw std::invalid_argument("inquest: a stage needs at least one worker");
    if (options.parallelism == 1) return;
    const auto refuse = [](const char* why) { throw std::invalid_argument(why); };
    if (function.is_source) refuse("inquest: a pipeline's source has one worker");
    if (function.has_result)
        refuse("inquest: a sink of several workers takes items: of whole streams each would have a result");
    if (!function.is_copyable)
        refuse("inquest: a stage of several workers needs a function that can be copied");
    if (options.ordered && function.is_whole_stream)
        refuse("inquest: a stage of several workers is ordered only if its function takes items: of a whole "
               "stream "
               "nobody knows what was made of which");
}

namespace {

// What the looks at a stage's workers have found.
struct tally {
    std::size_t busy = 0, starved = 0, blocked = 0;
    void add(activity doing) noexcept {
        if (doing == activity::running) ++busy;
        if (doing == activity::popping) ++starved;
        if (doing == activity::pushing) ++blocked;
    }
};

// Of a pipeline that is run: asks every worker to stop when it is told to.
struct stopper {
    std::span<worker_thread* const> threads;
    void operator()() const noexcept {
        for (worker_thread* const one : threads) (void)one->request_stop();
    }
};

bool has_failed(const worker_thread* its) { return its->failed().has_value(); }

failure<> was_stopped(const cause& behind) {
    return failure<>(unexplained("the pipeline was stopped", behind));
}

// Without those that only followed from the first.
failure<> without_consequences(const failure<>& all) {
    std::vector<cause> others(all.also_failed().begin(), all.also_failed().end());
    std::erase_if(others, [](const cause& one) { return one.is_consequence(); });
    return failure<>(all.cause(), std::move(others));
}

} // namespace

std::string pipeline_core::path() const {
    std::string text;
    for (const auto& stage : stages_) text += stage->name() + " > ";
    return text;
}

std::optional<failure<>> pipeline_core::run(const stop_token& stop, const run_options& options) {
    if (stop.stop_requested()) return was_stopped(cause());
    for (const auto& stage : std::views::reverse(stages_)) {
        stage->start();
        std::ranges::copy(stage->threads(), std::back_inserter(threads_));
    }
    const std::size_t sinks = stages_.back()->parallelism(); // the first in `threads_`
    const stopper stop_all{threads_};
    const stop_callback<stopper> on_stop(stop, stop_all);
    const auto wait_for_all = [this] {
        for (worker_thread* const one : threads_) one->wait(threads_);
    };
    try {
        if (options.progress) watch(options);
    } catch (...) {
        stop_all();
        wait_for_all();
        throw;
    }
    wait_for_all();
    const auto sink_workers = std::span(threads_).first(sinks);
    const bool sink_is_done = std::ranges::none_of(sink_workers, has_failed);
    const bool all_are_consequences = std::ranges::all_of(threads_, [](const worker_thread* its) {
        const auto failed = its->failed();
        return !failed || failed->cause().is_consequence();
    });
    const bool broke_off = !sink_is_done || std::ranges::any_of(sink_workers, &worker_thread::broke_off);
    if (all_are_consequences && (stop.stop_requested() || sink_is_done)) {
        const auto known = *join_all(threads_, explain_only, time_limit::none()); // and nobody reports them
        if (!stop.stop_requested() || !broke_off) return std::nullopt;
        return was_stopped(known ? known->cause() : cause());
    }
    if (const auto failed = *join_all(threads_, rethrow, time_limit::none()))
        return without_consequences(*failed);
    return std::nullopt;
}

// Looks at what the workers do, often enough for the figures to mean something, until all have ended.
void pipeline_core::watch(const run_options& options) {
    using std::chrono::milliseconds;
    const auto every = std::max(options.every, milliseconds(1));
    const auto between = std::clamp(every / 10, milliseconds(1), milliseconds(10));
    std::vector<stage_figures> figures;
    for (const auto& stage : stages_)
        figures.push_back({.name = stage->name(), .parallelism = stage->parallelism()});
    std::vector<tally> tallies(stages_.size());
    std::size_t looks = 0;
    const auto report = [&] {
        for (std::size_t i = 0; i < stages_.size(); ++i) {
            figures[i].items = stages_[i]->items();
            const auto share = [&](std::size_t found) {
                return looks == 0 ? 0
                                  : static_cast<double>(found) /
                                        static_cast<double>(looks * stages_[i]->parallelism());
            };
            figures[i].busy = share(tallies[i].busy);
            figures[i].starved = share(tallies[i].starved);
            figures[i].blocked = share(tallies[i].blocked);
        }
        options.progress(figures);
    };
    auto next = deadline_after(every);
    for (worker_thread* const last : threads_)
        while (!last->wait(clock::now() + between)) {
            ++looks;
            for (std::size_t i = 0; i < stages_.size(); ++i)
                for (const worker_thread* const one : stages_[i]->threads()) tallies[i].add(one->doing());
            if (const auto now = clock::now(); now >= next) {
                report();
                next = deadline_after(every);
            }
        }
    report();
}

} // namespace detail
}} // namespace inquest::INQUEST_ABI
