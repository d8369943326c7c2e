// The scheduler itself: that it runs every interleaving there is, each once, and no other.
#include "search.hpp"
#include "sync.hpp"

#include <doctest/doctest.h>

#include <map>
#include <mutex>
#include <set>

namespace interleave {

int broken_now = -1;

} // namespace interleave

using namespace interleave;

namespace {

/// Runs two threads to their end. Waits for both in one step, which adds no interleavings of its own.
void both(std::move_only_function<void()> one, std::move_only_function<void()> other) {
    auto& s = scheduler::get();
    struct pair {
        unsigned one, other;
    } const started{s.start(std::move(one)), s.start(std::move(other))};
    s.take({.what = step::kind::until, .text = "joins", .object = &started, .possible = [](const void* of) {
                const auto& them = *static_cast<const pair*>(of);
                return scheduler::get().is_over(them.one) && scheduler::get().is_over(them.other);
            }});
}

/// How often each outcome of `program` comes about, in all schedules of a strategy.
template <class F>
std::map<std::string, int> outcomes(F program, strategy& how) {
    std::map<std::string, int> seen;
    while (how.begin()) {
        std::string outcome;
        scheduler::get().run("litmus", [&] { outcome = program(); }, how);
        ++seen[outcome];
    }
    return seen;
}

template <class F>
std::map<std::string, int> all_outcomes(F program, unsigned bound = 100) {
    exhaustive every(bound);
    return outcomes(program, every);
}

std::string store_buffering() {
    atomic<int> x{0}, y{0};
    int seen_x = -1, seen_y = -1;
    both([&] { x = 1, seen_y = y; }, [&] { y = 1, seen_x = x; });
    return std::to_string(seen_x) + std::to_string(seen_y);
}

std::string lost_update() {
    atomic<int> n{0};
    const auto add = [&] {
        const int seen = n;
        n = seen + 1;
    };
    both(add, add);
    return std::to_string(n.load());
}

} // namespace

TEST_CASE("two threads of n parts each have as many schedules as there are ways to merge them") {
    // A thread's parts: up to its first step, and from each step to the next. n parts each: (2n)! / (n! n!) ways.
    for (const auto& [steps, ways] : {std::pair{0, 2}, {1, 6}, {2, 20}, {3, 70}, {4, 252}}) {
        std::set<std::string> orders;
        const auto seen = all_outcomes([steps] {
            atomic<int> n{0};
            std::string order;
            const auto run = [&](char who) {
                return [&, who] {
                    order += who;
                    for (int i = 0; i < steps; ++i) n.load(), order += who;
                };
            };
            both(run('a'), run('b'));
            return order;
        });
        int schedules = 0;
        for (const auto& [order, times] : seen) {
            CHECK(times == 1); // each way once
            schedules += times;
        }
        CHECK(schedules == ways);
    }
}

TEST_CASE("with no preemption a thread runs until it ends; with one, one of them is cut once") {
    const auto run = [] {
        atomic<int> n{0};
        std::string order;
        const auto part = [&](char who) {
            return [&, who] {
                for (int i = 0; i < 3; ++i) order += who, n.load();
            };
        };
        both(part('a'), part('b'));
        return order;
    };
    const std::map<std::string, int> whole{{"aaabbb", 1}, {"bbbaaa", 1}};
    CHECK(all_outcomes(run, 0) == whole);
    for (const auto& [order, times] : all_outcomes(run, 1)) {
        int changes = 0;
        for (std::size_t i = 1; i < order.size(); ++i) changes += order[i] != order[i - 1];
        CHECK(changes <= 2);
    }
}

TEST_CASE("all outcomes that sequential consistency allows come about, and none that it forbids") {
    const auto seen = all_outcomes(store_buffering);
    CHECK(seen.size() == 3);
    CHECK(!seen.contains("00"));
    const auto updates = all_outcomes(lost_update);
    CHECK(updates.contains("1"));
    CHECK(updates.contains("2"));
    CHECK(updates.size() == 2);
    CHECK(!all_outcomes(lost_update, 0).contains("1")); // it takes a preemption
    CHECK(all_outcomes(lost_update, 1).contains("1"));
}

TEST_CASE("a mutex admits one at a time") {
    const auto seen = all_outcomes([] {
        mutex guard;
        int n = 0; // protected by guard
        atomic<int> unrelated{0};
        const auto add = [&] {
            const std::lock_guard lock(guard);
            const int before = n;
            unrelated.load(); // somebody else may come here, and has to wait
            n = before + 1;
        };
        both(add, add);
        return std::to_string(n);
    });
    CHECK(seen.size() == 1);
    CHECK(seen.contains("2"));
}

TEST_CASE("a wait ends by a notification, by its time, or without reason; all three are tried") {
    const auto seen = all_outcomes(
        [] {
            mutex guard;
            condition_variable changed;
            bool ready = false;
            std::string how;
            both(
                [&] {
                    std::unique_lock lock(guard);
                    int wakes = 0;
                    const auto looked = [&] { return ++wakes, ready; };
                    const bool in_time =
                        changed.wait_until(lock, clock::now() + std::chrono::seconds(1), looked);
                    how = (in_time ? "in time, looked " : "late, looked ") + std::to_string(wakes);
                },
                [&] {
                    const std::lock_guard lock(guard);
                    ready = true;
                    changed.notify_one();
                });
            return how;
        },
        2);
    CHECK(seen.contains("in time, looked 1")); // it was ready before
    CHECK(seen.contains("in time, looked 2")); // notified
    CHECK(seen.contains("in time, looked 3")); // without reason, then notified
    CHECK(seen.contains("late, looked 2"));
}

TEST_CASE("chance and priorities are the same again for a seed, and find what takes luck") {
    chance dice(7, 200), again(7, 200), others(8, 200);
    const auto seen = outcomes(lost_update, dice);
    CHECK(seen.size() == 2);
    CHECK(outcomes(lost_update, again) == seen);
    CHECK(outcomes(lost_update, others) != seen);
    priorities ranks(7, 200, 3), ranks_again(7, 200, 3);
    const auto ranked = outcomes(lost_update, ranks);
    CHECK(ranked.size() == 2);
    CHECK(outcomes(lost_update, ranks_again) == ranked);
}

TEST_CASE("what a schedule's choices say runs it again") {
    exhaustive every(100);
    std::map<std::string, std::string> told;
    while (every.begin()) {
        std::string outcome;
        replay again(scheduler::get().run("litmus", [&] { outcome = store_buffering(); }, every));
        CHECK(outcomes(store_buffering, again) == std::map<std::string, int>{{outcome, 1}});
    }
    CHECK_THROWS_AS(replay("1.x"), std::invalid_argument);
    CHECK_THROWS_AS(replay("300"), std::invalid_argument);
    CHECK_THROWS_AS(replay("*3"), std::invalid_argument);
}

TEST_CASE("a stop callback runs once, and is waited for by whoever deregisters it") {
    const auto seen = all_outcomes(
        [] {
            stop_source source;
            atomic<int> runs{0};
            int before = -1, after = -1;
            both([&] { source.request_stop(); },
                 [&] {
                     {
                         const stop_callback mine(source.get_token(), [&] {
                             before = runs;
                             runs = before + 1;
                         });
                     }
                     after = runs;
                 });
            return std::to_string(after) + std::to_string(runs.load());
        },
        3);
    CHECK(seen.contains("00"));
    CHECK(seen.contains("11"));
    CHECK(seen.size() == 2); // never "01": a callback that runs after it was deregistered
}
