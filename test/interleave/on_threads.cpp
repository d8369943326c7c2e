// The same programs on real threads, many times over: for ThreadSanitizer, which sees what the scheduler, being
// sequentially consistent, cannot.
#include "../support/support.hpp"
#include "program.hpp"

#include <doctest/doctest.h>

namespace interleave {

void require(bool holds, std::string_view what) {
    if (!holds) FAIL(what);
}
void say(std::string) {}
void call_me(std::string) {}
void let_time_pass(clock::duration) {}
void take_a_step() { std::this_thread::yield(); }
void until_within(const inquest::detail::channel_base&) {}
void until_quiet() {
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
}
void watch(std::weak_ptr<const inquest::detail::channel_base>, std::string) {}

} // namespace interleave

TEST_CASE("the explored programs hold on real threads") {
    for (const auto& one : interleave::programs()) {
        if (one.scheduled) continue;
        INFO(std::string(one.name));
        support::doing(one.name);
        const support::caught_hook quiet;
        for (int round = 0; round < support::stress(300); ++round) one.run();
    }
}
