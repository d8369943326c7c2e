// Pushes and pops, one at a time and in ranges.
#include "program.hpp"

namespace interleave {

namespace {

using namespace std::chrono_literals;
using inquest::cause;
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

// producers + consumers > 2 x capacity: if both waited on one condition variable, this would deadlock.
void two_and_two() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p0 = thread("producer 0", [&] { push_all(queue, all, {0, 1}); });
        const auto p1 = thread("producer 1", [&] { push_all(queue, all, {2}); });
        const auto c0 = thread("consumer 0", [&] { pop_all(queue, all, 2); });
        const auto c1 = thread("consumer 1", [&] { pop_all(queue, all, 1); });
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

/// Pushes `items` as one range, and says what became of each.
template <class... How>
std::optional<inquest::status> push_range(channel<int>& to, ledger& all, std::initializer_list<int> items,
                                          const How&... how) {
    const std::vector<int> range(items);
    const auto sent = [&] {
        if constexpr (sizeof...(how) > 0)
            return to.push_range_for(range, how...);
        else
            return to.push_range(range);
    }();
    const std::size_t accepted = sent ? *sent : sent.error().accepted();
    for (std::size_t i = 0; i < range.size(); ++i) all.pushed(range[i], i < accepted);
    if (sent) return std::nullopt;
    return sent.error().status();
}

/// Pops ranges of `n` to the end.
inquest::status pop_ranges(channel<int>& from, ledger& all, std::size_t n) {
    for (;;) {
        std::vector<int> out;
        const auto got = from.pop_exactly(out, n);
        require((got ? *got : 0) == out.size(), "not as many as it says");
        for (const int item : out) all.popped(item);
        if (!got) return got.error().status();
    }
}

void ranges() {
    channel<int> queue(2);
    watch(queue, "queue");
    ledger all;
    {
        const auto p =
            thread("producer", [&] { require(!push_range(queue, all, {0, 1, 2, 3}), "nobody closes"); });
        const auto c = thread("consumer", [&] {
            std::vector<int> out;
            require(queue.pop_exactly(out, 2).value() == 2, "as many as it asked for");
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
        const auto p =
            thread("producer", [&] { require(!push_range(queue, all, {0, 1, 2}), "nobody closes"); });
        std::vector<int> out;
        require(queue.pop_exactly(out, 3).value() == 3, "as many as it asked for");
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
        for (const int first : {0, 2}) {
            require(!push_range(queue, all, {first, first + 1}), "nobody closes");
            until_quiet();
        }
    }
    all.settle();
}

// What ends a range midway: it says how far it got, and the rest is where it was.
void range_and_close() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] {
            const auto why = push_range(queue, all, {0, 1, 2});
            require(!why || why == status::closed, "how?");
        });
        const auto c =
            thread("consumer", [&] { require(pop_ranges(queue, all, 2) == status::complete, "how?"); });
        queue.close();
    }
    all.settle();
}

void range_and_abort() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] {
            const auto why = push_range(queue, all, {0, 1, 2});
            require(!why || why == status::closed, "how?");
        });
        const auto c =
            thread("consumer", [&] { require(pop_ranges(queue, all, 3) == status::aborted, "how?"); });
        require(queue.abort(cause("broken")), "the only cause");
    }
    all.recovered(queue.recover());
    all.settle();
}

void range_and_timeout() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] {
            const auto why = push_range(queue, all, {0, 1, 2}, 2ms);
            require(!why || why == status::timeout, "how?");
        });
        const auto c = thread("consumer", [&] {
            std::vector<int> out;
            const auto got = queue.pop_exactly_for(out, 2, 1ms);
            if (!got) require(got.error().status() == status::timeout, "how?");
            for (const int item : out) all.popped(item);
        });
    }
    all.recovered(queue.recover());
    all.settle();
}

void range_and_stop() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    stop_source stop;
    {
        const auto p = thread("producer", [&] { push_all(queue, all, {0, 1}); });
        const auto c = thread("stopped", [&] {
            std::vector<int> out;
            const auto got = queue.pop_exactly(out, 3, stop.get_token());
            require(!got || *got == out.size(), "not as many as it says");
            for (const int item : out) all.popped(item);
        });
        stop.request_stop();
        until_quiet();
        queue.close();
    }
    pop_all(queue, all);
    all.settle();
}

// Items that are there once: a call that fails has left them whole.
void parcels() {
    channel<parcel> queue(1);
    watch(queue, "queue");
    ledger all;
    stop_source stop;
    {
        const auto p = thread("producer", [&] {
            for (const int item : {0, 1, 2}) {
                parcel one(item);
                const auto sent = item == 0 ? queue.push(std::move(one), stop.get_token())
                                            : queue.push_for(std::move(one), 1ms);
                require(one.item() == (sent ? -1 : item), "moved from, and not accepted");
                all.pushed(item, sent.has_value());
            }
        });
        const auto c = thread("consumer", [&] {
            while (const auto one = queue.pop()) {
                require(one->item() >= 0, "what was popped is empty");
                all.popped(one->item());
            }
        });
        stop.request_stop();
        queue.close();
    }
    all.settle();
}

// Two that never wait, and a consumer: each item is popped, dropped or left.
void overrun() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    const auto overruns = [&](int first) {
        for (const int item : {first, first + 1}) {
            const auto sent = queue.push_or_drop_oldest(item);
            require(all.pushed(item, sent.has_value()), "it can't fail");
            if (*sent) all.popped(**sent);
        }
    };
    {
        const auto a = thread("a", [&] { overruns(0); });
        const auto b = thread("b", [&] { overruns(2); });
        const auto c = thread("consumer", [&] { pop_all(queue, all, 1); });
    }
    all.recovered(queue.recover());
    const auto counts = queue.ledger();
    require(counts.pushed == 4 && counts.popped + counts.dropped + counts.recovered == 4, "the counts");
    all.settle();
}

} // namespace

std::span<const program> traffic() {
    static constexpr program table[] = {
        {"one_each", one_each, 3, 52'050, 2000},
        {"two_and_two", two_and_two, 1, 89'121, 2000},
        {"two_slots", two_slots, 2, 114'335, 2000},
        {"in_order", in_order, 3, 37'084, 2000},
        {"ranges", ranges, 2, 198'098, 2000},
        {"range_meets_range", range_meets_range, 4, 122'194, 2000},
        {"range_wakes_two", range_wakes_two, 2, 133'470, 2000, true},
        {"range_and_close", range_and_close, 3, 41'439, 2000},
        {"range_and_abort", range_and_abort, 3, 42'364, 2000},
        {"range_and_timeout", range_and_timeout, 3, 98'505, 2000},
        {"parcels", parcels, 2, 4'524, 2000},
        {"overrun", overrun, 2, 14'344, 2000},
        {"range_and_stop", range_and_stop, 3, 10'876, 2000},
    };
    return table;
}

} // namespace interleave
