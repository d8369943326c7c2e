// A channel for files that are older than C++23: this header compiles as C++11, C++14 and C++17, with and without RTTI.
//
// The channel itself is made in a file of C++23, which hands it over in one line, `bridge_to(queue)` of bridge_to.hpp, and keeps all that
// it can do with it: workers, failures, recovery. The older files push and pop through a queue<T>, which is two pointers.
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

// Of one version of the library, and of one kind of std::string: a file that was compiled for another does not link.
#if defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
#define INQUEST_BRIDGE_ABI v0_1_old_string
#else
#define INQUEST_BRIDGE_ABI v0_1
#endif

// Visible also in programs that hide their symbols.
#pragma GCC visibility push(default)

namespace inquest {

/// What files of older standards use. The same types for all of them, whatever they are compiled as.
namespace bridge { inline namespace INQUEST_BRIDGE_ABI {

/// How a call has ended: as inquest::status, and `done`.
enum class status : unsigned char {
    done,       ///< it did what was asked
    empty,      ///< try_pop: nothing queued now; more may come
    full,       ///< try_push: no room now
    closed,     ///< push: nothing is taken any more. pop: drained after the receiving side closed
    complete,   ///< pop: drained, and the producers said that this was all of it
    truncated,  ///< pop: drained, but the stream broke off: what was popped is not all there should have been
    aborted,    ///< pop: delivery was ended at once by a failure
    stopped,    ///< this call alone was told to stop
    timeout,    ///< this call alone ran out of time
    interrupted ///< whoever waited at that moment was told not to
};

/// What a call returns: true if it did what was asked.
class result {
  public:
    /// Of that status.
    explicit result(bridge::status s) noexcept : status_(s) {}
    /// It did what was asked.
    explicit operator bool() const noexcept { return status_ == bridge::status::done; }
    /// How it has ended.
    bridge::status status() const noexcept { return status_; }

  private:
    bridge::status status_;
};

/// Why the channel closed.
struct reason {
    std::string
        text; ///< one line, which names the worker, the item and the error; empty if nothing has failed
    int code; ///< the errno or the value of the std::error_code in it; 0 if there is none
};

/// @cond
namespace detail {

enum : long long { no_wait = -1, no_limit = std::numeric_limits<long long>::max() };

/// What a channel of T can do. One for each T, made by the file of C++23.
template <class T>
struct operations {
    status (*push_copy)(void* channel, const T& item, long long nanoseconds);
    status (*push_moved)(void* channel, T& item,
                         long long nanoseconds); // moved from only if it is accepted
    status (*pop)(void* channel, T& into, long long nanoseconds);
    bool (*close)(void* channel);
    bool (*fail)(void* channel, std::string&& text);
    bool (*is_closed)(const void* channel);
    std::size_t (*size)(const void* channel);
    std::size_t (*capacity)(const void* channel);
    reason (*why)(const void* channel);
};

template <class Rep, class Period>
long long nanoseconds(const std::chrono::duration<Rep, Period>& limit) {
    using wide = std::chrono::duration<long double, std::nano>;
    const long double n = std::chrono::duration_cast<wide>(limit).count();
    if (!(n > 0)) return 0;
    return n >= static_cast<long double>(no_limit) ? static_cast<long long>(no_limit)
                                                   : static_cast<long long>(n);
}

} // namespace detail
/// @endcond

/// A channel<T>, seen from a file of an older standard. Copies are of the same channel, which must outlive them. Any thread may call any
/// operation. Those that wait do so as those of channel<T>, on a worker's thread under its stop; they throw what copying and
/// moving a T throws.
template <class T>
class queue {
  public:
    /// The type of its items.
    typedef T value_type;

    /// Of no channel: closed, empty, of capacity 0.
    queue() noexcept : operations_(nullptr), channel_(nullptr) {}
    /// For bridge_to.
    queue(const detail::operations<T>& its, void* channel) noexcept : operations_(&its), channel_(channel) {}

    /// Queues a copy of `item`, waiting while the channel is full. Fails with `closed`: then `why` says why; and with `stopped` or
    /// `interrupted`.
    result push(const T& item) { return copied(item, detail::no_limit); }
    /// The same, which moves from `item` if it is accepted, and otherwise leaves it as it is.
    result push(T&& item) { return moved(item, detail::no_limit); }
    /// Without waiting: fails with `full` if there is no room.
    result try_push(const T& item) { return copied(item, detail::no_wait); }
    /// The same, which moves from `item` if it is accepted.
    result try_push(T&& item) { return moved(item, detail::no_wait); }
    /// Waits no longer than `limit`, and then fails with `timeout`.
    template <class Rep, class Period>
    result push_for(const T& item, const std::chrono::duration<Rep, Period>& limit) {
        return copied(item, detail::nanoseconds(limit));
    }
    /// The same, which moves from `item` if it is accepted.
    template <class Rep, class Period>
    result push_for(T&& item, const std::chrono::duration<Rep, Period>& limit) {
        return moved(item, detail::nanoseconds(limit));
    }

    /// Assigns the oldest item to `into`, waiting for one while the channel is empty and open. If it fails, `into` is left as it is: with
    /// `complete`, `closed`, `truncated` or `aborted` once the stream has ended.
    result pop(T& into) { return popped(into, detail::no_limit); }
    /// Without waiting: fails with `empty` if nothing is queued.
    result try_pop(T& into) { return popped(into, detail::no_wait); }
    /// Waits no longer than `limit`, and then fails with `timeout`.
    template <class Rep, class Period>
    result pop_for(T& into, const std::chrono::duration<Rep, Period>& limit) {
        return popped(into, detail::nanoseconds(limit));
    }

    /// All was pushed: pushes fail `closed`, what is queued is still delivered, then pop says `complete`. True if this call closed it.
    bool close() { return operations_ && operations_->close(channel_); }
    /// Closes with a failure of that text: pushes fail `closed`, pops drain and then end `truncated`, and `why` gives it. True if it is
    /// now the channel's.
    bool close(std::string text) { return operations_ && operations_->fail(channel_, std::move(text)); }

    /// True once nothing more can be pushed. Items may still be queued.
    bool is_closed() const noexcept { return !operations_ || operations_->is_closed(channel_); }
    /// Items queued now.
    std::size_t size() const noexcept { return operations_ ? operations_->size(channel_) : 0; }
    /// Nothing is queued now.
    bool empty() const noexcept { return size() == 0; }
    /// The most that can be queued.
    std::size_t capacity() const noexcept { return operations_ ? operations_->capacity(channel_) : 0; }
    /// What is known of why the channel closed. Allocates, and calls the error's own formatter.
    reason why() const { return operations_ ? operations_->why(channel_) : reason{std::string(), 0}; }

  private:
    result copied(const T& item, long long limit) {
        static_assert(std::is_copy_constructible<T>::value,
                      "an item that cannot be copied is moved in: write push(std::move(item))");
        return result(operations_ ? operations_->push_copy(channel_, item, limit) : status::closed);
    }
    result moved(T& item, long long limit) {
        return result(operations_ ? operations_->push_moved(channel_, item, limit) : status::closed);
    }
    result popped(T& into, long long limit) {
        return result(operations_ ? operations_->pop(channel_, into, limit) : status::closed);
    }

    const detail::operations<T>* operations_; // null: no channel
    void* channel_;
};

}} // namespace bridge::INQUEST_BRIDGE_ABI
} // namespace inquest

#pragma GCC visibility pop
