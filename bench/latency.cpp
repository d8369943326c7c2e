// What a message costs on its way there and back: two channels of capacity 1, and the same on a queue as old
// code has it. Compare the two within one run; the figures of different runs or machines say nothing.
#include "../test/examples/plain_queue.hpp"

#include <inquest/inquest.hpp>

#include <benchmark/benchmark.h>
#include <thread>

namespace {

// Each round trip is checked: what comes back is what was sent, plus one.
template <class Queue>
void round_trip(benchmark::State& state) {
    Queue there(1), back(1);
    std::jthread echo([&] {
        while (auto item = there.pop()) (void)back.push(*item + 1);
    });
    long next = 0;
    for (auto _ : state) {
        (void)there.push(next);
        if (back.pop().value() != ++next) state.SkipWithError("a message was lost or doubled");
    }
    there.close();
}

void inquest_channel(benchmark::State& state) { round_trip<inquest::channel<long>>(state); }
void mutex_deque_condvars(benchmark::State& state) { round_trip<plain_queue<long>>(state); }

} // namespace

BENCHMARK(inquest_channel)->UseRealTime();
BENCHMARK(mutex_deque_condvars)->UseRealTime();
BENCHMARK_MAIN();
