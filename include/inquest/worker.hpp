// One thread, and the result of its function.
#pragma once

#include <inquest/channel.hpp>
#include <inquest/detail/spawner.hpp>

#include <expected>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

namespace detail {

struct worker_access; // lets resolve reach a worker's thread

} // namespace detail

/// A running `std::jthread` and its `std::future<std::expected<T, E>>`, as one object.
///
/// Any thread may call any operation of one worker; only assigning, moving and destroying it need exclusive
/// access. `join` and whatever joins block on the worker's code: never call them holding a lock it may need.
///
/// The destructor joins. If the channel that the worker reads has closed (finished, closed, or truncated by its
/// producers), what was pushed is still delivered, so the function must come to its end once its stream has; if the channel
/// is open, or the worker reads none, stop is requested first. `worker_options{.on_destroy = on_destroy::stop}` always
/// requests it. A failure that nobody has been handed by then, by an operation below or in resolve.hpp, is
/// reported to the failure hook. Destroyed on its own thread, the worker cannot be joined and is left to end by itself.
template <class T, class E>
class [[nodiscard("keep the worker: it is joined when it is destroyed")]] worker {
  public:
    /// What its function returns if all is well.
    using value_type = T;
    /// A std::thread::id.
    using id = detail::thread_id;
    /// What the system calls threads by.
    using native_handle_type = detail::thread_handle;
    /// The type of its errors.
    using error_type = E;
    /// What `join` returns.
    using result_type = std::expected<T, failure<E>>;
    /// What the timed forms return: the result, available through `get()`, or what the worker is still doing.
    using timed_result_type = std::expected<std::reference_wrapper<const result_type>, still_running>;

    /// Of no thread, as one that was moved from: to be assigned later.
    worker() noexcept = default;
    /// Workers of another kind do not convert.
    template <class U, class F>
        requires(!std::is_same_v<worker<U, F>, worker>)
    worker(worker<U, F>&&) {
        static_assert(sizeof(U*) == 0, "workers in one variable or container return one type: give their "
                                       "functions the same std::expected<T, E>");
    }
    worker(const worker&) = delete; // one thread, one worker: write std::move(w), or pass worker<T, E>&
    /// What was moved from has no thread: its operations throw std::future_error (no_state).
    worker(worker&&) noexcept = default;
    /// Ends the worker held before as the destructor does.
    worker& operator=(worker&&) noexcept = default;

    /// Waits for the thread's end, and returns the result, the same one every time. If the function returned an error, that
    /// is a `failure<E>` that holds it; if it returned another worker's failure, that very failure, even if the other worker
    /// threw. If it threw, the exception is rethrown, the same object every time. Any other ending is a failure, and its
    /// cause describes it.
    /// On the worker's own thread, and on those of workers attached to the same channel, nothing is waited for:
    /// the answer is its failure if that is known already, or one that says so.
    /// Throws std::future_error (no_state) on a moved-from worker, or if `get_future` took the value away.
    /// @{
    [[nodiscard("it may be the worker's failure: look at it, or use wait()")]] const result_type& join() & {
        return thread().join();
    }
    [[nodiscard("it may be the worker's failure: look at it, or use wait()")]] result_type join() && {
        auto& result = thread().join();
        if (!result) return result_type(std::unexpect, result.error()); // stays what it is, for others
        if constexpr (std::is_void_v<T>)
            return {};
        else
            return result_type(std::in_place, *std::move(result));
    }
    /// @}

    /// As `join`, but waits no longer than `limit`, and only until the result is there: what the destructors of the
    /// thread's thread-local objects still do is waited for by `join`, `wait` and the destructor. Past all counting, the
    /// limit is none, and this is `join`.
    template <class Rep, class Period>
    [[nodiscard]] timed_result_type join_for(const std::chrono::duration<Rep, Period>& limit) {
        return thread().join(detail::time_limit::after(detail::ticks(limit)));
    }
    /// As `join`, but waits no longer than until `deadline`.
    template <class Clock, class Duration>
    [[nodiscard]] timed_result_type join_until(const std::chrono::time_point<Clock, Duration>& deadline) {
        const auto since = detail::clock::now();
        return detail::wait_until_deadline(
            deadline, [&](auto until) { return thread().join(detail::time_limit{since, until}); });
    }
    /// What `join` would return now, without waiting: the result, a rethrow of what the function threw, or what the
    /// worker is doing.
    [[nodiscard]] timed_result_type peek() { return thread().join(detail::time_limit::at(detail::at_once)); }

    /// Waits for the thread's end as `join` does, but looks at nothing: a failure that nobody asks for is still reported
    /// when this object is destroyed. False, at once, if it can't be waited for from here (see `join`).
    bool wait() const {
        if (thread().why_not_wait()) return false;
        thread().wait();
        return true;
    }
    /// The same, no longer than `limit`, and only until the result is there. True if it is.
    template <class Rep, class Period>
    bool wait_for(const std::chrono::duration<Rep, Period>& limit) const {
        return !thread().why_not_wait() && thread().wait(detail::deadline_after(detail::ticks(limit)));
    }
    /// The same, no longer than until `deadline`.
    template <class Clock, class Duration>
    bool wait_until(const std::chrono::time_point<Clock, Duration>& deadline) const {
        return !thread().why_not_wait() &&
               detail::wait_until_deadline(deadline, [&](auto until) { return thread().wait(until); });
    }

    /// True once the function's outcome is known: the timed forms return it at once. Does not block.
    [[nodiscard]] bool is_done() const noexcept { return thread_ && thread_->is_done(); }

    /// Asks the worker to stop: its blocking calls on channels end `stopped`, its std::stop_token says so. What its
    /// function then returns stands; items that it leaves queued are for `recover`, and if nobody asks for them
    /// the failure hook is given their number. Does not wait. True if this call made the request.
    bool request_stop() noexcept { return thread_ && thread_->request_stop(); }

    /// Waits for the thread's end, as join does; then the failure, or nothing if there was none. Rethrows
    /// nothing: the exception is in the failure's cause.
    [[nodiscard]] std::optional<failure<E>> report() { return detail::typed<E>(thread().report()); }

    /// The thread's id, also once it is joined, and then perhaps another thread's; none if no thread could be
    /// created, or this object was moved from.
    [[nodiscard]] id get_id() const noexcept { return thread_ ? thread_->id() : id(); }
    /// What the system calls the thread by (a pthread_t), for what it offers beyond this library. Valid until somebody
    /// has waited for the thread's end; not for joining or detaching it.
    [[nodiscard]] native_handle_type native_handle() const { return thread().native_handle(); }

    /// The name in messages: numbered if workers share it.
    [[nodiscard]] std::string name() const { return thread().name(); }

    /// Gives the future away, to code that has its own place for futures. It carries what the function returned
    /// or threw, of a `failure<E>` the E; a failure without one, and an ending of another kind, travels in it as the
    /// exception `inquest::ended`. `join` can then no longer return the value; failures, `report` and `resolve` are not
    /// concerned, but a failure counts as observed. Throws std::future_error (no_state) if it was taken already or joined.
    [[nodiscard]] std::future<std::expected<T, E>> get_future() { return thread().take_future(); }

  private:
    friend detail::spawner;
    friend detail::worker_access;
    explicit worker(std::unique_ptr<detail::worker_thread> thread) noexcept : thread_(std::move(thread)) {}

    [[nodiscard]] detail::typed_worker_thread<T, E>& thread() const {
        if (!thread_) throw std::future_error(std::future_errc::no_state);
        return static_cast<detail::typed_worker_thread<T, E>&>(*thread_);
    }

    std::unique_ptr<detail::worker_thread> thread_; // a typed one: see program_of
};

/// Runs a function on a thread of its own, under a name that the system's thread list shows. In place of the name there
/// may be worker_options.
///
/// The function comes last. Before it come the *ends* that it is passed by reference, in that order: a `receiver<T>`, a
/// `sender<T>`, or a `channel<T>&` for a receiver of it; the channel may be destroyed before the worker, see there.
///
///     spawn("detect", std::move(frames), std::move(faces), [](receiver<frame>& in, sender<face>& out) { ... });
///
/// - A receiver *attaches* the worker: its failure ends the stream for everybody (`fail_fast`), and the channel closes when its
///   last attached worker has ended, however it ended. If that one ended with success because a push of its own was refused,
///   the cause of that is the channel's.
/// - A sender is finished if the function has returned success. But if it was asked to stop, or a push of its own was refused, before
///   it had come to the end of its inputs, or if an input broke off, or if it failed, the sender is abandoned, and the stream is
///   truncated. The cause is that of the input, or of the push that was refused, if there is one; else the worker's own failure.
///   A sender that the function has finished or moved from is left alone. A worker that is destroyed waits for its function to
///   end: somebody must pop what it pushes, or ask it to stop.
///
/// The function may take a std::stop_token first, as std::jthread has it. It returns `std::expected<T, E>`, or a
/// plain value or nothing if it reports by exception. What would pass for success whatever it means (a bool, an int,
/// a pointer, a std::error_code) does not compile: the wrappers in returns.hpp say what it means. Its copy lives on the
/// worker, and is destroyed there. If no thread can be created, that is the worker's failure (`never_started`).
/// Throws std::invalid_argument for an empty std::function, a null pointer, or an end that was moved from; std::bad_alloc.
///
/// If it returns `std::expected<T, failure<E>>`, the worker is a `worker<T, E>` all the same, and for `failure<>` a
/// `worker<T, no_error>`. The failure of another worker is *passed on*: this worker's channel, `join` and `resolve` give
/// that very cause, and whoever was handed it by one of the two workers has observed it. Any other failure is this
/// worker's own: of kind `error`, with the cause in it as `upstream`, and with the E in it.
template <class... Args>
    requires detail::ends_and_function<Args...>
auto spawn(worker_options options, Args&&... ends_and_function) {
    using spawned = detail::spawned<Args&&...>;
    if constexpr (detail::is_worker_function<typename spawned::function>(typename spawned::ends()))
        return detail::spawner::spawn(std::move(options), std::forward<Args>(ends_and_function)...);
}
template <class... Args>
    requires detail::ends_and_function<Args...>
auto spawn(std::string name, Args&&... ends_and_function) {
    return spawn(worker_options{.name = std::move(name)}, std::forward<Args>(ends_and_function)...);
}

/// Whatever else it is given does not compile, and says what it takes. Any other function of that name is a better match
/// than this one, so that it stands in nobody's way.
template <class Never = void>
auto spawn(...) {
    static_assert(
        !std::is_void_v<Never>,
        "spawn takes the worker's name, then its ends (receiver<T>, sender<T> or channel<T>&), then "
        "its function: let that capture everything else");
}

}} // namespace inquest::INQUEST_ABI
