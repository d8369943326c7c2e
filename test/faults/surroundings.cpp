// Processes with little stack, little address space, signals, or a plugin that is closed.
#include "../support/program.hpp"
#include "../support/support.hpp"

#include <doctest/doctest.h>

namespace surroundings {

namespace {

support::outcome run_case(const char* name) {
    support::doing(name);
    auto its = support::run({support::from_build("SURROUNDINGS_CASES"), name});
    INFO(its.err);
    CHECK(its.status == 0);
    return its;
}

#if !SUPPORT_SANITIZER
/// What the host says in three rounds: what two threads were told, and what became of the plugin.
std::string three_rounds(const std::string& fate) {
    const std::string told = "worker 'plugin' failed on item 3: three, typed\n";
    const std::string round = told + told + fate + '\n';
    return round + round + round;
}
#endif

} // namespace

TEST_CASE("every ending of a worker on threads that have the usual stack") { run_case("all_endings"); }

#if !SUPPORT_SANITIZER // an instrumented function's frames are larger, and shadow memory is address space
TEST_CASE("and on threads that have 64 kB of stack, because the process gives no more") {
    run_case("all_endings_on_small_stacks");
}

TEST_CASE("where the address space ends: a worker never started, a channel that throws, and nothing hangs") {
    run_case("address_space_ends");
}
#endif

TEST_CASE("signals whose handlers interrupt system calls end no wait, and lose nothing") {
    run_case("signals");
}

TEST_CASE("a thread that waits for SIGTERM stops the workers, and the producer hears of it") {
    CHECK(run_case("terminated").out == "worker 'slow' finished early\n");
}

#if !SUPPORT_SANITIZER // once it is unloaded, the few bytes that the library never gives back can be reached no longer
TEST_CASE("a plugin is opened, run, and closed, and again: each time its own error arrives") {
    const auto run = support::run({support::from_build("PLUGIN_HOST"), support::from_build("PLUGIN"), "3"});
    INFO(run.err);
    CHECK(run.status == 0);
    // The system keeps what it can't unload safely.
    const bool kept = run.out == three_rounds("kept"), unloaded = run.out == three_rounds("unloaded");
    CHECK((kept || unloaded));
}

TEST_CASE("a plugin that holds the library is unloaded with it, and the process goes on, forks, and opens it "
          "again") {
    const auto run =
        support::run({support::from_build("PLUGIN_HOST"), support::from_build("PLUGIN_WHOLE"), "3"});
    INFO(run.err);
    CHECK(run.status == 0);
    CHECK(run.out == three_rounds("unloaded"));
}
#endif

} // namespace surroundings
