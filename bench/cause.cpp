// How long it takes from a worker's having its error in hand until the producer has it: the producer is parked on a
// full channel, or running; it has joined the worker, or has the cause with the failed push. Beside it the same with a
// mutex, two condition variables, a future and a thread, as old code has it.
#include "measure_cause.hpp"
#include "report.hpp"

namespace {

using namespace bench;

void add(const char* name, auto&& measure) {
    for (const auto doing : {producer::parked, producer::running})
        as_runs(benchmark::RegisterBenchmark(
            (std::string(name) + (doing == producer::parked ? "/parked" : "/running")).c_str(),
            [=](benchmark::State& state) {
                report(state, [&] { return measure(failing{.doing = doing, .rounds = 50}); });
            }));
}

} // namespace

int main(int argc, char** argv) {
    add("inquest/joined", [](const failing& how) { return inquest_cause(how, knows::joined); });
    add("inquest/at_once", [](const failing& how) { return inquest_cause(how, knows::at_once); });
    add("mutex-deque/joined", [](const failing& how) { return mutex_cause(how); });
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
