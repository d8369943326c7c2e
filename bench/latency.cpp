// How long a message takes, there and back and one way at a steady pace, on this library's channel and on others.
// Compare what stands in one run; the figures of different runs or machines say nothing.
//
// round_trip: two channels of capacity 1, one message at a time. paced: so many messages a second, each timed from
// when it was to be sent. Each run checks that every message arrived once.
#include "measure_latency.hpp"
#include "report.hpp"

namespace {

using namespace bench;
using namespace std::chrono_literals;

template <template <class> class Queue>
void add() {
    const std::string name = Queue<word>::name;
    as_runs(benchmark::RegisterBenchmark(("round_trip/" + name).c_str(), [](benchmark::State& state) {
        report(state, [] { return round_trip<Queue<word>>(1, 50ms); });
    }));
    for (const int rate : {1'000, 10'000, 100'000})
        as_runs(benchmark::RegisterBenchmark(
            ("paced/" + name + '/' + std::to_string(rate)).c_str(), [rate](benchmark::State& state) {
                report(state, [&] { return paced<Queue<word>>(1024, rate, 100ms); });
            }));
}

} // namespace

int main(int argc, char** argv) {
    each_queue([]<template <class> class Queue>() { add<Queue>(); });
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
