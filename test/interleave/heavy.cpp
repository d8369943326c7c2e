// Items that may take long to move, so that the lines of waiting calls have locks of their own; calls nested in a copy;
// channels and workers that are destroyed while a closed stream is drained.
#include "program.hpp"

#include <array>
#include <memory>

namespace interleave {

namespace {

using namespace std::chrono_literals;
using inquest::channel;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;

using outcome = std::expected<void, std::string>;

/// Moves by copying, as most classes of old code do.
class heavy {
  public:
    heavy(int item) : item_(item) {}
    heavy(const heavy& other) : item_(other.item_) {}
    heavy& operator=(const heavy&) = delete;
    operator int() const { return item_; }

  private:
    int item_;
};

void heavy_one_each() {
    channel<heavy> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] { require(push_all(queue, all, {0, 1, 2}), "a push failed"); });
        const auto c = thread("consumer", [&] { pop_all(queue, all, 3); });
    }
    all.settle();
}

void heavy_two_and_two() {
    channel<heavy> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p0 = thread("producer 0", [&] { push_all(queue, all, {0}); });
        const auto p1 = thread("producer 1", [&] { push_all(queue, all, {1}); });
        const auto c0 = thread("consumer 0", [&] { pop_all(queue, all, 1); });
        const auto c1 = thread("consumer 1", [&] { pop_all(queue, all, 1); });
    }
    all.settle();
}

void heavy_range() {
    channel<heavy> queue(2);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] {
            const std::array<heavy, 3> items{0, 1, 2};
            require(queue.push_range(items).has_value(), "it was accepted");
            for (const int item : items) all.pushed(item, true);
        });
        const auto c = thread("consumer", [&] { pop_all(queue, all, 3); });
    }
    all.settle();
}

// A call gives up while another is given what would have woken it.
void heavy_timeout() {
    channel<heavy> queue(1);
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

void heavy_stop() {
    channel<heavy> queue(1);
    watch(queue, "queue");
    ledger all;
    stop_source stop;
    {
        const auto c = thread("stopped", [&] {
            const auto item = queue.pop(stop.get_token());
            if (item) return all.popped(*item);
            require(item.error().status() == status::stopped, "how?");
        });
        const auto s = thread("stopper", [&] { stop.request_stop(); });
        push_all(queue, all, {0});
    }
    all.recovered(queue.recover());
    all.settle();
}

void heavy_close() {
    channel<heavy> queue(1);
    watch(queue, "queue");
    ledger all;
    {
        const auto p = thread("producer", [&] { push_all(queue, all, {0, 1, 2}); });
        const auto c = thread("consumer", [&] { require(pop_all(queue, all) == status::complete, "how?"); });
        queue.close();
    }
    all.settle();
}

/// Copying it takes an item from another channel.
struct nesting {
    explicit nesting(channel<int>* from) : other(from) {}
    nesting(nesting&&) noexcept = default;
    nesting(const nesting& o) : other(o.other) {
        if (other) (void)other->pop();
    }
    channel<int>* other;
};

// A worker that is blocked while it copies an item for a call that was blocked before, and is blocked again.
void nested_stop() {
    channel<int> inner(1);
    channel<nesting> outer(1);
    watch(inner, "inner");
    require(outer.push(nesting(nullptr)).has_value(), "there is room");
    auto w = spawn("w", [&] {
        const std::array items{nesting(nullptr), nesting(&inner)};
        const auto sent = outer.push_range(items);
        require(!sent && sent.error().status() == status::stopped, "nobody pops the second");
    });
    until_quiet(); // parked for the first
    require(outer.pop().has_value(), "it was full");
    until_quiet(); // parked in the copy of the second
    const auto s = thread("stopper", [&] { w.request_stop(); });
    require(inner.push(0).has_value(), "there is room");
    w.wait();
}

// ~channel of a stream that has closed: what was pushed is delivered.
void channel_goes_while_drained() {
    auto queue = std::make_unique<channel<int>>(2);
    watch(*queue, "queue");
    ledger all;
    auto w = spawn("w", *queue, [&](receiver<int>& in) -> outcome {
        require(pop_all(in, all) == status::complete, "not complete");
        return {};
    });
    push_all(*queue, all, {0, 1});
    queue->close();
    queue.reset();
    require(w.join().has_value(), "it drained a complete stream");
    all.settle();
}

// ~worker of a stream that has closed, and of one that has not.
void worker_goes() {
    auto [tx, rx] = make_channel<int>(2);
    watch(tx, "queue");
    ledger all;
    bool finished = false;
    {
        auto w = spawn("w", std::move(rx), [&](receiver<int>& in) -> outcome {
            const auto ended = pop_all(in, all);
            require(ended == status::complete || ended == status::stopped, "how?");
            if (finished) require(ended == status::complete, "stopped though its stream had closed");
            return {};
        });
        push_all(tx, all, {0, 1});
        finished = true;
        tx.finish();
    }
    all.settle();
}

// The second of two announced workers is spawned, or renounced, when the first is about to end, or has.
void announced() {
    auto [tx, rx] = make_channel<int>(2);
    watch(tx, "queue");
    ledger all;
    const auto takes_one = [&](receiver<int>& in) -> outcome {
        pop_all(in, all, 1);
        return {};
    };
    {
        std::optional ahead(rx.announce_workers(3));
        auto first = spawn("a", rx, takes_one);
        require(push_all(tx, all, {0, 1}), "it closed before the second was there");
        auto second = spawn("b", rx, takes_one);
        require(!tx.is_closed(), "it closed before the third was there");
        ahead.reset();
    }
    require(tx.is_closed(), "all have ended");
    all.recovered(tx.recover());
    all.settle();
}

} // namespace

std::span<const program> heavies() {
    static constexpr program table[] = {
        {"heavy_one_each", heavy_one_each, 3, 66'077, 2000},
        {"heavy_two_and_two", heavy_two_and_two, 1, 9'348, 2000},
        {"heavy_range", heavy_range, 3, 24'717, 2000},
        {"heavy_timeout", heavy_timeout, 3, 16'499, 2000},
        {"heavy_stop", heavy_stop, 3, 6'338, 2000},
        {"heavy_close", heavy_close, 3, 62'626, 2000},
        {"nested_stop", nested_stop, 2, 2'863, 2000, false, true},
        {"channel_goes_while_drained", channel_goes_while_drained, 3, 73'177, 2000, true},
        {"worker_goes", worker_goes, 3, 30'087, 2000},
        {"announced", announced, 2, 20'395, 2000},
    };
    return table;
}

} // namespace interleave
