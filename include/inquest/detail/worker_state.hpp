// Behind a worker handle: starting its thread, and joining it.
#pragma once

#include <inquest/detail/worker_function.hpp>
#include <inquest/detail/worker_task.hpp>
#include <inquest/failure.hpp>

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
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

struct worker_access; // lets resolve reach a worker's state

/// What a worker handle holds.
template <class T, class E>
struct worker_state {
    using result_type = std::expected<T, failure<E>>;

    using timed_result = std::expected<std::reference_wrapper<const result_type>, still_running>;

    worker_state(std::shared_ptr<worker_block<T, E>> its, std::weak_ptr<channel_base> reads)
        : block(std::move(its)), channel(std::move(reads)), thread(), future(block->promise.get_future()) {}
    ~worker_state() {
        const uncancelled guard;
        if (left_behind()) { // the thread is not here: it can be neither joined nor detached
            try {
                if (!block->done.is_open()) report_unobserved(unexplained(name() + "left behind by a fork"));
            } catch (const std::bad_alloc&) { // then nobody is told
            }
            return;
        }
        const bool drains = block->drains && is_draining(channel);
        if (is_this_thread()) {
            if (!drains) block->request_stop(thread);
            block->orphaned = true; // it reports its failure itself, at its end
            if (block->done.is_open())
                report_if_unobserved(block); // which was before, and this a thread-local's
            thread.detach();
        } else {
            if (thread.joinable()) {
                if (drains) wait_for_ending(*block, channel);
                block->request_stop(thread); // also for what its thread-local objects' destructors wait for
                wait();
            }
            report_if_unobserved(block);
        }
        std::destroy_at(std::addressof(thread));
        block->identity->leave();
    }
    worker_state(const worker_state&) = delete;
    worker_state& operator=(const worker_state&) = delete;

    /// Why waiting from this thread could never end; null if it can be waited for.
    [[nodiscard]] const char* why_not_wait() const noexcept {
        if (left_behind()) return "left behind by a fork, so not joined";
        if (is_this_thread()) return "asked from inside the worker, so not joined";
        const auto here = current_worker ? current_worker->attached_to : no_channel;
        if (here != no_channel && here == block->attached_to && !block->done.is_open())
            return "asked from inside the channel, so not joined";
        return nullptr;
    }

    /// Until the thread has ended.
    void wait() {
        wait_for_ending(*block, channel);
        const std::lock_guard lock(joining);
        if (thread.joinable()) join_ended(thread);
    }
    /// Until the outcome is there, or the deadline, and then false. With a deadline the thread is not joined: nobody
    /// knows how long the destructors of its thread-local objects take.
    bool wait(clock::time_point deadline) {
        if (deadline != forever) return block->done.wait(deadline);
        wait();
        return true;
    }

    /// What it is doing, for somebody who has waited since `since`.
    [[nodiscard]] still_running glance(clock::time_point since) const {
        return block->glance(clock::now() - since, known_cause(channel));
    }

    /// The failure as the block has it, which nobody has observed by that. Only once published.
    [[nodiscard]] std::optional<failure<E>> failed() const {
        if (!block->failed()) return std::nullopt;
        const auto others = block->also_failed();
        return failure<E>(block->as_cause(), std::vector<cause>(others.begin(), others.end()));
    }
    /// Its function threw just this. Only once published.
    [[nodiscard]] bool threw(const cause& why) const {
        return block->kind == cause_kind::exception && block->as_cause() == why;
    }

    result_type& join() {
        if (const char* why = why_not_wait()) return handed_out(refuse(why));
        wait();
        return result();
    }

    /// Once the outcome is there.
    result_type& result() {
        const std::lock_guard lock(answering);
        if (joined) return handed_out(*joined);
        if (block->kind == cause_kind::exception) {
            observe(block->as_cause());
            std::rethrow_exception(block->exception);
        }
        if (auto why = failed()) return handed_out(joined.emplace(std::unexpect, std::move(*why)));
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
        if (const char* why = why_not_wait()) return std::cref(handed_out(refuse(why)));
        if (!wait(deadline)) return std::unexpected(glance(since));
        return std::cref(result());
    }

    /// As `report`, for somebody who has more to do before he hands it out: nobody has observed it by that.
    std::optional<failure<E>> collect() {
        if (const char* why = why_not_wait()) return refuse(why).error();
        wait();
        return failed();
    }

    std::optional<failure<E>> report() {
        auto why = collect();
        if (why) observe(*why);
        return why;
    }

    std::future<std::expected<T, E>> take_future() {
        const std::lock_guard lock(answering);
        if (!future.valid()) throw std::future_error(std::future_errc::no_state);
        block->observe_future();
        return std::move(future);
    }

    const std::shared_ptr<worker_block<T, E>> block;
    const std::weak_ptr<channel_base> channel;
    union {             // so that it can be left behind
        jthread thread; // to be joined under `joining` only
    };

  private:
    [[nodiscard]] bool left_behind() const noexcept { return block->generation != fork_generation(); }
    [[nodiscard]] std::string name() const { return "worker '" + block->identity->display() + "': "; }

    /// Also in the destructors of thread-local objects, when its function is over.
    [[nodiscard]] bool is_this_thread() const noexcept {
        return block->thread_serial.load() == this_thread_serial();
    }

    static result_type& handed_out(result_type& answer) noexcept {
        if (!answer) observe(answer.error());
        return answer;
    }

    /// Instead of waiting for ever: the outcome if it is known already, else the reason for not waiting.
    result_type& refuse(const char* why) {
        const bool known = block->is_published() && block->failed();
        const std::lock_guard lock(refusing);
        auto& answer = known ? refused_failed : refused;
        if (!answer) answer.emplace(std::unexpect, known ? *failed() : failure<E>(unexplained(name() + why)));
        return *answer;
    }

    mutex joining; // held while the thread is joined

    mutex answering; // protects the three below
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
        refuse_empty(fn);
        auto block = std::make_shared<worker_block<T, E>>(std::move(options.name));
        auto task = std::make_shared<worker_task<T, E, Fn, Item>>();
        std::weak_ptr<channel_base> reads;
        if constexpr (!std::is_void_v<Item>) reads = handle_access::core(end);
        auto state = std::make_unique<worker_state<T, E>>(block, std::move(reads));
        block->drains = options.on_destroy == on_destroy::drain;
        task->block = std::move(block);
        task->when_thrown = options.on_exception;
        task->fn.emplace(std::move(fn));
        if constexpr (!std::is_void_v<Item>) {
            const auto& core = handle_access::core(end);
            core->attach(*task->block);
            task->channel = core;
            task->block->attach(core->serial());
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

}}} // namespace inquest::INQUEST_ABI::detail
