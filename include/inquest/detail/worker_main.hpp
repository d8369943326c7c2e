// What a worker's thread runs: the worker's function, from the start of the thread to the last act of it.
#pragma once

#include <inquest/detail/worker_ends.hpp>
#include <inquest/detail/worker_inputs.hpp>
#include <inquest/worker_options.hpp>

#include <exception>
#include <expected>
#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// The end of a worker in the order that everything relies on: fills in what is common to all endings, then under the locks
/// of the channels that it reads draws the number and acts on them. Never throws, never allocates.
void publish(worker_record& record, worker_inputs& inputs) noexcept;

/// The thread's main program, but for what depends on the function.
class worker_main {
  public:
    virtual ~worker_main();
    [[nodiscard]] const std::shared_ptr<worker_record>& record() const noexcept { return record_; }
    worker_main(const worker_main&) = delete;
    worker_main& operator=(const worker_main&) = delete;

    /// On the new thread.
    void run(const stop_token& stop);
    /// On a thread that is somebody else's, which it gives back. It obeys the stop of a worker that runs it.
    void run_as_job();
    /// Instead, on the thread that could not start one.
    void never_started(int system_error) noexcept;

  protected:
    worker_main(std::shared_ptr<worker_record>&& record, on_exception when_thrown) noexcept;

    /// The worker reads `channel`, perhaps one of several. May throw std::bad_alloc, and then the worker has ended at those that it
    /// was attached to.
    void attach(const shared_channel& channel);

    const std::shared_ptr<worker_record> record_;

  private:
    /// Calls the function, and records what it returned.
    virtual void call(const stop_token& stop) = 0;
    /// The function is over: finishes or abandons the senders that it was passed.
    virtual void end_outputs() noexcept = 0;
    /// Destroys the function with what it captured, and its ends.
    virtual void destroy_function() noexcept = 0;
    /// Gives the outcome to the worker's future.
    virtual void fulfil() noexcept = 0;

    void run_function(const stop_token& stop);
    void run_uncaught(const stop_token& stop);
    void finish() noexcept;

    worker_inputs inputs_;
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

/// Calls fn with its ends, after the stop token if it takes one.
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

/// What calls a function of type Fn, which is passed `Ends`.
template <class T, class E, class Fn, class... Ends>
class function_main : public worker_main {
  public:
    using value_type = T;
    using error_type = E;

    function_main(worker_options&& options, worker_ends<Ends...>&& ends, Fn&& fn)
        : worker_main(std::make_shared<worker_outcome<T, E>>(std::move(options.name), options.on_destroy),
                      options.on_exception),
          fn_(std::move(fn)), ends_(std::move(ends)) {}
    function_main(const function_main&) = delete;
    function_main& operator=(const function_main&) = delete;

    /// Before it runs, and once all else is ready. May throw std::bad_alloc.
    void attach_inputs() {
        ends_->for_each_output(
            [this](const shared_channel& channel) { this->record_->outputs.push_back(channel->serial()); });
        ends_->for_each_input([this](const shared_channel& channel) { this->attach(channel); });
    }
    [[nodiscard]] const worker_ends<Ends...>& ends() const noexcept { return *ends_; }

  protected:
    ~function_main() override = default;
    [[nodiscard]] worker_outcome<T, E>& outcome() const noexcept {
        return static_cast<worker_outcome<T, E>&>(*record_);
    }

  private:
    void call(const stop_token& stop) override {
        const auto invoke = [&]() -> decltype(auto) {
            return ends_->apply(
                [&](Ends&... ends) -> decltype(auto) { return call_worker(*fn_, stop, ends...); });
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
    void end_outputs() noexcept override { ends_->end_outputs(*record_); }
    [[gnu::cold]] void destroy_function() noexcept override {
        fn_.reset();
        ends_.reset();
    }
    std::optional<Fn> fn_;
    std::optional<worker_ends<Ends...>> ends_;
};

/// The main program of a worker.
template <class T, class E, class Fn, class... Ends>
class typed_worker_main final : public function_main<T, E, Fn, Ends...> {
  public:
    using function_main<T, E, Fn, Ends...>::function_main;
    // The thread destroys it, through the base.
    [[gnu::cold]] ~typed_worker_main() override {}
    typed_worker_main(const typed_worker_main&) = delete;
    typed_worker_main& operator=(const typed_worker_main&) = delete;

    [[nodiscard]] std::future<std::expected<T, E>> get_future() { return promise_.get_future(); }

  private:
    void fulfil() noexcept override {
        auto out = std::move(promise_); // what is in it is destroyed here, before the worker counts as done
        this->outcome().fulfil(out);
    }

    std::promise<std::expected<T, E>>
        promise_; // here, because causes may keep the outcome alive: also one in it
};

/// The main program of a job.
template <class T, class E, class Fn, class... Ends>
class typed_job final : public function_main<T, E, Fn, Ends...> {
  public:
    using function_main<T, E, Fn, Ends...>::function_main;
    [[gnu::cold]] ~typed_job() override {}
    typed_job(const typed_job&) = delete;
    typed_job& operator=(const typed_job&) = delete;

    std::expected<T, failure<E>> run() {
        this->run_as_job();
        if (auto why = this->record()->as_failure_or_rethrow()) {
            observe(*why);
            report_if_unobserved(*this->record()); // it is observed: there is no object that holds it longer
            return std::unexpected(typed<E>(*std::move(why)));
        }
        if constexpr (std::is_void_v<T>)
            return {};
        else
            return std::expected<T, failure<E>>(std::in_place, *std::move(*this->outcome().result));
    }

  private:
    void fulfil() noexcept override {}
};

}}} // namespace inquest::INQUEST_ABI::detail
