// Workers with several ends, jobs, pools, and functions that are called when a channel closes.
#include "program.hpp"

#include <algorithm>

namespace interleave {

namespace {

using inquest::cause_kind;
using inquest::channel;
using inquest::item_origin;
using inquest::item_state;
using inquest::leasing_receiver;
using inquest::make_channel;
using inquest::pop_error;
using inquest::receiver;
using inquest::run_job;
using inquest::sender;
using inquest::spawn;
using inquest::status;

using outcome = std::expected<void, std::string>;

// A stage that fails: the one before it and the one after it end, and both name it.
void stage_fails() {
    auto [tx, in] = make_channel<int>(1);
    auto [out, rx] = make_channel<int>(1);
    watch(tx, "before");
    watch(rx, "after");
    auto stage =
        spawn("stage", std::move(in), std::move(out), [](receiver<int>& from, sender<int>& to) -> outcome {
            if (const auto item = from.pop()) (void)to.push(*item);
            return std::unexpected("broken");
        });
    {
        const auto before = thread("before", [&into = tx] {
            for (int i = 0; i < 3; ++i)
                if (const auto sent = into.push(i); !sent) {
                    require(sent.error().cause().text() == "broken", "the push names it");
                    return;
                }
            require(false, "a push after the end was accepted");
        });
        while (rx.pop()) {
        }
        const auto end = *rx.ended();
        require(end.status() == status::truncated, "what a failed stage pushed is not complete");
        require(end.cause().text() == "broken", "the pop names it");
    }
    require(*stage.join().error().error() == "broken", "its outcome");
}

// Two workers that read the same two channels fail at once: the first of them by number is the cause of both.
void failures_of_two_channels() {
    channel<int> left(1), right(1);
    watch(left, "left");
    watch(right, "right");
    {
        auto a = spawn("a", left, right,
                       [](receiver<int>&, receiver<int>&) -> outcome { return std::unexpected("a"); });
        auto b = spawn("b", right, left,
                       [](receiver<int>&, receiver<int>&) -> outcome { return std::unexpected("b"); });
        const auto one = a.report(), other = b.report();
        const auto first = std::min(one->cause().sequence(), other->cause().sequence());
        require(left.cause().sequence() == first, "the first one's on the left");
        require(right.cause().sequence() == first, "the first one's on the right");
    }
}

// The stop of a worker ends the call that its job waits in, whenever it comes.
void job_in_a_worker() {
    channel<int> queue(1);
    watch(queue, "queue");
    auto w = spawn("w", [&] {
        const auto how = run_job("job", queue, [](receiver<int>& in) { return in.pop().error().status(); });
        require(*how == status::stopped, "a job's pop after the stop");
    });
    w.request_stop();
    require(w.join().has_value(), "its outcome");
    require(queue.is_closed(), "the only one who read it has ended");
}

// A function of on_close is called once or not at all, and never once it has been removed.
void on_close_meets_close() {
    channel<int> queue(1);
    watch(queue, "queue");
    int calls = 0;
    bool removed = false;
    {
        const auto closer = thread("closer", [&] { queue.close(); });
        {
            const auto its = queue.on_close([&](const pop_error& how) {
                require(!removed, "called after it was removed");
                require(how.status() == status::complete, "how it ends");
                ++calls;
                (void)queue.size(); // meanwhile others may go on
                require(!removed, "removed while it runs");
            });
        }
        removed = true;
    }
    require(calls <= 1, "called twice");
}

// A producer that waits for what a function of on_close does is woken, whoever closes.
void on_close_wakes() {
    auto [tx, rx] = make_channel<int>(1);
    watch(tx, "queue");
    inquest::detail::latch woken;
    const auto its = tx.on_close([&](const pop_error&) { woken.open(); });
    auto w = spawn("w", std::move(rx), [](receiver<int>&) -> outcome { return std::unexpected("broken"); });
    woken.wait();
    require(tx.cause().text() == "broken", "closed before the cause was there");
}

// A push to a pool that fails has waited for all its workers, and returns the first failure with the other.
void pool_fails() {
    int ended = 0;
    inquest::detail::mutex guard;
    struct leaves {
        int& count;
        inquest::detail::mutex& guard;
        ~leaves() {
            const std::lock_guard lock(guard);
            ++count;
        }
    };
    auto pool = inquest::make_pool<int>({.name = "pool", .workers = 2, .capacity = 1},
                                        [&](receiver<int>& in) -> outcome {
                                            const leaves at_end{ended, guard};
                                            if (in.pop()) return std::unexpected("broken");
                                            return {};
                                        });
    for (int i = 0; i < 4; ++i)
        if (const auto sent = pool.push(i); !sent) {
            require(*sent.error().error() == "broken", "not the workers' own");
            require(ended == 2, "some worker still runs");
            require(!pool.finish(), "the failure again");
            return;
        }
    require(false, "a push after the end was accepted");
}

// Of a pool that leases its items, each is dealt with or handed back, whoever fails when.
void pool_leases() {
    int dealt_with = 0, pushed = 0, back = 0;
    inquest::detail::mutex guard;
    auto pool = inquest::make_pool<int>({.name = "pool", .workers = 2, .capacity = 1},
                                        [&](leasing_receiver<int>& in) -> outcome {
                                            while (const auto item = in.pop()) {
                                                if (item->get() == 1) return std::unexpected("broken");
                                                const std::lock_guard lock(guard);
                                                ++dealt_with;
                                            }
                                            return {};
                                        });
    while (pushed < 2 && pool.push(pushed)) ++pushed;
    require(!pool.finish(), "its failure");
    bool in_hand = false;
    pool.recover([&](int&& item, const item_origin& from) {
        if (from.state == item_state::in_hand) {
            require(item == 1, "handed back, and dealt with");
            require(back == 0, "behind one that was queued");
            in_hand = true;
        }
        ++back;
    });
    require(in_hand, "the item of the worker that failed");
    require(dealt_with + back == pushed, "each once");
    const auto counts = pool.ledger();
    require(counts.popped == static_cast<std::uint64_t>(dealt_with), "the ledger's popped");
    require(counts.recovered == static_cast<std::uint64_t>(back), "the ledger's recovered");
}

// An open pool that is destroyed stops all, wherever they are.
void pool_stops() {
    auto pool = std::make_optional(
        inquest::make_pool<int>({.name = "pool", .workers = 2, .capacity = 1}, [](receiver<int>& in) {
            while (in.pop()) {
            }
        }));
    require(pool->push(1).has_value(), "it is open");
    pool.reset();
}

} // namespace

std::span<const program> stages() {
    static constexpr program table[] = {
        {"stage_fails", stage_fails, 2, 81'638, 2000},
        {"failures_of_two_channels", failures_of_two_channels, 2, 14'957, 2000},
        {"job_in_a_worker", job_in_a_worker, 3, 6'661, 2000},
        {"on_close_meets_close", on_close_meets_close, 4, 484, 2000},
        {"on_close_wakes", on_close_wakes, 3, 5'702, 2000},
        {"pool_fails", pool_fails, 2, 103'715, 2000},
        {"pool_leases", pool_leases, 1, 2'422, 2000},
        {"pool_stops", pool_stops, 2, 50'661, 2000},
    };
    return table;
}

} // namespace interleave
