// Pushes and pops, one at a time and in ranges.
#include "program.hpp"

namespace interleave {

namespace {

using inquest::channel;
using inquest::make_channel;
using inquest::status;

void one_each() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] { require(push_all(queue, all, {0, 1, 2}), "a push failed"); });
        const auto c = thread("consumer", [&] { pop_all(queue, all, 3); });
    }
    require(queue.size() == 0, "more than was pushed");
    all.settle();
}

// producers + consumers > 2 x capacity: where both wait on one condition variable, this deadlocks.
void two_and_two() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p0 = thread("producer 0", [&] { push_all(queue, all, {0, 1}); });
        const auto p1 = thread("producer 1", [&] { push_all(queue, all, {2, 3}); });
        const auto c0 = thread("consumer 0", [&] { pop_all(queue, all, 2); });
        const auto c1 = thread("consumer 1", [&] { pop_all(queue, all, 2); });
    }
    all.settle();
}

void two_slots() {
    channel<int> queue(2);
    watch(queue, "queue");
    ledger all;
    {
        const auto p0 = thread("producer 0", [&] { push_all(queue, all, {0, 1, 2}); });
        const auto p1 = thread("producer 1", [&] { push_all(queue, all, {3, 4}); });
        const auto c0 = thread("consumer", [&] { pop_all(queue, all, 5); });
    }
    all.settle();
}

void in_order() {
    auto [tx, rx] = make_channel<int>(1);
    watch(tx, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] {
            push_all(tx, all, {0, 1, 2});
            tx.finish();
        });
        int next = 0;
        while (auto item = rx.pop()) {
            require(*item == next++, "out of order");
            all.popped(*item);
        }
        require(rx.ended()->status() == status::complete, "not complete");
    }
    all.settle();
}

void ranges() {
    channel<int> queue(2);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] {
            const std::array items{0, 1, 2, 3};
            const auto sent = queue.push_range(items);
            const std::size_t accepted = sent ? *sent : sent.error().accepted();
            for (std::size_t i = 0; i < items.size(); ++i) all.pushed(items[i], i < accepted);
        });
        const auto c = thread("consumer", [&] {
            std::vector<int> out;
            require(queue.pop_range(out, 2).value() == 2, "as many as it asked for");
            for (const int item : out) all.popped(item);
        });
        const auto c1 = thread("other consumer", [&] { pop_all(queue, all, 1); });
    }
    queue.close();
    require(pop_all(queue, all) == status::complete, "not complete");
    all.settle();
}

// A range that parks hands on first whom it has to wake: here the two wait for each other.
void range_meets_range() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] {
            const std::array items{0, 1, 2};
            require(queue.push_range(items).has_value(), "nobody closes");
            for (const int item : items) all.pushed(item, true);
        });
        std::vector<int> out;
        require(queue.pop_range(out, 3).value() == 3, "as many as it asked for");
        require(out == std::vector{0, 1, 2}, "out of order");
        for (const int item : out) all.popped(item);
    }
    all.settle();
}

// A range wakes two, one of which finds nothing and waits again before the other is signalled.
void range_wakes_two() {
    channel<int> queue(2);
    watch(queue, "queue");
    ledger all;
    {
        const auto c0 = thread("consumer 0", [&] { pop_all(queue, all, 1); });
        const auto c1 = thread("consumer 1", [&] { pop_all(queue, all, 1); });
        until_quiet();
        const auto thief = thread("thief", [&] { pop_all(queue, all, 2); });
        const std::array items{0, 1}, more{2, 3};
        for (const auto& range : {items, more}) {
            require(queue.push_range(range).has_value(), "nobody closes");
            for (const int item : range) all.pushed(item, true);
            until_quiet();
        }
    }
    all.settle();
}

constexpr program table[] = {
    {"one_each", one_each, 3, 9'562, 2000},
    {"two_and_two", two_and_two, 1, 188'984, 2000},
    {"two_slots", two_slots, 2, 26'781, 2000},
    {"in_order", in_order, 3, 5'745, 2000},
    {"ranges", ranges, 2, 40'933, 2000},
    {"range_meets_range", range_meets_range, 4, 14'710, 2000},
    {"range_wakes_two", range_wakes_two, 2, 71'896, 2000, true},
};

} // namespace

std::span<const program> traffic() { return table; }

} // namespace interleave
