// How long a message takes: there and back, and one way at a steady pace.
#pragma once

#include "figures.hpp"
#include "queues.hpp"

#include <thread>

namespace bench {

/// There and back through two queues, one message at a time, each trip timed.
template <class Queue>
figures round_trip(std::size_t capacity, std::chrono::milliseconds time) {
    Queue there(capacity), back(capacity);
    std::thread echo([&] {
        while (auto item = there.pop()) back.push(*item + 1);
    });
    std::vector<std::int64_t> times;
    times.reserve(4'000'000);
    figures result;
    const auto used = usage::now();
    const auto until = now() + std::chrono::nanoseconds(time).count();
    word next = 0;
    for (auto before = now(); before < until;) {
        there.push(word{next});
        result.intact = back.pop() == ++next && result.intact;
        const auto after = now();
        if (times.size() < times.capacity()) times.push_back(after - before);
        before = after;
    }
    result.messages = next;
    take_usage(result, used);
    there.end(1);
    echo.join();
    take_percentiles(result, times);
    return result;
}

/// One way, `rate` messages a second, each timed from when it was to be sent: a stall delays those behind it and they
/// say so. `cpu` is the consumer's thread and the time inside push; between messages the producer spins.
template <class Queue>
figures paced(std::size_t capacity, std::int64_t rate, std::chrono::milliseconds time) {
    Queue queue(capacity);
    const std::int64_t gap = 1'000'000'000 / rate;
    const auto messages = static_cast<std::size_t>(std::chrono::nanoseconds(time).count() / gap);
    std::vector<std::int64_t> times;
    times.reserve(messages);
    std::int64_t consumer_cpu = 0;
    std::uint64_t wrong = 0;
    const auto used = usage::now();
    std::thread consumer([&] {
        std::uint64_t before = 0;
        while (const auto due = queue.pop()) {
            times.push_back(now() - static_cast<std::int64_t>(*due));
            wrong += *due <= before; // each later than the last: none twice
            before = *due;
        }
        consumer_cpu = thread_cpu();
    });
    std::int64_t inside = 0;
    const auto start = now() + 1'000'000;
    for (std::size_t i = 0; i < messages; ++i) {
        const auto due = start + static_cast<std::int64_t>(i) * gap;
        auto before = now();
        while (before < due) before = now();
        queue.push(static_cast<word>(due));
        inside += now() - before;
    }
    queue.end(1);
    consumer.join();
    figures result;
    result.messages = times.size();
    result.intact = times.size() == messages && wrong == 0;
    take_usage(result, used);
    result.cpu =
        static_cast<double>(consumer_cpu + inside) / static_cast<double>(std::max<std::size_t>(messages, 1));
    take_percentiles(result, times);
    return result;
}

} // namespace bench
