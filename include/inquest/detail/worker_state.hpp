// Behind a worker handle: the block that records the outcome, the task the thread runs, and joining it.
#pragma once

#include <inquest/channel.hpp>
#include <inquest/failure.hpp>
#include <inquest/hook.hpp>

#include <cerrno>
#include <expected>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace inquest::inline INQUEST_ABI {

/// The error type of a worker that reports by exception only: there is no value of it.
struct no_error {
    no_error() = delete;
};

/// What becomes of an exception that leaves a worker's function.
enum class on_exception : unsigned char {
    record,    ///< it is the worker's outcome, for `join` and `resolve` to rethrow
    terminate, ///< it is caught nowhere: std::terminate at the throw, and a core dump that shows its place
};

/// How a worker is started.
struct worker_options {
    std::string name; ///< in messages, numbered where workers share it, and in the system's thread list
    inquest::on_exception on_exception = inquest::on_exception::record;
};

namespace detail {

struct asker; // lets resolve reach a worker's state

template <class R>
struct result_of {
    static_assert(
        !std::is_same_v<R, std::error_code> && !std::is_same_v<R, std::error_condition> &&
            !std::is_same_v<R, std::exception_ptr>,
        "a worker that returned this would always look successful: return std::expected<void, ...>");
    static_assert(std::is_void_v<R> || std::is_object_v<R>, "a worker returns its result by value");
    using value = R;
    using error = no_error;
};
template <class T, class E>
struct result_of<std::expected<T, E>> {
    static_assert(std::is_copy_constructible_v<E> || std::is_same_v<E, no_error>,
                  "a worker's error is kept beside the future that carries it, so it must be copyable");
    using value = T;
    using error = E;
};

/// Calls fn with what it takes of (stop_token, receiver&).
template <class Fn, class... Ends>
decltype(auto) call_worker(Fn& fn, const stop_token& stop, Ends&... ends) {
    if constexpr (std::is_invocable_v<Fn&, stop_token, Ends&...>)
        return fn(stop, ends...);
    else {
        static_assert(
            std::is_invocable_v<Fn&, Ends&...>,
            "a worker's function takes (receiver<T>&) or (std::stop_token, receiver<T>&); one that is "
            "attached to no channel takes () or (std::stop_token)");
        return fn(ends...);
    }
}

/// What a worker's thread writes: allocated when it is spawned, so that recording an outcome allocates
/// nothing.
template <class T, class E>
struct worker_block final : worker_record {
    using worker_record::worker_record;
    std::optional<std::expected<T, E>> result;
    std::promise<std::expected<T, E>> promise;

    void record_result() noexcept {
        if (result->has_value()) return record_success();
        kind = cause_kind::error;
        if constexpr (!std::is_same_v<E, no_error>) set_value(result->error());
    }
    /// The error stays here, where causes point to it: the future gets a copy.
    void fulfil() noexcept {
        auto out =
            std::move(promise); // an `ended` in a promise of ours would keep this block, and so itself, alive
        try {
            if (!result)
                out.set_exception(exception ? exception : std::make_exception_ptr(ended(as_cause())));
            else if (result->has_value())
                out.set_value(std::move(*result));
            else if constexpr (!std::is_same_v<E, no_error>)
                out.set_value(std::expected<T, E>(std::unexpect, result->error()));
        } catch (...) {
            try {
                out.set_exception(std::current_exception()); // moving T, or copying E, threw
            } catch (...) {
            }
        }
    }
};

struct no_end {};

/// The function, its end of the channel, and the thread's main program.
template <class T, class E, class Fn, class Item>
struct worker_task {
    using end_type = std::conditional_t<std::is_void_v<Item>, no_end, std::optional<receiver<Item>>>;

    std::shared_ptr<worker_block<T, E>> block;
    std::shared_ptr<channel_control> channel; // null: not attached
    std::optional<Fn> fn;
    end_type end;

    on_exception when_thrown = on_exception::record;

    void run(const stop_token& stop) {
        const current_worker_scope scope(*block);
        block->stop = stop;
        block->identity->name_this_thread();
        const stop_callback<stopper> on_stop(stop, stopper{block.get()}); // the worker's only one
        if (when_thrown == on_exception::terminate) return run_uncaught(stop);
        try {
            call(stop);
        } catch (...) {
            block->result.reset();
            block->set_current_exception();
            disable_cancellation();
            if (!block->exception) { // pthread_exit or pthread_cancel: no exception of the language
                block->kind = cause_kind::forced_unwind;
                finish();
                throw; // it must go on
            }
            block->kind = cause_kind::exception;
        }
        disable_cancellation();
        finish();
    }

    // No handler stands between a throw and the top of the thread, so that the process ends at the throw, with the
    // stack as it was. A forced unwind still passes, and finds the destructor.
    void run_uncaught(const stop_token& stop) {
        struct finisher {
            worker_task& self;
            ~finisher() {
                disable_cancellation();
                if (!self.block->result) self.block->kind = cause_kind::forced_unwind;
                self.finish();
            }
        } const at_end{*this};
        call(stop);
    }

    void call(const stop_token& stop) {
        const auto invoke = [&]() -> decltype(auto) {
            if constexpr (std::is_void_v<Item>)
                return call_worker(*fn, stop);
            else
                return call_worker(*fn, stop, *end);
        };
        using R = decltype(invoke());
        if constexpr (std::is_void_v<R>) {
            invoke();
            block->result.emplace();
        } else if constexpr (std::is_same_v<std::remove_cv_t<R>, std::expected<T, E>>) {
            block->result.emplace(invoke());
        } else {
            block->result.emplace(std::in_place, invoke());
        }
        block->record_result();
    }

    /// Publishes the outcome, then lets go of the function and what it captured, then fulfils the promise.
    void finish() noexcept {
        publish(*block, channel.get());
        if (block->failed()) tell_eagerly(block->as_cause());
        fn.reset();
        if constexpr (!std::is_void_v<Item>) end.reset();
        block->fulfil();
        block->done.open();
        if (block->orphaned) report_if_unseen(block);
    }

    struct stopper {
        worker_record* record;
        void operator()() const noexcept { record->interrupt(); }
    };
};

/// What a worker handle holds.
template <class T, class E>
struct worker_state {
    using result_type = std::expected<T, failure<E>>;

    using timed_result = std::expected<std::reference_wrapper<const result_type>, still_running>;

    explicit worker_state(std::shared_ptr<worker_block<T, E>> its, std::weak_ptr<channel_control> reads)
        : block(std::move(its)), channel(std::move(reads)), thread(), future(block->promise.get_future()) {}
    ~worker_state() {
        const uncancelled guard;
        if (left_behind()) { // the thread is not here: it can be neither joined nor detached
            if (!block->done.is_open()) tell_unobserved(unexplained(name() + "left behind by a fork"));
            return;
        }
        thread.request_stop();
        if (is_this_thread()) {
            block->orphaned = true; // it reports its failure itself, at its end
            thread.detach();
        } else {
            if (thread.joinable()) {
                wait_for_end(*block, channel);
                thread.join();
            }
            report_if_unseen(block);
        }
        std::destroy_at(std::addressof(thread));
        block->identity->leave();
    }
    worker_state(const worker_state&) = delete;
    worker_state& operator=(const worker_state&) = delete;

    /// Why waiting from this thread could never end; null where it can be waited for.
    [[nodiscard]] const char* why_not_wait() const noexcept {
        if (left_behind()) return "left behind by a fork, so not joined";
        if (current_worker == block.get()) return "asked from inside the worker, so not joined";
        const auto* here = current_worker ? current_worker->attached_to : nullptr;
        if (here && here == block->attached_to && !block->done.is_open())
            return "asked from inside the channel, so not joined";
        return nullptr;
    }

    /// False where the worker is still running at the deadline.
    bool wait(clock::time_point deadline = forever) {
        if (deadline == forever)
            wait_for_end(*block, channel);
        else if (!block->done.wait(deadline))
            return false;
        const std::lock_guard lock(joining);
        if (thread.joinable() && !is_this_thread()) thread.join();
        return true;
    }

    /// What it is doing, for somebody who has waited since `since`.
    [[nodiscard]] still_running glance(clock::time_point since) const {
        return block->glance(clock::now() - since, known_cause(channel));
    }

    /// The failure as the block has it. Only once published.
    [[nodiscard]] std::optional<failure<E>> failed() {
        if (!block->failed()) return std::nullopt;
        block->looked_at = true;
        return failure<E>(block->as_cause());
    }

    result_type& join() {
        if (const char* why = why_not_wait()) return refuse(why);
        wait();
        const std::lock_guard lock(joining);
        if (joined) return *joined;
        if (block->kind == cause_kind::exception) {
            block->looked_at = true;
            std::rethrow_exception(block->exception);
        }
        if (auto why = failed()) return joined.emplace(std::unexpect, std::move(*why));
        if (lost) std::rethrow_exception(lost);
        if (!future.valid()) throw std::future_error(std::future_errc::no_state);
        try {
            auto value = future.get(); // ready: the latch is open
            if constexpr (std::is_void_v<T>)
                return joined.emplace();
            else
                return joined.emplace(std::in_place, std::move(*value));
        } catch (...) {
            lost = std::current_exception();
            throw;
        }
    }

    timed_result join(clock::time_point deadline) {
        const auto since = clock::now();
        if (const char* why = why_not_wait()) return std::cref(refuse(why));
        if (!wait(deadline)) return std::unexpected(glance(since));
        return std::cref(join());
    }

    std::optional<failure<E>> report() {
        if (const char* why = why_not_wait()) return refuse(why).error();
        wait();
        return failed();
    }

    std::future<std::expected<T, E>> take_future() {
        const std::lock_guard lock(joining);
        if (!future.valid()) throw std::future_error(std::future_errc::no_state);
        block->looked_at = true; // whoever has the future sees it there
        return std::move(future);
    }

    const std::shared_ptr<worker_block<T, E>> block;
    const std::weak_ptr<channel_control> channel;
    union {             // so that it can be left behind
        jthread thread; // to be joined under `joining` only
    };

  private:
    [[nodiscard]] bool left_behind() const noexcept { return generation != fork_generation(); }
    [[nodiscard]] std::string name() const { return "worker '" + block->identity->display() + "': "; }

    /// Also in the destructors of thread-local objects, when its function is over. Under `joining`, or alone:
    /// another thread may have the same id as soon as this one was joined.
    [[nodiscard]] bool is_this_thread() const noexcept { return thread.get_id() == this_thread_id(); }

    /// Instead of waiting for ever: the outcome where it is known already, else the reason for not waiting.
    result_type& refuse(const char* why) {
        const bool known = block->is_published() && block->failed();
        const std::lock_guard lock(refusing);
        auto& answer = known ? refused_failed : refused;
        if (!answer) answer.emplace(std::unexpect, known ? *failed() : failure<E>(unexplained(name() + why)));
        return *answer;
    }

    const unsigned generation = fork_generation();
    mutex joining; // protects the thread's join and the three below
    std::future<std::expected<T, E>> future;
    std::optional<result_type> joined; // never changes once set
    std::exception_ptr lost;           // what T threw when its value was moved to us

    mutex refusing; // protects the two below
    std::optional<result_type> refused, refused_failed;
};

struct spawner {
    /// `end` is the worker's receiver, or no_end.
    template <class Item, class End, class Fn>
    static auto start(worker_options options, End end, Fn fn) {
        using R = decltype(result_type_of<Item>(fn));
        using T = typename result_of<typename R::type>::value;
        using E = typename result_of<typename R::type>::error;
        if constexpr (std::is_constructible_v<Fn, std::nullptr_t> && requires { fn == nullptr; }) {
            if (fn == nullptr) throw std::invalid_argument("inquest: spawn of an empty function");
        }
        auto block = std::make_shared<worker_block<T, E>>(std::move(options.name));
        auto task = std::make_shared<worker_task<T, E, Fn, Item>>();
        std::weak_ptr<channel_control> reads;
        if constexpr (!std::is_void_v<Item>) reads = access::core(end);
        auto state = std::make_unique<worker_state<T, E>>(block, std::move(reads));
        task->block = std::move(block);
        task->when_thrown = options.on_exception;
        task->fn.emplace(std::move(fn));
        if constexpr (!std::is_void_v<Item>) {
            const auto& core = access::core(end);
            task->channel = core;
            task->block->attached_to = core.get();
            core->attach();
            task->end.emplace(std::move(end));
        }
        try {
            state->thread = jthread([task](const stop_token& stop) mutable {
                const auto mine = std::move(task); // gone before the thread is: a joined worker holds nothing
                mine->run(stop);
            });
        } catch (const std::system_error& e) {
            never_started(*task, e.code().value());
        } catch (const std::bad_alloc&) {
            never_started(*task, ENOMEM);
        }
        return worker<T, E>(std::move(state));
    }

  private:
    template <class R>
    struct of {
        using type = std::remove_cv_t<R>;
    };
    template <class Item, class Fn>
    static auto result_type_of(Fn& fn) {
        if constexpr (std::is_void_v<Item>)
            return of<decltype(call_worker(fn, stop_token{}))>{};
        else
            return of<decltype(call_worker(fn, stop_token{}, std::declval<receiver<Item>&>()))>{};
    }
    static void never_started(auto& task, int error) noexcept {
        task.block->kind = cause_kind::never_started;
        task.block->system_error = error;
        const uncancelled guard;
        const current_worker_scope scope(*task.block); // for ends that the function captured
        task.finish();
    }
};

} // namespace detail
} // namespace inquest::inline INQUEST_ABI
