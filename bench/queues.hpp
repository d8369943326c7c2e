// Queues of several libraries in one shape, and what is sent through them.
//
// push blocks while the queue is full; pop blocks while it is empty, and returns nothing at its end; end(n) is called
// once by whoever knows that all was pushed, for n consumers.
#pragma once

#include "../test/examples/plain_queue.hpp"

#include <inquest/inquest.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#ifdef BENCH_TBB
#include <tbb/concurrent_queue.h>
#endif
#ifdef BENCH_MOODYCAMEL
#include <readerwriterqueue/readerwritercircularbuffer.h>
#endif
#ifdef BENCH_BOOST
#define BOOST_THREAD_VERSION 4
#include <boost/thread/concurrent_queues/sync_bounded_queue.hpp>
#endif

namespace bench {

using word = std::uint64_t;
using line = std::array<std::uint64_t, 8>; // one cache line
using text = std::string;                  // 256 bytes on the heap, made anew for each message

template <class T>
T make(word number);
template <>
inline word make<word>(word number) {
    return number;
}
template <>
inline line make<line>(word number) {
    line l;
    l.fill(number);
    return l;
}
template <>
inline text make<text>(word number) {
    text t(256, 'x');
    std::memcpy(t.data(), &number, sizeof number);
    return t;
}
inline word number(word w) { return w; }
inline word number(const line& l) { return l.back(); }
inline word number(const text& t) {
    word w = 0;
    std::memcpy(&w, t.data(), sizeof w);
    return w;
}
inline constexpr word last = ~word{0}; // tells the consumer of a queue that can't be closed

struct limits {
    bool many_producers = true, many_consumers = true;
};

/// What our `pop` returns, in the form that the others return it.
template <class T>
std::optional<T> popped(std::expected<T, inquest::pop_error> item) {
    if (!item) return std::nullopt;
    return std::move(*item);
}

template <class T>
class of_inquest {
  public:
    static constexpr const char* name = "inquest";
    static constexpr limits can{};
    explicit of_inquest(std::size_t capacity) : queue_(capacity) {}
    bool push(T&& item) { return queue_.push(std::move(item)).has_value(); }
    std::optional<T> pop() { return popped(queue_.pop()); }
    void end(unsigned) { queue_.close(); }
    inquest::channel<T>& get() { return queue_; }

  private:
    inquest::channel<T> queue_;
};

/// Counted ends, and consumers that are workers.
template <class T>
class of_worker {
  public:
    static constexpr const char* name = "inquest-worker";
    static constexpr limits can{};
    explicit of_worker(std::size_t capacity) : ends_(inquest::make_channel<T>(capacity)) {}
    bool push(T&& item) { return ends_.first.push(std::move(item)).has_value(); }
    void end(unsigned) { ends_.first.finish(); }
    struct popping {
        inquest::receiver<T>& from;
        std::optional<T> pop() { return popped(from.pop()); }
    };
    /// A thread that runs `body` with something to pop from.
    template <class F>
    auto consumer(F body) {
        return inquest::spawn("consumer", ends_.second, [body](inquest::receiver<T>& from) mutable {
            popping its{from};
            body(its);
        });
    }

  private:
    std::pair<inquest::sender<T>, inquest::receiver<T>> ends_;
};

template <class T>
class of_mutex : public plain_queue<T> {
  public:
    static constexpr const char* name = "mutex-deque";
    static constexpr limits can{};
    using plain_queue<T>::plain_queue;
    void end(unsigned) { this->close(); }
};

#ifdef BENCH_TBB
template <class T>
class of_tbb {
  public:
    static constexpr const char* name = "tbb";
    static constexpr limits can{};
    explicit of_tbb(std::size_t capacity) { queue_.set_capacity(static_cast<std::ptrdiff_t>(capacity)); }
    bool push(T&& item) {
        queue_.push(std::move(item));
        return true;
    }
    std::optional<T> pop() {
        T item{};
        queue_.pop(item);
        if (number(item) == last) return std::nullopt;
        return item;
    }
    void end(unsigned consumers) {
        for (; consumers > 0; --consumers) queue_.push(make<T>(last));
    }

  private:
    tbb::concurrent_bounded_queue<T> queue_;
};
#endif

#ifdef BENCH_MOODYCAMEL
template <class T>
class of_moodycamel {
  public:
    static constexpr const char* name = "moodycamel";
    static constexpr limits can{.many_producers = false, .many_consumers = false};
    explicit of_moodycamel(std::size_t capacity) : queue_(capacity) {}
    bool push(T&& item) {
        queue_.wait_enqueue(std::move(item));
        return true;
    }
    std::optional<T> pop() {
        T item{};
        queue_.wait_dequeue(item);
        if (number(item) == last) return std::nullopt;
        return item;
    }
    void end(unsigned) { queue_.wait_enqueue(make<T>(last)); }

  private:
    moodycamel::BlockingReaderWriterCircularBuffer<T> queue_;
};
#endif

#ifdef BENCH_BOOST
template <class T>
class of_boost {
  public:
    static constexpr const char* name = "boost";
    static constexpr limits can{};
    explicit of_boost(std::size_t capacity) : queue_(capacity) {}
    bool push(T&& item) { return queue_.wait_push_back(std::move(item)) == boost::queue_op_status::success; }
    std::optional<T> pop() {
        T item{};
        if (queue_.wait_pull_front(item) != boost::queue_op_status::success) return std::nullopt;
        return item;
    }
    void end(unsigned) { queue_.close(); }

  private:
    boost::sync_bounded_queue<T> queue_;
};
#endif

/// Calls `with.operator()<Queue>()` for each queue there is, Queue being a template of the item.
template <class F>
void each_queue(F&& with) {
    with.template operator()<of_inquest>();
    with.template operator()<of_mutex>();
#ifdef BENCH_TBB
    with.template operator()<of_tbb>();
#endif
#ifdef BENCH_MOODYCAMEL
    with.template operator()<of_moodycamel>();
#endif
#ifdef BENCH_BOOST
    with.template operator()<of_boost>();
#endif
}

} // namespace bench
