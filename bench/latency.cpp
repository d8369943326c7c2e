// What a message costs on its way there and back: two channels of capacity 1, and the same on a queue as old
// code has it. Compare the two within one run; the figures of different runs or machines say nothing.
#include <inquest/inquest.hpp>

#include <benchmark/benchmark.h>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace {

template <class T>
class plain_queue {
  public:
    explicit plain_queue(std::size_t capacity) : capacity_(capacity) {}
    void push(T item) {
        std::unique_lock lock(mutex_);
        not_full_.wait(lock, [this] { return items_.size() < capacity_; });
        items_.push_back(std::move(item));
        not_empty_.notify_one();
    }
    std::optional<T> pop() {
        std::unique_lock lock(mutex_);
        not_empty_.wait(lock, [this] { return closed_ || !items_.empty(); });
        if (items_.empty()) return std::nullopt;
        T item = std::move(items_.front());
        items_.pop_front();
        not_full_.notify_one();
        return item;
    }
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        not_empty_.notify_all();
    }

  private:
    const std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable not_full_, not_empty_;
    std::deque<T> items_;
    bool closed_ = false;
};

// Each round trip is checked: what comes back is what was sent, plus one.
template <class Queue>
void round_trip(benchmark::State& state) {
    Queue there(1), back(1);
    std::jthread echo([&] {
        while (auto item = there.pop()) (void)back.push(*item + 1);
    });
    long next = 0;
    for (auto _ : state) {
        (void)there.push(next);
        if (back.pop().value() != ++next) state.SkipWithError("a message was lost or doubled");
    }
    there.close();
}

void inquest_channel(benchmark::State& state) { round_trip<inquest::channel<long>>(state); }
void mutex_deque_condvars(benchmark::State& state) { round_trip<plain_queue<long>>(state); }

} // namespace

BENCHMARK(inquest_channel)->UseRealTime();
BENCHMARK(mutex_deque_condvars)->UseRealTime();
BENCHMARK_MAIN();
