// One measurement of one queue, as a line of JSON: what compare.py runs in turns with those of other languages.
#include "measure_cause.hpp"
#include "measure_latency.hpp"
#include "measure_throughput.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>

namespace {

using namespace bench;

constexpr auto usage_text = "usage: measure QUEUE MEASURE [KEY=NUMBER...], or measure --list\n"
                            "  throughput capacity= producers= consumers= payload=8|64|256 ms= batch=\n"
                            "  round_trip capacity= ms=\n"
                            "  paced capacity= rate= ms=\n"
                            "  cause parked=0|1 early=0|1 rounds=\n"
                            "exit status: 0, 1 where a message was lost or doubled, 2 for bad usage, 3 where "
                            "QUEUE has no such thing\n";

/// Those of `each_queue`, and ours with workers.
template <class F>
void each(F&& with) {
    each_queue(with);
    with.template operator()<of_worker>();
}

[[noreturn]] void refuse() {
    std::fputs(usage_text, stderr);
    std::exit(2);
}

class options {
  public:
    explicit options(std::span<char*> given) {
        for (const std::string_view one : given) {
            const auto split = one.find('=');
            if (split == one.npos) refuse();
            const auto key = values_.find(one.substr(0, split));
            const auto* const end = one.data() + one.size();
            if (key == values_.end() || std::from_chars(one.data() + split + 1, end, key->second) !=
                                            std::from_chars_result{end, std::errc{}})
                refuse();
        }
    }
    template <class N = std::int64_t>
    N operator[](std::string_view key) const {
        return static_cast<N>(values_.find(key)->second);
    }

  private:
    std::map<std::string_view, std::int64_t> values_{
        {"capacity", 1}, {"producers", 1}, {"consumers", 1}, {"payload", 8}, {"ms", 100},
        {"batch", 0},    {"rate", 10'000}, {"parked", 1},    {"early", 0},   {"rounds", 300}};
};

template <template <class> class Queue, class T>
figures measure_throughput(const options& with) {
    return throughput<T, Queue<T>>({.capacity = with.operator[]<std::size_t>("capacity"),
                                    .producers = with.operator[]<unsigned>("producers"),
                                    .consumers = with.operator[]<unsigned>("consumers"),
                                    .time = std::chrono::milliseconds(with["ms"]),
                                    .batch = with.operator[]<std::size_t>("batch")});
}

template <template <class> class Queue>
std::optional<figures> measure(std::string_view what, const options& with) {
    using queue = Queue<word>;
    const std::chrono::milliseconds time(with["ms"]);
    const auto capacity = with.operator[]<std::size_t>("capacity");
    if (what == "throughput") {
        if (with["producers"] > 1 && !queue::can.many_producers) return std::nullopt;
        if (with["consumers"] > 1 && !queue::can.many_consumers) return std::nullopt;
        if (with["batch"] > 0 && !requires(queue& q) { q.get().push_range(std::span<word>()); })
            return std::nullopt;
        if (with["payload"] == 8) return measure_throughput<Queue, word>(with);
        if (with["payload"] == 64) return measure_throughput<Queue, line>(with);
        if (with["payload"] == 256) return measure_throughput<Queue, text>(with);
        refuse();
    }
    if constexpr (requires(queue& q) { q.pop(); }) {
        if (what == "round_trip") return round_trip<queue>(capacity, time);
        if (what == "paced") return paced<queue>(capacity, with["rate"], time);
    } else if (what == "round_trip" || what == "paced")
        return std::nullopt;
    if (what == "cause") {
        const failing how{.doing = with["parked"] ? producer::parked : producer::running,
                          .rounds = with.operator[]<unsigned>("rounds")};
        const std::string_view name = queue::name;
        if (name == "inquest") return inquest_cause(how, with["early"] ? knows::at_once : knows::joined);
        if (name == "mutex-deque" && !with["early"]) return mutex_cause(how);
        return std::nullopt;
    }
    refuse();
}

} // namespace

int main(int argc, char** argv) {
    const std::span<char*> given(argv + 1, static_cast<std::size_t>(argc - 1));
    if (given.size() == 1 && std::string_view(given[0]) == "--list") {
        each([]<template <class> class Queue>() { std::puts(Queue<word>::name); });
        return 0;
    }
    if (given.size() < 2) refuse();
    const options with(given.subspan(2));
    std::optional<figures> found;
    bool known = false;
    each([&]<template <class> class Queue>() {
        if (std::string_view(given[0]) != Queue<word>::name) return;
        known = true;
        found = measure<Queue>(given[1], with);
    });
    if (!known) refuse();
    if (!found) return 3;
    std::printf("{\"ns\": %.2f, \"p50\": %.0f, \"p90\": %.0f, \"p99\": %.0f, \"p999\": %.0f, \"max\": %.0f, "
                "\"cpu\": %.2f, \"switches\": %.4f, \"messages\": %llu, \"intact\": %s}\n",
                found->ns, found->p50, found->p90, found->p99, found->p999, found->max, found->cpu,
                found->switches, static_cast<unsigned long long>(found->messages),
                found->intact ? "true" : "false");
    return found->intact ? 0 : 1;
}
