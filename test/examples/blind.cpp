// The same program as `enrich`, on a queue as old code has it: a mutex, a deque, two condition variables, and
// a close(). When a worker fails, main learns that the queue is closed, and nothing else: compare the two.
#include "line_client.hpp"
#include "options.hpp"

#include <condition_variable>
#include <deque>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace {

template <class T>
class queue {
  public:
    explicit queue(std::size_t capacity) : capacity_(capacity) {}

    bool push(T item) {
        std::unique_lock lock(mutex_);
        not_full_.wait(lock, [this] { return closed_ || items_.size() < capacity_; });
        if (closed_) return false;
        items_.push_back(std::move(item));
        not_empty_.notify_one();
        return true;
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
        not_full_.notify_all();
        not_empty_.notify_all();
    }

  private:
    const std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable not_full_, not_empty_;
    std::deque<T> items_;
    bool closed_ = false;
};

struct totals {
    std::size_t lines = 0;
    std::size_t bytes = 0;
};

} // namespace

int main(int argc, char** argv) {
    auto options = parse_options(
        argc, argv, "blind", "What `enrich` does, on a plain queue: see what is lost when a worker fails.");
    if (!options) return options.error();

    queue<std::string> lines(16);
    std::vector<totals> sums(4);
    std::vector<std::jthread> workers;
    for (auto& sum : sums)
        workers.emplace_back([&lines, &sum, server = options->server] {
            line_client client(server);
            while (auto line = lines.pop()) {
                auto answer = client.ask(*line);
                if (!answer) return lines.close(); // the error ends here, where nobody looks
                ++sum.lines;
                sum.bytes += answer->size();
            }
        });

    for (std::string line; std::getline(options->input(), line);)
        if (!lines.push(line)) {
            std::cerr << "blind: queue closed\n"; // all there is to say
            return 1;
        }
    lines.close();
    workers.clear();
    if (options->input_failed("blind")) return 1;
    totals all;
    for (const auto& sum : sums) {
        all.lines += sum.lines;
        all.bytes += sum.bytes;
    }
    std::cout << all.lines << " lines enriched, " << all.bytes << " bytes received\n";
}
