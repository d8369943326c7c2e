// Workers: the order in which an end is seen, failures at once, and who asks why.
#include "program.hpp"

#include <list>

namespace interleave {

namespace {

using namespace std::chrono_literals;
using inquest::cause_kind;
using inquest::channel;
using inquest::channel_options;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;

using outcome = std::expected<void, std::string>;

// Nobody sees the channel closed before the cause, nor the cause before the outcome.
void outcome_before_close() {
    auto [tx, rx] = make_channel<int>(1);
    watch(tx, "queue");
    ledger all;
    auto w = spawn("w", std::move(rx), [&](receiver<int>& in) -> outcome {
        if (const auto item = in.pop()) all.popped(*item);
        return std::unexpected("broken");
    });
    for (int i = 0; i < 3; ++i) {
        const auto sent = tx.push(i);
        if (all.pushed(i, sent.has_value())) continue;
        require(sent.error().cause().text() == "broken", "closed before the cause was there");
        require(sent.error().cause().kind() == cause_kind::error, "the outcome is not whole");
        require(*resolve(tx, w, sent.error()).error() == "broken", "resolve");
        all.recovered(tx.recover());
        return all.settle();
    }
    require(false, "a push after the end was accepted");
}

void two_failures() {
    auto [tx, rx] = make_channel<int>(1);
    watch(tx, "queue");
    std::list<inquest::worker<void, std::string>> workers;
    workers.push_back(spawn("a", rx, [](receiver<int>&) -> outcome { return std::unexpected("a"); }));
    workers.push_back(
        spawn("b", std::move(rx), [](receiver<int>&) -> outcome { return std::unexpected("b"); }));
    ledger all;
    const auto push = [&](int item) {
        auto sent = tx.push(item);
        all.pushed(item, sent.has_value());
        return sent;
    };
    const auto sent = push(0);
    const auto again = sent ? push(1) : sent;
    require(!again, "nobody pops");
    const auto why = resolve_first(tx, workers, again.error());
    require(why.cause() == tx.cause(), "the channel's cause is the first failure by number");
    require(why.also_failed().size() == 1, "both failed");
    require(why.cause().sequence() < why.also_failed()[0].sequence(), "not the first");
    all.recovered(tx.recover());
    all.settle();
}

void resolve_twice() {
    auto [tx, rx] = make_channel<int>(1);
    watch(tx, "queue");
    ledger all;
    auto w = spawn("w", std::move(rx), [&](receiver<int>& in) -> outcome {
        if (const auto item = in.pop()) all.popped(*item);
        return std::unexpected("broken");
    });
    const auto ask = [&](int item) {
        const auto sent = tx.push(item);
        if (all.pushed(item, sent.has_value())) return;
        require(*resolve(tx, w, sent.error()).error() == "broken", "not the worker's error");
    };
    {
        const auto other = thread("other", [&] { ask(1), ask(2); });
        ask(3), ask(4);
    }
    require(!w.join().has_value(), "it failed");
    all.recovered(tx.recover());
    all.settle();
}

// Asked in a hurry, and again without.
void resolve_in_time() {
    auto [tx, rx] = make_channel<int>(1);
    watch(tx, "queue");
    auto w = spawn("w", std::move(rx), [](receiver<int>&) -> outcome { return std::unexpected("broken"); });
    const auto sent = tx.push(0);
    const auto again = sent ? tx.push(1) : sent;
    require(!again, "nobody pops");
    const auto soon = resolve_for(tx, w, again.error(), 1ms);
    if (soon) return require(*soon->error() == "broken", "not the worker's error");
    require(soon.error().activity() == inquest::activity::ending, "its outcome was there");
    require(*resolve(tx, w, again.error()).error() == "broken", "not the worker's error");
}

// Somebody looks at what a worker is doing, just when it leaves a call, and the channel is destroyed.
void glance_at_a_leaver() {
    std::optional<channel<int>> queue(std::in_place, channel_options{.capacity = 1, .name = "queue"});
    watch(*queue, "queue");
    auto w = spawn("w", [q = &*queue] { (void)q->pop(); });
    until_quiet(); // it is inside
    const auto looker = thread("looker", [&] {
        if (const auto& done = w.join_for(1ms); !done)
            require(done.error().channel().empty() || done.error().channel() == "queue", "somewhere else");
    });
    queue.reset();
    (void)w.join(); // success over a broken stream: that is a failure, and reported
}

void stop_a_worker() {
    auto [tx, rx] = make_channel<int>(1);
    watch(tx, "queue");
    ledger all;
    {
        auto w = spawn("w", rx, [&](receiver<int>& in) { pop_all(in, all); });
        push_all(tx, all, {0});
        w.request_stop();
        require(w.join().has_value(), "its owner's stop is no failure");
    }
    all.recovered(tx.recover());
    all.settle();
}

// The stop finds the worker in a call that an item is about to end.
void stop_a_busy_worker() {
    auto [tx, rx] = make_channel<int>(1);
    watch(tx, "queue");
    ledger all;
    {
        auto w = spawn("w", rx, [&](receiver<int>& in) { pop_all(in, all); });
        const auto p = thread("producer", [&] { push_all(tx, all, {0}); });
        w.request_stop();
        require(w.join().has_value(), "its owner's stop is no failure");
    }
    all.recovered(tx.recover());
    all.settle();
}

void timed_join() {
    auto w = spawn("w", []() -> std::expected<int, std::string> { return 7; });
    {
        const auto other = thread("other", [&] { require(w.join().value() == 7, "the value"); });
        const auto& result = w.join_for(1ms);
        if (result) require(result->get().value() == 7, "the value");
    }
    require(w.is_done(), "it was joined");
}

// Either the worker or who takes the future fulfils it.
void future_while_it_ends() {
    auto w = spawn("w", []() -> std::expected<int, std::string> { return 7; });
    auto future = w.get_future();
    require(w.wait(), "it can be waited for");
    require(future.wait_for(0s) == std::future_status::ready, "a future that nobody has fulfilled");
    require(future.get().value() == 7, "the value");
}

void all_keep_going() {
    auto [tx, rx] = make_channel<int>({.capacity = 1, .on_failure = inquest::on_failure::keep_going});
    watch(tx, "queue");
    ledger all;
    std::list<inquest::worker<void, std::string>> workers;
    for (const char* name : {"a", "b"})
        workers.push_back(spawn(name, rx, [&, name](receiver<int>& in) -> outcome {
            const auto item = in.pop();
            if (!item) return std::unexpected(item.error().message());
            all.popped(*item);
            return std::unexpected(name);
        }));
    push_all(tx, all, {0, 1});
    const auto sent = tx.push(2);
    if (!all.pushed(2, sent.has_value()))
        require(sent.error().cause().kind() == cause_kind::error, "closed before the cause was there");
    const auto failed = report(workers);
    require(failed.has_value() && failed->also_failed().size() == 1, "both failed");
    require(failed->cause() == tx.cause(), "the first failure is the channel's cause");
    all.recovered(tx.recover());
    all.settle();
}

} // namespace

std::span<const program> workers() {
    static constexpr program table[] = {
        {"outcome_before_close", outcome_before_close, 3, 102'880, 2000, true},
        {"two_failures", two_failures, 2, 33'338, 2000},
        {"resolve_twice", resolve_twice, 2, 55'007, 2000},
        {"resolve_in_time", resolve_in_time, 3, 16'130, 2000},
        {"glance_at_a_leaver", glance_at_a_leaver, 2, 62'759, 2000, true, true},
        {"stop_a_worker", stop_a_worker, 3, 12'828, 2000},
        {"stop_a_busy_worker", stop_a_busy_worker, 3, 149'114, 2000},
        {"timed_join", timed_join, 2, 9'135, 2000},
        {"future_while_it_ends", future_while_it_ends, 3, 2'739, 2000},
        {"all_keep_going", all_keep_going, 2, 84'781, 2000},
    };
    return table;
}

} // namespace interleave
