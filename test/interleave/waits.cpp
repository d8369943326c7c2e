// Time and stop requests that race with what is waited for; nodes that are destroyed as soon as they may be.
#include "program.hpp"

namespace interleave {

namespace {

using namespace std::chrono_literals;
using inquest::channel;
using inquest::status;

/// When something had happened, for others to ask.
class moment {
  public:
    void is_now() { at_ = clock::now().time_since_epoch().count(); }
    [[nodiscard]] bool before(clock::time_point then) const { return at_ < then.time_since_epoch().count(); }

  private:
    std::atomic<clock::rep> at_{clock::duration::max().count()};
};

void timeout_and_delivery() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    moment pushed;
    {
        const auto c = thread("consumer", [&] {
            const auto deadline = clock::now() + 1ms;
            const auto item = queue.pop_until(deadline);
            if (item) return all.popped(*item);
            require(item.error().status() == status::timeout, "how?");
            require(!pushed.before(deadline), "it was there in time");
        });
        const auto t = thread("time", [&] { let_time_pass(1ms); });
        const auto p = thread("producer", [&] {
            push_all(queue, all, {0});
            pushed.is_now();
        });
    }
    all.recovered(queue.recover());
    all.settle();
}

void timeout_and_room() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    push_all(queue, all, {0});
    moment popped;
    {
        const auto p = thread("producer", [&] {
            const auto deadline = clock::now() + 1ms;
            const auto sent = queue.push_until(1, deadline);
            if (all.pushed(1, sent.has_value())) return;
            require(sent.error().status() == status::timeout, "nothing else can happen");
            require(!popped.before(deadline), "there was room in time");
        });
        const auto t = thread("time", [&] { let_time_pass(1ms); });
        pop_all(queue, all, 1);
        popped.is_now();
    }
    all.recovered(queue.recover());
    all.settle();
}

// Two that are in a hurry, and room for one.
void timeouts_in_line() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    push_all(queue, all, {0});
    {
        const auto p0 = thread("producer 0", [&] { all.pushed(1, queue.push_for(1, 1ms).has_value()); });
        const auto p1 = thread("producer 1", [&] { all.pushed(2, queue.push_for(2, 2ms).has_value()); });
        pop_all(queue, all, 1);
    }
    all.recovered(queue.recover());
    all.settle();
}

// A deadline that has passed already: the call takes what there is, and does not park.
void deadline_passed() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto c = thread("consumer", [&] {
            const auto item = queue.pop_until(clock::now());
            if (item) return all.popped(*item);
            require(item.error().status() == status::timeout, "nothing else can happen");
        });
        push_all(queue, all, {0});
    }
    all.recovered(queue.recover());
    all.settle();
}

// One call gives up: what would have woken it goes to the other.
void timeout_hands_on() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto hasty = thread("hasty", [&] {
            if (const auto item = queue.pop_for(1ms)) all.popped(*item);
        });
        const auto patient = thread("patient", [&] { pop_all(queue, all, 1); });
        push_all(queue, all, {0});
        until_quiet();
        push_all(queue, all, {1});
    }
    all.recovered(queue.recover());
    all.settle();
}

// A deadline that races a close: the call reports the close that came first.
void timeout_and_close() {
    channel<int> queue(1);
    watch(queue, "queue");
    moment closed;
    {
        const auto c = thread("consumer", [&] {
            const auto deadline = clock::now() + 1ms;
            const auto item = queue.pop_until(deadline);
            require(!item, "there is none");
            if (item.error().status() == status::timeout)
                require(!closed.before(deadline), "it was closed in time");
            else
                require(item.error().status() == status::complete, "how?");
        });
        const auto t = thread("time", [&] { let_time_pass(1ms); });
        queue.close();
        closed.is_now();
    }
}

void stop_and_delivery() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    stop_source stop;
    {
        const auto c = thread("stopped", [&] {
            const auto item = queue.pop(stop.get_token());
            if (item) return all.popped(*item);
            require(item.error().status() == status::stopped, "how?");
        });
        const auto other = thread("patient", [&] { pop_all(queue, all, 1); });
        const auto s = thread("stopper", [&] { stop.request_stop(); });
        push_all(queue, all, {0});
        until_quiet();
        push_all(queue, all, {1});
    }
    all.recovered(queue.recover());
    all.settle();
}

void stop_and_room() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    push_all(queue, all, {0});
    stop_source stop;
    {
        const auto p = thread("stopped", [&] {
            const auto sent = queue.push(1, stop.get_token());
            if (!all.pushed(1, sent.has_value())) require(sent.error().status() == status::stopped, "how?");
        });
        const auto other = thread("patient", [&] { push_all(queue, all, {2}); });
        const auto s = thread("stopper", [&] { stop.request_stop(); });
        pop_all(queue, all, 1);
        until_quiet();
        pop_all(queue, all, 1);
    }
    all.recovered(queue.recover());
    all.settle();
}

// A node may be destroyed as soon as its wait is over, whatever the one who signals it is still about to do.
void parker_goes() {
    using namespace inquest::detail;
    wait_list line;
    mutex guard; // protects the line
    const auto waits = [&](clock::time_point deadline) {
        waiter node;
        {
            const std::lock_guard lock(guard);
            line.add(node);
        }
        const bool signalled = node.wait(deadline);
        if (deadline == forever) require(signalled, "for ever is no time");
        std::unique_lock lock(guard);
        if (node.linked) return line.remove(node);
        lock.unlock();
        node.wait_signalled();
    };
    {
        const auto hasty = thread("hasty", [&] { waits(clock::now() + 1ms); });
        const auto patient = thread("patient", [&] { waits(forever); });
        until_quiet();
        wake_list wakes;
        const std::lock_guard lock(guard);
        wakes.take_all(line);
    }
}

void latch_and_timeout() {
    inquest::detail::latch gate;
    moment opened;
    {
        const auto hasty = thread("hasty", [&] {
            const auto deadline = clock::now() + 1ms;
            if (!gate.wait(deadline)) require(!opened.before(deadline), "it was open in time");
        });
        const auto patient = thread("patient", [&] { require(gate.wait(), "for ever is no time"); });
        gate.open();
        opened.is_now();
    }
    require(gate.is_open(), "it stays open");
}

void interrupt_and_delivery() {
    channel<int> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto c = thread("consumer", [&] {
            const auto item = queue.pop();
            if (item) return all.popped(*item);
            require(item.error().status() == status::interrupted, "how?");
        });
        const auto p = thread("producer", [&] { push_all(queue, all, {0}); });
        queue.interrupt();
    }
    all.recovered(queue.recover());
    all.settle();
}

// The interrupt is all that ends these, and ends them both.
void interrupt_all() {
    channel<int> full(1), empty(1);
    watch(full, "full");
    watch(empty, "empty");
    require(full.push(0).has_value(), "there is room");
    const auto c = thread("consumer", [&] {
        require(empty.pop().error().status() == status::interrupted, "there is no item");
    });
    const auto p = thread("producer", [&] {
        require(full.push(1).error().status() == status::interrupted, "there is no room");
    });
    until_within(empty);
    until_within(full);
    empty.interrupt();
    full.interrupt();
}

void wait_for_the_close() {
    channel<int> queue(1);
    stop_source stop;
    std::atomic<bool> stopped{false};
    {
        const auto w = thread("waiting", [&] { require(queue.wait_closed(), "nobody stops it"); });
        const auto s = thread("stopped", [&] {
            if (!queue.wait_closed(stop.get_token())) require(stopped, "nobody stopped it");
        });
        stopped = true;
        stop.request_stop();
        queue.close();
    }
}

} // namespace

std::span<const program> waits() {
    static constexpr program table[] = {
        {"timeout_and_delivery", timeout_and_delivery, 3, 54'491, 2000},
        {"timeout_and_room", timeout_and_room, 4, 10'311, 2000},
        {"timeouts_in_line", timeouts_in_line, 4, 126'122, 2000},
        {"deadline_passed", deadline_passed, 4, 77, 2000},
        {"timeout_hands_on", timeout_hands_on, 4, 61'053, 2000},
        {"timeout_and_close", timeout_and_close, 5, 43'177, 2000},
        {"stop_and_delivery", stop_and_delivery, 3, 70'281, 2000},
        {"stop_and_room", stop_and_room, 3, 70'281, 2000},
        {"parker_goes", parker_goes, 3, 51'745, 2000, true, true},
        {"interrupt_and_delivery", interrupt_and_delivery, 3, 4'734, 2000},
        {"interrupt_all", interrupt_all, 2, 8'638, 2000, false, true},
        {"wait_for_the_close", wait_for_the_close, 3, 37'845, 2000, true},
        {"latch_and_timeout", latch_and_timeout, 3, 11'098, 2000, true},
    };
    return table;
}

} // namespace interleave
