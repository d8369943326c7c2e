// Every way a channel ends, against what is going on in it.
#include "program.hpp"

#include <array>
#include <memory>

namespace interleave {

namespace {

using inquest::cause;
using inquest::cause_kind;
using inquest::channel;
using inquest::make_channel;
using inquest::status;
using inquest::detail::channel_inspector;

void close_and_pops() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto c0 =
            thread("consumer 0", [&] { require(pop_all(queue, all) == status::complete, "how?"); });
        const auto c1 =
            thread("consumer 1", [&] { require(pop_all(queue, all) == status::complete, "how?"); });
        push_all(queue, all, {0});
        require(queue.close(), "closed by nobody else");
    }
    all.settle();
}

void close_and_pushes() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto pushes = [&](std::initializer_list<int> items) {
            for (const int item : items) {
                const auto sent = queue.push(item);
                if (all.pushed(item, sent.has_value())) continue;
                require(sent.error().status() == status::closed && !sent.error().cause(), "how?");
            }
        };
        const auto p0 = thread("producer 0", [&] { pushes({0, 1}); });
        const auto p1 = thread("producer 1", [&] { pushes({2}); });
        require(queue.close(), "closed by nobody else");
    }
    require(pop_all(queue, all) == status::complete, "not complete");
    all.settle();
}

void abort_and_both() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] {
            for (const int item : {0, 1}) {
                const auto sent = queue.push(item);
                if (all.pushed(item, sent.has_value())) continue;
                require(sent.error().cause().text() == "broken", "closed before the cause was there");
                break;
            }
        });
        const auto c = thread("consumer", [&] { require(pop_all(queue, all) == status::aborted, "how?"); });
        require(queue.abort(cause("broken")), "the only cause");
    }
    all.recovered(queue.recover());
    all.settle();
}

// All ways of ending at once: one cause wins, and everybody who asks is given that one.
void ends_meet() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    push_all(queue, all, {0});
    std::atomic<int> won{0};
    {
        const auto a = thread("closer", [&] { won += queue.close(cause("a")); });
        const auto b = thread("aborter", [&] { won += queue.abort(cause("b")); });
        const auto c = thread("other aborter", [&] { won += queue.abort(cause("c")); });
        queue.close();
        const auto sent = queue.push(1);
        if (!all.pushed(1, sent.has_value()) && sent.error().cause())
            require(sent.error().cause() == queue.cause(), "two causes");
        require(!sent, "there was never room");
    }
    require(won == 1, "not one cause");
    require(queue.pop().error().status() == status::aborted, "an abort ends what others have closed");
    all.recovered(queue.recover());
    all.settle();
}

void recover_and_push() {
    channel<int> queue(2);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] { push_all(queue, all, {0, 1, 2}); });
        const auto c = thread("consumer", [&] { pop_all(queue, all); });
        const auto r = thread("recoverer", [&] { all.recovered(queue.recover()); });
    }
    all.recovered(queue.recover()); // what a push or the other recoverer left: nothing
    all.settle();
}

// Two threads push through one sender, from two places: where it pushed last is what is shown of it.
void one_sender_twice() {
    constexpr auto one = std::source_location::current();
    constexpr auto other = std::source_location::current();
    auto [tx, rx] = make_channel<int>(2);
    watch(tx, "queue");
    {
        const auto p = thread("producer", [&] { require(tx.push(1, one).has_value(), "there is room"); });
        require(tx.push(2, other).has_value(), "there is room");
    }
    const auto shown = channel_inspector::weak(tx).lock()->shown().places();
    require(shown.size() == 1, "it has pushed");
    {
        const auto gone = std::move(tx);
    }
    require(rx.pop() && rx.pop(), "both are there");
    const std::string last =
        "last push at " + std::string(shown.front().file_name()) + ':' + std::to_string(shown.front().line());
    require(rx.pop().error().cause().message().find(last) != std::string::npos,
            "what is shown is not where it pushed last");
}

void last_sender_goes() {
    auto ends = make_channel<int>(1);
    watch(ends.first, "queue");
    ledger all;
    {
        const auto c = thread("consumer", [&, rx = std::move(ends.second)]() mutable {
            require(pop_all(rx, all) == status::truncated, "a stream that was abandoned");
        });
        const auto p = thread("leaver", [&, tx = std::move(ends.first)]() mutable {
            push_all(tx, all, {0, 1});
            const auto gone = std::move(tx);
        });
    }
    all.settle();
}

void last_receiver_goes() {
    auto ends = make_channel<int>(1);
    watch(ends.first, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&, tx = std::move(ends.first)]() mutable {
            for (const int item : {0, 1}) {
                const auto sent = tx.push(item);
                if (all.pushed(item, sent.has_value())) continue;
                require(sent.error().cause().kind() == cause_kind::dropped,
                        "closed before the cause was there");
                break;
            }
            all.recovered(tx.recover());
        });
        const auto c = thread("leaver", [&, rx = std::move(ends.second)]() mutable {
            const auto item = rx.try_pop();
            if (item) all.popped(*item);
            const auto gone = std::move(rx);
        });
    }
    all.settle();
}

// Two senders finish, a third is destroyed without: whatever comes last, never complete.
void finish_and_abandon() {
    auto ends = make_channel<int>(2);
    watch(ends.first, "queue");
    ledger all;
    {
        auto other = ends.first;
        const auto p0 = thread("finisher", [&, tx = std::move(ends.first)]() mutable {
            push_all(tx, all, {0});
            tx.finish();
        });
        const auto p1 = thread("leaver", [&, tx = std::move(other)]() mutable { push_all(tx, all, {1}); });
        require(pop_all(ends.second, all) == status::truncated, "a stream that one abandoned");
    }
    all.settle();
}

void channel_goes() {
    auto queue = std::make_unique<channel<int>>(1);
    watch(*queue, "queue");
    ledger all;
    std::optional<jthread> c, p;
    c = thread("consumer", [&, q = queue.get()] { pop_all(*q, all, 1); });
    p = thread("producer", [&, q = queue.get()] { push_all(*q, all, {0, 1, 2}); });
    until_quiet(); // the producer is inside
    all.recovered(queue->recover());
    queue.reset();
    c.reset();
    p.reset();
    all.settle();
}

// ~channel alone ends all: whoever is blocked is woken, and has left before it is destroyed.
void channel_goes_under_a_pop() {
    std::optional<channel<int>> queue(std::in_place, 1);
    watch(*queue, "queue");
    const auto waits = [&] {
        return thread("consumer", [q = &*queue] {
            const auto item = q->pop();
            require(!item && item.error().status() == status::aborted, "how?");
            require(item.error().cause().kind() == cause_kind::destroyed, "by whom?");
        });
    };
    const auto c0 = waits(), c1 = waits();
    until_quiet(); // both are inside
    queue.reset();
}

// It is destroyed while a range lets others have the lock.
void channel_goes_under_a_range() {
    std::optional<channel<int>> queue(std::in_place, 1);
    watch(*queue, "queue");
    const auto p = thread("producer", [q = &*queue] {
        std::array items{0, 1};
        const auto sent = q->push_range(items);
        require(sent || sent.error().accepted() == 1, "how many?");
    });
    require(queue->pop().value() == 0, "which one?"); // so it is inside, or done
    queue.reset();
}

// The last end is destroyed while a call that it has ended is on its way out.
void end_goes_under_a_pop() {
    std::optional ends(make_channel<int>(1));
    watch(ends->first, "queue");
    const auto c = thread("consumer", [rx = &ends->second] {
        const auto item = rx->pop();
        require(!item && item.error().status() == status::complete, "how?");
    });
    until_within(ends->first);
    ends->first.finish();
    ends.reset();
}

} // namespace

std::span<const program> endings() {
    static constexpr program table[] = {
        {"close_and_pops", close_and_pops, 3, 30'488, 2000},
        {"close_and_pushes", close_and_pushes, 4, 51'338, 2000},
        {"abort_and_both", abort_and_both, 3, 17'733, 2000},
        {"ends_meet", ends_meet, 3, 67'827, 2000},
        {"recover_and_push", recover_and_push, 2, 119'940, 2000},
        {"one_sender_twice", one_sender_twice, 3, 629, 2000},
        {"last_sender_goes", last_sender_goes, 2, 15'715, 2000, true},
        {"last_receiver_goes", last_receiver_goes, 3, 134'959, 2000, true},
        {"finish_and_abandon", finish_and_abandon, 2, 19'076, 2000},
        {"end_goes_under_a_pop", end_goes_under_a_pop, 3, 10'802, 2000, true, true},
        {"channel_goes_under_a_pop", channel_goes_under_a_pop, 2, 10'856, 2000, true, true},
        {"channel_goes_under_a_range", channel_goes_under_a_range, 3, 28'439, 2000, true, true},
        {"channel_goes", channel_goes, 3, 77'174, 2000, true, true},
    };
    return table;
}

} // namespace interleave
