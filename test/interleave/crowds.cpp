// Larger programs, explored by chance only.
#include "program.hpp"

#include <list>

namespace interleave {

namespace {

using namespace std::chrono_literals;
using inquest::cause_kind;
using inquest::channel;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;

using outcome = std::expected<void, std::string>;

void crowd() {
    channel<int> queue(2);
    watch(queue, "queue");
    ledger all;
    stop_source stop;
    {
        std::vector<jthread> threads;
        for (int p = 0; p < 3; ++p)
            threads.push_back(thread("producer " + std::to_string(p), [&, p] {
                for (int i = 0; i < 4; ++i) {
                    const int item = 4 * p + i;
                    const auto sent = i % 2 ? queue.push(item) : queue.push_for(item, 5ms);
                    if (!all.pushed(item, sent.has_value()) && sent.error().status() == status::closed)
                        return;
                }
            }));
        for (int c = 0; c < 3; ++c)
            threads.push_back(thread("consumer " + std::to_string(c), [&, c] {
                for (;;) {
                    auto item = c == 0   ? queue.pop(stop.get_token())
                                : c == 1 ? queue.pop_for(3ms)
                                         : queue.pop();
                    if (item)
                        all.popped(*item);
                    else if (item.error().status() != status::timeout)
                        return;
                }
            }));
        threads.push_back(thread("stopper", [&] { stop.request_stop(); }));
        threads.push_back(thread("range", [&] {
            const std::array items{12, 13, 14};
            const auto sent = queue.push_range(items);
            const std::size_t accepted = sent ? *sent : sent.error().accepted();
            for (std::size_t i = 0; i < items.size(); ++i) all.pushed(items[i], i < accepted);
        }));
        for (int p = 0; p < 3; ++p) threads[static_cast<std::size_t>(p)].join();
        threads.back().join();
        queue.close();
    }
    require(pop_all(queue, all) == status::complete, "not complete");
    all.settle();
}

void crowd_of_workers() {
    auto [tx, rx] = make_channel<int>(2);
    watch(tx, "queue");
    ledger all;
    std::list<inquest::worker<void, std::string>> workers;
    for (const char* name : {"a", "b", "c"})
        workers.push_back(spawn(name, rx, [&](receiver<int>& in) -> outcome {
            while (auto item = in.pop()) {
                all.popped(*item);
                if (*item >= 5) return std::unexpected("item " + std::to_string(*item));
            }
            (void)in.ended();
            return {};
        }));
    std::atomic<bool> told{false};
    {
        const auto push = [&](int from) {
            for (int item = from; item < 8; item += 2) {
                const auto sent = tx.push(item);
                if (all.pushed(item, sent.has_value())) continue;
                const auto why = resolve_first(tx, workers, sent.error());
                require(why.cause() == tx.cause() && why.cause().kind() == cause_kind::error,
                        "not the first failure");
                told = true;
                return;
            }
        };
        const auto other = thread("other producer", [&] { push(1); });
        push(0);
    }
    tx.finish();
    const auto failed = report(workers);
    require(failed.has_value() || !told, "told of a failure that is none");
    all.recovered(tx.recover());
    all.settle();
}

} // namespace

std::span<const program> crowds() {
    static constexpr program table[] = {
        {"crowd", crowd, 0, 0, 5'000},
        {"crowd_of_workers", crowd_of_workers, 0, 0, 5'000},
    };
    return table;
}

} // namespace interleave
