// Whole processes that end in unusual ways: none hangs, and each says what it should.
#include "../support/program.hpp"
#include "../support/support.hpp"

#include <doctest/doctest.h>

namespace process {

namespace {

support::outcome run_case(const char* name) {
    support::doing(name);
    return support::run({support::from_build("PROCESS_CASES"), name});
}

} // namespace

TEST_CASE("static workers and channels are destroyed without a hang, in either order") {
    CHECK(run_case("static_channel_first").status == 0);
    CHECK(run_case("static_worker_first").status == 0);
}

TEST_CASE("an unobserved failure is reported even in static destruction") {
    const auto run = run_case("static_failure");
    CHECK(run.status == 0);
    CHECK(run.err == "inquest: unobserved failure: worker 'static' failed: late\n");
}

TEST_CASE("exit with a worker blocked on a static channel stops it, from main and from another worker") {
    CHECK(run_case("exit_in_main").status == 3);
    CHECK(run_case("exit_in_worker").status == 4);
}

TEST_CASE("on_exception = terminate ends the process at the throw, with nothing unwound") {
    const auto run = run_case("throw_uncaught");
    CHECK(run.status == 5);
    CHECK(run.out == "terminated\n");
    const auto in_copy = run_case("throw_uncaught_in_a_waiting_pop");
    CHECK(in_copy.status == 5);
    CHECK(in_copy.out == "unwound\nterminated\n"); // the first copy was, which the push made
    for (const char* other : {"throw_uncaught_in_a_flusher", "throw_uncaught_in_shared_threads"}) {
        const auto its = run_case(other);
        CHECK(its.status == 5);
        CHECK(its.out == "terminated\n");
    }
}

TEST_CASE("on_exception = record unwinds, and gives the exception to whoever joins") {
    const auto run = run_case("throw_caught");
    CHECK(run.status == 0);
    CHECK(run.out == "unwound\nx\n");
}

TEST_CASE("with on_exception = terminate a forced unwind and a success are recorded as ever") {
    const auto run = run_case("pthread_exit_uncaught");
    CHECK(run.status == 0);
    CHECK(run.out == "unwound\nworker 'w' failed: thread ended by pthread_exit or pthread_cancel\n");
    CHECK(run_case("success_uncaught").status == 6);
}

TEST_CASE(
    "in a forked child the parent's workers and ends can be let go: nothing hangs, and it is reported") {
    const auto run = run_case("fork_under_load");
    INFO(run.err);
    CHECK(run.status == 0);
    CHECK(run.err.find("worker 'busy-1': left behind by a fork") != std::string::npos);
}

TEST_CASE("an announcement that a forked child lets go of takes no lock of the parent's") {
    CHECK(run_case("fork_in_copy").status == 0);
}

// Not with sanitizers: their own runtimes do not survive a fork while another thread starts threads, nor the end of a
// child that has no main thread.
#if !SUPPORT_SANITIZER
TEST_CASE("a fork inside a worker's function: the child ends without touching what is the parent's") {
    const auto run = run_case("fork_in_worker");
    INFO(run.err);
    CHECK(run.status == 0);
    CHECK(run.out.empty()); // its failure is not recorded
}

TEST_CASE("a forked child may go on with channels and workers of its own") {
    const auto run = run_case("fork_and_work");
    INFO(run.err);
    CHECK(run.status == 0);
}
#endif

TEST_CASE("with neither hook nor logger, one line goes to standard error") {
    CHECK(run_case("unobserved").err ==
          "inquest: unobserved failure: worker 'frames' failed on item 1: no more\n");
    CHECK(run_case("hook_throws").err == "inquest: the failure hook threw: from the hook\n"
                                         "inquest: unobserved failure: worker 'w' failed: no more\n");
    CHECK(run_case("logger_throws").err == "inquest: the logger threw: from the logger\n"
                                           "inquest: unobserved failure: worker 'w' failed: no more\n");
    CHECK(run_case("no_words").err == "inquest: unobserved failure, whose text could not be made\n");
    const auto run = run_case("long_wait");
    INFO(run.err);
    CHECK(run.err.starts_with("inquest: long wait: worker 'slow' still waiting in pop of 'jobs' ("));
}

} // namespace process
