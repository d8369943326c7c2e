// What a worker's thread runs: the function, and the block that records its outcome.
#pragma once

#include <inquest/channel.hpp>
#include <inquest/hook.hpp>
#include <inquest/worker_options.hpp>

#include <expected>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

template <class R>
struct result_of {
    using value = R;
    using error = no_error;
};
template <class T, class E>
struct result_of<std::expected<T, E>> {
    using value = T;
    using error = E;
};
/// The error of a failure that it returns: that is passed on, not wrapped.
template <class T, class E>
struct result_of<std::expected<T, failure<E>>>
    : result_of<std::expected<T, std::conditional_t<std::is_void_v<E>, no_error, E>>> {};

template <class R>
inline constexpr bool returns_failure = false;
template <class T, class E>
inline constexpr bool returns_failure<std::expected<T, failure<E>>> = true;

/// Calls fn with what it takes of (stop_token, receiver&).
template <class Fn, class... Ends>
decltype(auto) call_worker(Fn& fn, const stop_token& stop, Ends&... ends) {
    if constexpr (std::is_invocable_v<Fn&, stop_token, Ends&...>)
        return fn(stop, ends...);
    else
        return fn(ends...);
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
            if (result && result->has_value()) return out.set_value(std::move(*result));
            if constexpr (!std::is_same_v<E, no_error>) {
                if (const E* error = returned_error())
                    return out.set_value(std::expected<T, E>(std::unexpect, *error));
            }
            out.set_exception(exception ? exception : std::make_exception_ptr(ended(as_cause())));
        } catch (...) {
            try {
                out.set_exception(std::current_exception()); // moving T, or copying E, threw
            } catch (...) {
            }
        }
    }

  private:
    /// The error that the function returned, or that is in the failure it returned; null if there is none.
    [[nodiscard]] const E* returned_error() const noexcept {
        if (result) return &result->error();
        return returned ? as_cause().template get<E>() : nullptr; // kept alive by this record
    }
};

struct no_end {};

/// The function, its end of the channel, and the thread's main program.
template <class T, class E, class Fn, class Item>
struct worker_task {
    using end_type = std::conditional_t<std::is_void_v<Item>, no_end, std::optional<receiver<Item>>>;

    std::shared_ptr<worker_block<T, E>> block;
    std::shared_ptr<channel_base> channel; // null: not attached
    std::optional<Fn> fn;
    end_type end;

    on_exception when_thrown = on_exception::record;

    void run(const stop_token& stop) {
        begin_thread(*block, stop);
        if (when_thrown == on_exception::terminate) return run_uncaught(stop);
        try {
            call(stop);
        } catch (...) {
            disable_cancellation();
            block->result.reset();
            block->set_current_exception();
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
                if (self.block->kind == cause_kind::unexplained) // nothing was returned
                    self.block->kind = cause_kind::forced_unwind;
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
        } else if constexpr (returns_failure<std::remove_cv_t<R>>) {
            auto its = invoke();
            if (!its) return block->record_failure(its.error());
            if constexpr (std::is_void_v<T>)
                block->result.emplace();
            else
                block->result.emplace(std::in_place, *std::move(its));
        } else {
            block->result.emplace(std::in_place, invoke());
        }
        block->record_result();
    }

    /// Publishes the outcome, then lets go of the function and what it captured, then fulfils the promise.
    void finish() noexcept {
        if (block->generation != fork_generation()) return; // the function forked, and this is the child
        publish(*block, channel.get());
        if (block->failed() && !block->passes_on)
            report_eagerly(block->as_cause()); // else it was told before
        fn.reset();
        if constexpr (!std::is_void_v<Item>) end.reset();
        channel.reset(); // with it may go the items that are left, and their destructors
        block->fulfil();
        block->done.open();
        if (block->orphaned) report_if_unobserved(block);
    }
};

}}} // namespace inquest::INQUEST_ABI::detail
