// Figures as Google Benchmark's users read them: times as counters, in nanoseconds.
#pragma once

#include "figures.hpp"

#include <benchmark/benchmark.h>

namespace bench {

/// Runs `measure` once for each iteration, and reports the median of each figure. A message's share of the time, or the
/// median, is what the benchmark says as its time.
template <class F>
void report(benchmark::State& state, F&& measure) {
    std::vector<figures> all;
    for (auto _ : state) {
        all.push_back(measure());
        if (!all.back().intact) return state.SkipWithError("a message was lost or doubled");
        state.SetIterationTime(all.back().ns * 1e-9);
    }
    const auto median = [&](double figures::* of) {
        std::vector<double> values;
        for (const auto& one : all) values.push_back(one.*of);
        std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
        return values[values.size() / 2];
    };
    if (all.front().p50 > 0) {
        state.counters["p50"] = median(&figures::p50);
        state.counters["p90"] = median(&figures::p90);
        state.counters["p99"] = median(&figures::p99);
        state.counters["p99.9"] = median(&figures::p999);
        state.counters["max"] = median(&figures::max);
    }
    state.counters["cpu_ns"] = median(&figures::cpu);
    state.counters["switches"] = median(&figures::switches);
}

/// One iteration is a whole run of many messages.
inline void as_runs(benchmark::internal::Benchmark* of) {
    of->UseManualTime()->Iterations(5)->Unit(benchmark::kNanosecond);
}

} // namespace bench
