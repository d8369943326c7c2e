// How long a message takes while many are under way: any number of producers and consumers, capacities and payloads.
// Named QUEUE/PRODUCERS:CONSUMERS/CAPACITY/BYTES. Each run checks that every message arrived once.
#include "measure_throughput.hpp"
#include "report.hpp"

namespace {

using namespace bench;
using namespace std::chrono_literals;

template <template <class> class Queue, class T>
void add(unsigned producers, unsigned consumers, std::size_t capacity, const char* payload,
         std::size_t batch = 0) {
    auto name = std::string(Queue<T>::name) + '/' + std::to_string(producers) + ':' +
                std::to_string(consumers) + '/' + std::to_string(capacity) + '/' + payload;
    if (batch > 0) name += "/ranges_of_" + std::to_string(batch);
    as_runs(benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
        report(state, [&] {
            return throughput<T, Queue<T>>({.capacity = capacity,
                                            .producers = producers,
                                            .consumers = consumers,
                                            .time = 20ms,
                                            .batch = batch});
        });
    }));
}

} // namespace

int main(int argc, char** argv) {
    for (const std::size_t capacity : {1U, 16U, 1024U})
        for (const auto& [producers, consumers] : {std::pair{1U, 1U}, {4U, 1U}, {1U, 4U}, {4U, 4U}})
            each_queue([&]<template <class> class Queue>() {
                constexpr auto can = Queue<word>::can;
                if ((producers > 1 && !can.many_producers) || (consumers > 1 && !can.many_consumers)) return;
                add<Queue, word>(producers, consumers, capacity, "8");
                add<Queue, line>(producers, consumers, capacity, "64");
                add<Queue, text>(producers, consumers, capacity, "256");
            });
    add<of_inquest, word>(1, 1, 1024, "8", 64);
    add<of_worker, word>(1, 1, 1024, "8");
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
