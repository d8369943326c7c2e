// Workers out of what is there already: threads, futures, the start routines of C.
//
// `outcome_of` makes a function for `spawn` that waits for the thing and returns what came of it, so that this is a worker with a name,
// attached to the channels that it is given: its failure closes them, and `resolve` returns it.
//
//     auto decoder = spawn("decode", queue, outcome_of(std::move(thread), std::move(result)));
//
// The worker is a thread of its own, which waits. It does not know what the other thread does meanwhile: which item that is on is not in
// the cause, stop requests do not reach it (but that of a std::jthread, which is passed on), and whoever waits for the worker waits for it
// to end by itself. Never wait for the worker on that thread. A thread is joined also if the function is never called, as when spawn
// throws: close first what it waits for, if it can't be asked to stop. None of these blocks but for that. Each throws what moving its
// arguments throws, and std::invalid_argument for an empty std::function or a null pointer.
#pragma once

#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/sync.hpp>
#include <inquest/detail/worker_function.hpp>

#include <concepts>
#include <stdexcept>
#include <type_traits>
#include <utility>

#if __has_include(<pthread.h>)
#include <pthread.h>
#endif

namespace inquest { inline namespace INQUEST_ABI {

namespace detail {

template <class F>
concept future_like = requires(F& f) {
    f.get();
    { f.valid() } -> std::convertible_to<bool>;
};
template <class Th>
concept thread_like = requires(Th& t) {
    t.join();
    { t.joinable() } -> std::convertible_to<bool>;
};

template <future_like F>
auto value_of(F& future) {
    using got = decltype(future.get());
    static_assert(!std::is_lvalue_reference_v<got> || std::is_const_v<std::remove_reference_t<got>>,
                  "a worker's result outlives its function: let the future carry a value, not a reference");
    using value = std::remove_cvref_t<got>;
    if constexpr (std::is_void_v<value>)
        future.get();
    else
        return value(future.get());
}

/// A thread that is joined, at the latest when this is destroyed: one that can be asked to stop is, then.
template <thread_like Th>
class joined_thread {
  public:
    explicit joined_thread(Th&& its) : thread_(std::move(its)), is_ours_(thread_.joinable()) {}
    joined_thread(joined_thread&& other) noexcept
        : thread_(std::move(other.thread_)), is_ours_(std::exchange(other.is_ours_, false)) {}
    joined_thread& operator=(joined_thread&&) = delete;
    ~joined_thread() {
        if (!is_ours_) return;
        const uncancelled guard;
        if constexpr (requires { thread_.request_stop(); }) thread_.request_stop();
        try {
            join();
        } catch (...) { // on the very thread that it would wait for
            if constexpr (requires { thread_.detach(); })
                if (thread_.joinable()) thread_.detach();
        }
    }
    void join() {
        if (std::exchange(is_ours_, false)) thread_.join();
    }
    /// Until it has ended; it is asked to stop if the worker is.
    void join(const stop_token& stop) {
        if constexpr (requires { thread_.request_stop(); }) {
            const auto ask = [this] { thread_.request_stop(); };
            const stop_callback<decltype(ask)> passes_on(stop, ask);
            join();
        } else {
            join();
        }
    }

  private:
    Th thread_;
    bool is_ours_; // a class that is copied instead of moved leaves a copy behind, which is not to be joined
};

/// What `result` returns once the thread has ended, which may use what is in it until then.
template <class Th, class Result>
class after_thread {
  public:
    after_thread(joined_thread<Th>&& thread, Result&& result)
        : result_(std::move(result)), thread_(std::move(thread)) {}
    auto operator()(const stop_token& stop, auto&&...) {
        thread_.join(stop);
        return result_();
    }

  private:
    Result result_;
    joined_thread<Th> thread_; // destroyed first
};

template <class F>
void refuse_stateless(const F& future) {
    if (!future.valid()) throw std::invalid_argument("inquest: a worker is given a future without a state");
}

} // namespace detail

/// What the future returns or throws: of std::async, a std::packaged_task or a promise; a std::shared_future too. A result
/// that is a std::expected is the worker's own; one that may be an error without saying so, an int or a bool, goes through a wrapper
/// of returns.hpp: `returns_errno(outcome_of(std::move(future)))`. Throws std::invalid_argument for a future without a state.
template <detail::future_like F>
[[nodiscard]] auto outcome_of(F future) {
    detail::refuse_stateless(future);
    return [future = std::move(future)](auto&&...) mutable { return detail::value_of(future); };
}

/// What the future returns or throws, once the thread has ended that fulfils it: a std::thread, a std::jthread, or any class that has
/// `join` and `joinable`. Throws std::invalid_argument for a future without a state, once the thread is joined.
template <detail::thread_like Th, detail::future_like F>
[[nodiscard]] auto outcome_of(Th thread, F future) {
    detail::joined_thread<Th> mine(std::move(thread));
    detail::refuse_stateless(future);
    auto result = [future = std::move(future)]() mutable { return detail::value_of(future); };
    return detail::after_thread<Th, decltype(result)>(std::move(mine), std::move(result));
}

/// What `result()` returns or throws, called on the worker once the thread has ended: it reads the place where the thread has left
/// what became of it, and returns what a worker's function returns. The place must live as long as the worker.
///
///     auto decoder = spawn("decode", queue, outcome_of(std::move(thread), returns_errno([&] { return decode_error; })));
template <detail::thread_like Th, class Result>
    requires(!detail::future_like<Result> && std::invocable<Result&> &&
             !requires(Result& task) { task.get_future(); })
[[nodiscard]] auto outcome_of(Th thread, Result result) {
    detail::joined_thread<Th> mine(std::move(thread));
    detail::refuse_empty(result);
    return detail::after_thread<Th, Result>(std::move(mine), std::move(result));
}

#if __has_include(<pthread.h>)
/// The exception of a worker whose thread, one of C, was ended by pthread_cancel.
class thread_cancelled : public std::runtime_error {
  public:
    thread_cancelled();
};

namespace detail {

/// Joins it when it is destroyed, if nobody did.
class joined_pthread {
  public:
    explicit joined_pthread(pthread_t its) noexcept : thread_(its) {}
    joined_pthread(joined_pthread&& other) noexcept
        : thread_(other.thread_), joinable_(std::exchange(other.joinable_, false)) {}
    joined_pthread& operator=(joined_pthread&&) = delete;
    ~joined_pthread();
    /// What it has returned. Throws thread_cancelled, and std::system_error if it can't be joined.
    void* join();

  private:
    pthread_t thread_;
    bool joinable_ = true;
};

/// Throws std::system_error if no thread can be created.
[[nodiscard]] joined_pthread start_pthread(void* (*start)(void*), void* argument);

template <class Result>
decltype(auto) call_result(Result& result, void* returned) {
    if constexpr (std::invocable<Result&, void*>)
        return result(returned);
    else
        return result();
}

/// As after_thread.
template <class Result>
class after_pthread {
  public:
    after_pthread(joined_pthread&& thread, Result&& result)
        : result_(std::move(result)), thread_(std::move(thread)) {}
    auto operator()(auto&&...) { return call_result(result_, thread_.join()); }

  private:
    Result result_;
    joined_pthread thread_; // destroyed first
};

} // namespace detail

/// The same for a thread of C. `result` may take what the thread has returned, a `void*`; it is not called for one that was cancelled:
/// that worker's failure is a thread_cancelled. The two can't be told apart if a thread returns PTHREAD_CANCELED itself, which is
/// `(void*)-1` with most systems. Nobody else may join or detach the thread.
template <std::same_as<pthread_t> Pthread, class Result>
    requires(std::invocable<Result&, void*> || std::invocable<Result&>)
[[nodiscard]] auto outcome_of(Pthread thread, Result result) {
    detail::joined_pthread mine(thread);
    detail::refuse_empty(result);
    return detail::after_pthread<Result>(std::move(mine), std::move(result));
}

/// The same for a start routine of C, which runs on a thread of its own, so that pthread_exit and pthread_cancel do in it what they
/// do. It starts when the worker does; if it can't be started, that worker's failure is the std::system_error.
template <class Result>
    requires(std::invocable<Result&, void*> || std::invocable<Result&>)
[[nodiscard]] auto outcome_of(void* (*start)(void*), void* argument, Result result) {
    detail::refuse_empty(start);
    detail::refuse_empty(result);
    return [start, argument, result = std::move(result)](auto&&...) mutable {
        return detail::call_result(result, detail::start_pthread(start, argument).join());
    };
}
#endif

}} // namespace inquest::INQUEST_ABI
