// Calls that spin before they park, and items that take a while to move.
#include "program.hpp"

namespace interleave {

namespace {

using namespace std::chrono_literals;
using inquest::channel;
using inquest::status;

// Long enough for two looks, with a yield between them.
template <class T = int>
channel<T> spinning(std::size_t capacity = 1) {
    return channel<T>({.capacity = capacity, .spin = 1});
}

void spin_one_each() {
    auto queue = spinning();
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] { require(push_all(queue, all, {0, 1}), "a push failed"); });
        const auto c = thread("consumer", [&] { pop_all(queue, all, 2); });
    }
    all.settle();
}

// One that spins takes what one that is parked was woken for; that one parks again.
void spin_and_park() {
    auto queue = spinning();
    watch(queue, "queue");
    ledger all;
    {
        const auto parked = thread("parked", [&] { pop_all(queue, all, 1); });
        until_quiet();
        const auto newcomer = thread("newcomer", [&] { pop_all(queue, all, 1); });
        push_all(queue, all, {0, 1});
    }
    all.settle();
}

void spin_and_close() {
    auto queue = spinning();
    watch(queue, "queue");
    ledger all;
    push_all(queue, all, {0});
    {
        const auto p = thread("producer", [&] { require(!push_all(queue, all, {1}), "nobody pops"); });
        queue.close();
    }
    all.recovered(queue.recover());
    all.settle();
}

void spin_and_stop() {
    auto queue = spinning();
    watch(queue, "queue");
    stop_source stop;
    {
        const auto c = thread("stopped", [&] {
            const auto item = queue.pop(stop.get_token());
            require(!item && item.error().status() == status::stopped, "nobody pushes");
        });
        stop.request_stop();
    }
}

void spin_and_timeout() {
    auto queue = spinning();
    watch(queue, "queue");
    ledger all;
    {
        const auto c = thread("consumer", [&] {
            if (const auto item = queue.pop_for(1us)) return all.popped(*item);
        });
        push_all(queue, all, {0});
    }
    all.recovered(queue.recover());
    all.settle();
}

// A channel that is destroyed under calls that spin in it.
void channel_goes_under_a_spin() {
    auto queue = std::make_unique<channel<int>>(inquest::channel_options{.capacity = 1, .spin = 1});
    watch(*queue, "queue");
    const auto c = thread("consumer", [q = queue.get()] {
        const auto item = q->pop();
        require(!item && item.error().status() == status::aborted, "nobody pushes");
    });
    until_within(*queue);
    queue.reset();
}

// From capacity 4 on, a call that spun slips behind for a second item or place.
void slip_each() {
    auto queue = spinning(4);
    watch(queue, "queue");
    ledger all;
    {
        const auto p =
            thread("producer", [&] { require(push_all(queue, all, {0, 1, 2, 3, 4, 5}), "a push failed"); });
        const auto c = thread("consumer", [&] { pop_all(queue, all, 6); });
    }
    all.settle();
}

void slip_and_close() {
    auto queue = spinning(4);
    watch(queue, "queue");
    ledger all;
    {
        const auto c = thread("consumer", [&] { pop_all(queue, all); });
        push_all(queue, all, {0});
        queue.close();
    }
    all.settle();
}

void slip_and_stop() {
    auto queue = spinning(4);
    watch(queue, "queue");
    stop_source stop;
    ledger all;
    {
        const auto c = thread("stopped", [&] {
            while (const auto item = queue.pop(stop.get_token())) all.popped(*item);
        });
        push_all(queue, all, {0});
        stop.request_stop();
    }
    all.recovered(queue.recover());
    all.settle();
}

// A push waits for the first of four places, and the channel is destroyed when a pop has made it, or before.
void channel_goes_under_a_slip() {
    auto queue = std::make_unique<channel<int>>(inquest::channel_options{.capacity = 4, .spin = 1});
    watch(*queue, "queue");
    for (const int item : {0, 1, 2, 3}) require(queue->push(item).has_value(), "there is room");
    const auto p = thread("producer", [q = queue.get()] {
        const auto pushed = q->push(4);
        require(pushed || pushed.error().status() == status::closed, "it went");
    });
    until_within(*queue);
    require(queue->pop() == 0, "the first");
    queue.reset();
}

/// Moving it takes a step, before which neither has it whole.
class slow_parcel {
  public:
    explicit slow_parcel(int item) : item_(item) {}
    slow_parcel(slow_parcel&& other) noexcept {
        take_a_step();
        item_ = std::exchange(other.item_, -1);
    }
    slow_parcel& operator=(slow_parcel&&) = delete;
    ~slow_parcel() { item_ = -1; }
    [[nodiscard]] int item() const { return item_; } // -1: not there

  private:
    int item_ = -1;
};

// A slot is the other side's only once its item is in, or out.
void slow_parcels() {
    channel<slow_parcel> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] {
            for (const int item : {0, 1, 2}) all.pushed(item, queue.push(slow_parcel(item)).has_value());
        });
        const auto c = thread("consumer", [&] {
            for (int i = 0; i < 3; ++i) all.popped(queue.pop()->item());
        });
    }
    all.settle();
}

} // namespace

std::span<const program> spins() {
    static constexpr program table[] = {
        {"spin_one_each", spin_one_each, 3, 26'142, 2000},
        {"spin_and_park", spin_and_park, 3, 56'717, 2000, false, true},
        {"spin_and_close", spin_and_close, 5, 651, 2000},
        {"spin_and_stop", spin_and_stop, 5, 281, 2000},
        {"spin_and_timeout", spin_and_timeout, 5, 488, 2000},
        {"channel_goes_under_a_spin", channel_goes_under_a_spin, 3, 6'964, 2000, true, true},
        {"slip_each", slip_each, 3, 83'581, 2000},
        {"slip_and_close", slip_and_close, 5, 7'876, 2000},
        {"slip_and_stop", slip_and_stop, 5, 9'038, 2000},
        {"channel_goes_under_a_slip", channel_goes_under_a_slip, 3, 12'465, 2000, true, true},
        {"slow_parcels", slow_parcels, 3, 56'827, 2000},
    };
    return table;
}

} // namespace interleave
