// From the moment at which a worker has its error in hand to the moment at which the producer has it.
#pragma once

#include "figures.hpp"
#include "queues.hpp"

#include <atomic>
#include <expected>
#include <future>
#include <string>
#include <system_error>
#include <thread>

namespace bench {

/// What the producer is doing when the worker fails, and where it gets the error.
enum class producer { parked, running };
enum class knows { joined, at_once };

struct failing {
    producer doing = producer::parked;
    unsigned rounds = 300;
};

inline constexpr int error_in_hand = 111;

/// One worker's way to its error. Parked: it waits until the producer is in a push that finds no room, and some time
/// more. Running: it pops as they come, and fails after some.
template <class Pop>
void until_it_fails(const failing& how, const std::atomic<bool>& blocking, Pop&& pop,
                    std::atomic<std::int64_t>& failed) {
    if (how.doing == producer::parked) {
        blocking.wait(false);
        std::this_thread::sleep_for(std::chrono::microseconds(300));
    } else
        for (int i = 0; i < 100; ++i) pop();
    failed = now();
}

/// One round: what `push` and `ask` do is timed by the caller of this.
template <class Push>
void until_it_is_known(const failing& how, std::size_t capacity, std::atomic<bool>& blocking, Push&& push) {
    std::size_t sent = 0;
    for (;; ++sent) {
        if (how.doing == producer::parked && sent == capacity) {
            blocking = true;
            blocking.notify_one();
        }
        if (!push()) return;
    }
}

inline figures cause_of(std::vector<std::int64_t>& times, const usage& used, bool intact) {
    figures result;
    result.messages = times.size();
    result.intact = intact;
    take_usage(result, used);
    take_percentiles(result, times);
    return result;
}

/// inquest: the error by resolve, or with the failed push itself.
inline figures inquest_cause(const failing& how, knows when) {
    constexpr std::size_t capacity = 16;
    std::vector<std::int64_t> times;
    bool intact = true;
    const auto used = usage::now();
    for (unsigned round = 0; round < how.rounds; ++round) {
        std::atomic<bool> blocking{false};
        std::atomic<std::int64_t> failed{0};
        auto [tx, rx] = inquest::make_channel<word>(capacity);
        auto worker =
            inquest::spawn("w", std::move(rx), [&](inquest::receiver<word>& in) -> std::expected<void, int> {
                until_it_fails(how, blocking, [&] { (void)in.pop(); }, failed);
                return std::unexpected(error_in_hand);
            });
        std::optional<inquest::push_error> why;
        until_it_is_known(how, capacity, blocking, [&] {
            auto sent = tx.push(word{round});
            if (!sent) why = std::move(sent.error());
            return !why;
        });
        if (when == knows::at_once) {
            const auto* error = why->cause().template get<int>();
            times.push_back(now() - failed);
            intact = intact && error && *error == error_in_hand;
            (void)resolve(tx, worker, *why);
        } else {
            const auto answer = resolve(tx, worker, *why);
            times.push_back(now() - failed);
            intact = intact && answer.error() && *answer.error() == error_in_hand;
        }
    }
    return cause_of(times, used, intact);
}

/// As old code would do it: the queue is closed by the worker, its error comes through a future, and it is joined.
inline figures mutex_cause(const failing& how) {
    constexpr std::size_t capacity = 16;
    std::vector<std::int64_t> times;
    bool intact = true;
    const auto used = usage::now();
    for (unsigned round = 0; round < how.rounds; ++round) {
        std::atomic<bool> blocking{false};
        std::atomic<std::int64_t> failed{0};
        plain_queue<word> queue(capacity);
        std::promise<std::expected<void, int>> promise;
        auto outcome = promise.get_future();
        std::thread worker([&] {
            until_it_fails(how, blocking, [&] { (void)queue.pop(); }, failed);
            promise.set_value(std::unexpected(error_in_hand));
            queue.close();
        });
        until_it_is_known(how, capacity, blocking, [&] { return queue.push(word{round}); });
        const auto answer = outcome.get();
        worker.join();
        times.push_back(now() - failed);
        intact = intact && !answer && answer.error() == error_in_hand;
    }
    return cause_of(times, used, intact);
}

} // namespace bench
