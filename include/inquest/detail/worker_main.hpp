// What a worker's thread runs: the worker's function, from the start of the thread to the last act of it.
#pragma once

#include <inquest/channel.hpp>
#include <inquest/detail/worker_record.hpp>
#include <inquest/worker_options.hpp>

#include <exception>
#include <expected>
#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// The end of a worker in the order that everything relies on: fills in what is common to all endings, then
/// under the lock of its channel draws the number and acts on the channel. `channel` is null for a worker
/// that is attached to none. Never throws, never allocates.
void publish(worker_record& record, channel_base* channel) noexcept;

/// The thread's main program, but for what depends on the function.
class worker_main {
  public:
    virtual ~worker_main();
    [[nodiscard]] const std::shared_ptr<worker_record>& record() const noexcept { return record_; }
    worker_main(const worker_main&) = delete;
    worker_main& operator=(const worker_main&) = delete;

    /// The worker reads `channel`. Before the thread starts. May throw std::bad_alloc.
    void attach(const shared_channel& channel);
    /// On the new thread.
    void run(const stop_token& stop);
    /// Instead, on the thread that could not start one.
    void never_started(int system_error) noexcept;

  protected:
    worker_main(std::shared_ptr<worker_record>&& record, on_exception when_thrown) noexcept;

    const std::shared_ptr<worker_record> record_;

  private:
    /// Calls the function, and records what it returned.
    virtual void call(const stop_token& stop) = 0;
    /// Destroys the function with what it captured, and its end of the channel.
    virtual void destroy_function() noexcept = 0;
    /// Gives the outcome to the worker's future.
    virtual void fulfil() noexcept = 0;

    void run_uncaught(const stop_token& stop);
    void finish() noexcept;

    shared_channel channel_; // none: not attached
    const on_exception when_thrown_;
};

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

/// A worker's record, and what its function returned: an error stays here, where causes point to it. Allocated when the
/// worker is spawned, so that recording an outcome allocates nothing.
template <class T, class E>
struct worker_outcome final : worker_record {
    using worker_record::worker_record;
    std::optional<std::expected<T, E>> result;

    void record_result() noexcept {
        if (result->has_value()) return record_success();
        kind = cause_kind::error;
        if constexpr (!std::is_same_v<E, no_error>) set_value(result->error());
    }
    /// Gives it to the future of `promise`: the value itself, or a copy of the error.
    [[gnu::cold]] void fulfil(std::promise<std::expected<T, E>>& promise) noexcept {
        std::exception_ptr thrown = exception;
        if (!thrown) try {
                if (result && result->has_value()) return promise.set_value(*std::move(result));
                if (const E* error = returned_error())
                    return promise.set_value(std::expected<T, E>(std::unexpect, *error));
                thrown = as_ended();
            } catch (...) {
                thrown = std::current_exception(); // moving T, or copying E, threw
            }
        try {
            promise.set_exception(std::move(thrown));
        } catch (...) { // it is fulfilled already
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

/// The main program of a worker with a function of type Fn, which reads items of type Item, or no channel if that is void.
template <class T, class E, class Fn, class Item>
class typed_worker_main final : public worker_main {
  public:
    typed_worker_main(worker_options&& options, Fn&& fn)
        : worker_main(std::make_shared<worker_outcome<T, E>>(std::move(options.name), options.on_destroy),
                      options.on_exception),
          fn_(std::move(fn)) {}
    // The thread destroys it, through the base.
    [[gnu::cold]] ~typed_worker_main() override {}
    typed_worker_main(const typed_worker_main&) = delete;
    typed_worker_main& operator=(const typed_worker_main&) = delete;

    /// The function's end. Before the thread starts.
    void take_end(auto&& its) noexcept { end_.emplace(std::forward<decltype(its)>(its)); }
    [[nodiscard]] std::future<std::expected<T, E>> get_future() { return promise_.get_future(); }

  private:
    void call(const stop_token& stop) override {
        const auto invoke = [&]() -> decltype(auto) {
            if constexpr (std::is_void_v<Item>)
                return call_worker(*fn_, stop);
            else
                return call_worker(*fn_, stop, *end_);
        };
        using R = decltype(invoke());
        auto& result = outcome().result;
        if constexpr (std::is_void_v<R>) {
            invoke();
            result.emplace();
        } else if constexpr (std::is_same_v<std::remove_cv_t<R>, std::expected<T, E>>) {
            result.emplace(invoke());
        } else if constexpr (returns_failure<std::remove_cv_t<R>>) {
            auto its = invoke();
            if (!its) return outcome().record_failure(its.error());
            if constexpr (std::is_void_v<T>)
                result.emplace();
            else
                result.emplace(std::in_place, *std::move(its));
        } else {
            result.emplace(std::in_place, invoke());
        }
        outcome().record_result();
    }
    [[gnu::cold]] void destroy_function() noexcept override {
        fn_.reset();
        if constexpr (!std::is_void_v<Item>) end_.reset();
    }
    void fulfil() noexcept override {
        auto out = std::move(promise_); // what is in it is destroyed here, before the worker counts as done
        outcome().fulfil(out);
    }
    [[nodiscard]] worker_outcome<T, E>& outcome() const noexcept {
        return static_cast<worker_outcome<T, E>&>(*record_);
    }

    std::promise<std::expected<T, E>>
        promise_; // here, because causes may keep the outcome alive: also one in it
    std::optional<Fn> fn_;
    std::conditional_t<std::is_void_v<Item>, no_end, std::optional<receiver<Item>>> end_;
};

}}} // namespace inquest::INQUEST_ABI::detail
