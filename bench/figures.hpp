// What a measurement returns, and the clocks it reads.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <sys/resource.h>
#include <time.h>
#include <vector>

namespace bench {

using steady = std::chrono::steady_clock;

/// Nanoseconds of the steady clock.
inline std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(steady::now().time_since_epoch()).count();
}
/// Nanoseconds that the calling thread has run.
inline std::int64_t thread_cpu() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

/// What the process has used.
struct usage {
    std::int64_t cpu = 0;      // nanoseconds, of all threads, in user and system
    std::int64_t switches = 0; // voluntary context switches
    static usage now() {
        rusage used{};
        getrusage(RUSAGE_SELF, &used);
        const auto ns = [](const timeval& t) {
            return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_usec * 1'000;
        };
        return {ns(used.ru_utime) + ns(used.ru_stime), used.ru_nvcsw};
    }
};

/// Of one run. All times are nanoseconds.
struct figures {
    double ns = 0; // the headline: a message's share of the time, or the median
    double p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0; // if single times were taken
    double cpu = 0, switches = 0;                        // a message's share
    std::uint64_t messages = 0;
    bool intact = true; // each message arrived once
};

/// Fills in the percentiles.
inline void take_percentiles(figures& of, std::vector<std::int64_t>& times) {
    if (times.empty()) return;
    std::ranges::sort(times);
    const auto at = [&](double part) {
        return static_cast<double>(
            times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))]);
    };
    of.p50 = at(0.5), of.p90 = at(0.9), of.p99 = at(0.99), of.p999 = at(0.999), of.max = at(1);
    of.ns = of.p50;
}

/// Fills in what each of `messages` has used since `before`.
inline void take_usage(figures& of, const usage& before) {
    const auto after = usage::now();
    const auto n = static_cast<double>(std::max<std::uint64_t>(of.messages, 1));
    of.cpu = static_cast<double>(after.cpu - before.cpu) / n;
    of.switches = static_cast<double>(after.switches - before.switches) / n;
}

} // namespace bench
