// How a pipeline and its stages are run, and what can be known of them meanwhile.
#pragma once

#include <inquest/worker_options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace inquest { inline namespace INQUEST_ABI {

/// How a stage of a pipeline is run.
struct stage_options {
    std::string name;            ///< of the stage, in messages and in the system's thread list
    std::size_t parallelism = 1; ///< how many workers it has, at least 1, each with a copy of the function
    bool ordered =
        false; ///< what it makes of one item never overtakes what it made of an earlier one; nothing for a sink
    std::size_t capacity =
        16; ///< the most of its items that wait for the next stage, at least 1; nothing for a sink
    inquest::on_exception on_exception = inquest::on_exception::record; ///< whether what it throws is caught
    thread_attributes thread{}; ///< stack, processors and priority of its workers' threads
};

/// What a stage has done so far. The fractions are of the time that the pipeline has run, of all its workers, and are found by looking
/// at these now and then: no item is timed.
struct stage_figures {
    std::string name;            ///< of the stage
    std::size_t parallelism = 1; ///< how many workers it has
    std::uint64_t items = 0;     ///< taken from the stage before; of the source, handed to the one behind it
    double busy = 0;             ///< in its own code; of the time that so many threads as its parallelism had
    double starved = 0;          ///< waiting for an item of the stage before
    double blocked = 0;          ///< waiting for room before the stage behind it
};

/// The stage that sets the pace: the one that was busy for most of the time. Of none there is none: undefined. Does not block.
[[nodiscard]] const stage_figures& bottleneck(std::span<const stage_figures> stages) noexcept;

/// How a pipeline is run.
struct run_options {
    /// Called now and then while the pipeline runs, and once when it has ended, on the thread that runs it, with the figures of all
    /// stages. If it throws, the pipeline is stopped, and `run` throws that. None: nobody looks at the workers.
    std::function<void(std::span<const stage_figures>)> progress{};
    std::chrono::milliseconds every{200}; ///< how long it is between two calls, at least a millisecond
    /// 0: each stage has threads of its own, as many as its parallelism. Else there are so many in all, which the stages share: each takes
    /// an item from stage to stage as far as it can, so that nobody is woken for it and it stays in one cache. That is faster if the stages
    /// compute; but a call that blocks in one of them keeps a thread from all. No copy of a function is called by two threads at
    /// once, but by this one now and by that one later. In the system's thread list all have the source's name; messages have the stage's. Every stage's function is one of items then, and all stages are alike in `on_exception`
    /// and `thread`: else `run` throws std::invalid_argument.
    std::size_t threads = 0;
};

}} // namespace inquest::INQUEST_ABI
