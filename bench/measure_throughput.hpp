// Messages a second, from any number of threads to any number.
#pragma once

#include "figures.hpp"
#include "queues.hpp"

#include <atomic>
#include <barrier>
#include <numeric>
#include <span>
#include <thread>

namespace bench {

struct traffic {
    std::size_t capacity = 1;
    unsigned producers = 1, consumers = 1;
    std::chrono::milliseconds time{100};
    std::size_t batch = 0; // messages a call, if the queue has such a call; 0: one at a time
};

/// How many messages, and a sum in which none can be lost or doubled unseen.
struct account {
    std::uint64_t count = 0, sum = 0;
    void add(word number) {
        ++count;
        const word mixed = number * 0x9E37'79B9'7F4A'7C15U;
        sum += mixed ^ (mixed >> 29U);
    }
    account& operator+=(const account& other) {
        count += other.count, sum += other.sum;
        return *this;
    }
    bool operator==(const account&) const = default;
};

template <class T, class Queue>
void push_until(const std::atomic<bool>& over, Queue& to, word first, const traffic& how, account& sent) {
    if constexpr (requires { to.get().push_range(std::span<T>()); }) {
        if (how.batch > 0) {
            std::vector<T> batch(how.batch);
            for (word n = first; !over.load(std::memory_order_relaxed); n += how.batch) {
                for (std::size_t i = 0; i < how.batch; ++i) sent.add(n + i), batch[i] = make<T>(n + i);
                (void)to.get().push_range(batch);
            }
            return;
        }
    }
    for (word n = first; !over.load(std::memory_order_relaxed); ++n) {
        to.push(make<T>(n));
        sent.add(n);
    }
}

template <class T, class Queue>
void pop_to_end(Queue& from, const traffic& how, account& got) {
    if constexpr (requires(std::vector<T>& out) { from.get().pop_exactly(out, 1); }) {
        if (how.batch > 0) {
            std::vector<T> out;
            while (from.get().pop_exactly(out, how.batch)) {
                for (const T& item : out) got.add(number(item));
                out.clear();
            }
            return;
        }
    }
    while (const auto item = from.pop()) got.add(number(*item));
}

/// A thread that runs `body` with something to pop from.
template <class Queue, class F>
auto consumer(Queue& queue, F body) {
    if constexpr (requires { queue.consumer(body); })
        return queue.consumer(body);
    else
        return std::thread([&queue, body]() mutable { body(queue); });
}

/// `ns` is a message's share of the time from when all start until the last has arrived.
template <class T, class Queue>
figures throughput(const traffic& how) {
    Queue queue(how.capacity);
    std::atomic<bool> over{false};
    std::barrier start(static_cast<std::ptrdiff_t>(how.producers + how.consumers + 1));
    std::vector<account> sent(how.producers), got(how.consumers);
    const auto consume = [&](unsigned c) {
        return consumer(queue, [&, c](auto& from) {
            account mine; // its own until the end: no line is shared
            start.arrive_and_wait();
            pop_to_end<T>(from, how, mine);
            got[c] = mine;
        });
    };
    std::vector<decltype(consume(0))> consumers;
    for (unsigned c = 0; c < how.consumers; ++c) consumers.push_back(consume(c));
    std::vector<std::thread> producers;
    for (unsigned p = 0; p < how.producers; ++p)
        producers.emplace_back([&, p] {
            account mine;
            start.arrive_and_wait();
            push_until<T>(over, queue, word{p} << 40U, how, mine);
            sent[p] = mine;
        });
    start.arrive_and_wait();
    const auto used = usage::now();
    const auto began = now();
    std::this_thread::sleep_for(how.time);
    over = true;
    for (auto& one : producers) one.join();
    queue.end(how.consumers);
    for (auto& one : consumers) (void)one.join();
    const auto took = now() - began;

    figures result;
    const auto all = std::accumulate(got.begin(), got.end(), account{},
                                     [](account a, const account& b) { return a += b; });
    result.messages = all.count;
    result.ns = static_cast<double>(took) / static_cast<double>(std::max<std::uint64_t>(all.count, 1));
    result.intact = all == std::accumulate(sent.begin(), sent.end(), account{},
                                           [](account a, const account& b) { return a += b; });
    take_usage(result, used);
    return result;
}

} // namespace bench
