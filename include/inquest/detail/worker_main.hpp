// What a worker's thread runs: the worker's function, from the start of the thread to the last act of it.
#pragma once

#include <inquest/detail/worker_ends.hpp>
#include <inquest/detail/worker_inputs.hpp>
#include <inquest/worker_options.hpp>

#include <array>
#include <expected>
#include <memory>
#include <optional>
#include <span>
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
    /// Instead: its thread could not be created, or be given what the options say.
    void never_started(int system_error, const char* attribute = nullptr) noexcept;
    [[nodiscard]] std::size_t stack_size() const noexcept { return options_.thread.stack_size; }

    /// The ends that its function is passed.
    [[nodiscard]] std::span<const worker_end> ends() const noexcept { return ends_; }
    /// From here on it reads its inputs: before it runs, and once all else is ready. May throw std::bad_alloc, and then it has ended
    /// at those that it was attached to.
    void attach();

  protected:
    /// With a new record, which is destroyed if this throws std::bad_alloc.
    worker_main(worker_record* fresh, worker_options&& options);
    /// Throws std::invalid_argument for one of no channel: what was moved here twice is empty the second time.
    void set_ends(const worker_end* first, std::size_t count);

    const std::shared_ptr<worker_record> record_;

  private:
    /// Calls the function, and records what it returned.
    virtual void call(const stop_token& stop) = 0;
    /// Destroys the function with what it captured, and its ends.
    virtual void destroy_function() noexcept = 0;
    /// Destroys what the function returned, unless that is an error.
    virtual void drop_value() noexcept = 0;

    void run_function(const stop_token& stop);
    void run_uncaught(const stop_token& stop);
    [[nodiscard]] bool has_attributes() noexcept;
    void finish() noexcept;

    std::span<const worker_end> ends_; // which are destroyed with the function
    worker_inputs inputs_;
    const worker_options options_; // but for its name, which the record has
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
    /// When nobody will ask for it any more: causes may keep this alive for longer.
    void drop_value() noexcept {
        if (result && result->has_value()) result.reset();
    }
    /// The error that the function returned, or that is in the failure it returned; null if there is none.
    [[nodiscard]] const E* returned_error() const noexcept {
        if (result) return &result->error();
        return returned ? as_cause().template get<E>() : nullptr; // kept alive by this record
    }
};

/// The main program of a worker or a job, but for its function.
template <class T, class E>
class typed_main : public worker_main {
  public:
    using value_type = T;
    using error_type = E;

    /// As a job, on this thread.
    std::expected<T, failure<E>> run_as_job() {
        worker_main::run_as_job();
        if (auto why = this->record()->as_failure_or_rethrow()) {
            observe(*why);
            report_if_unobserved(*this->record()); // it is observed: there is no object that holds it longer
            return std::unexpected(typed<E>(*std::move(why)));
        }
        if constexpr (std::is_void_v<T>)
            return {};
        else
            return std::expected<T, failure<E>>(std::in_place, *std::move(*outcome().result));
    }

  protected:
    explicit typed_main(worker_options&& options)
        : worker_main(new worker_outcome<T, E>(std::move(options.name), options.on_destroy),
                      std::move(options)) {}

    [[nodiscard]] worker_outcome<T, E>& outcome() const noexcept {
        return static_cast<worker_outcome<T, E>&>(*record_);
    }

  private:
    void drop_value() noexcept override { outcome().drop_value(); }
};

/// A std::optional<Fn> that is full until it is reset: of each type of function that would be a dozen more templates for the
/// compiler.
template <class Fn>
class held_function {
  public:
    template <class Arg>
    explicit held_function(std::in_place_t, Arg&& arg) : fn_(std::forward<Arg>(arg)) {}
    ~held_function() { reset(); }
    held_function(const held_function&) = delete;
    held_function& operator=(const held_function&) = delete;

    [[nodiscard]] Fn& operator*() noexcept { return fn_; }
    void reset() noexcept {
        if (std::exchange(full_, false)) std::destroy_at(std::addressof(fn_));
    }

  private:
    union {
        Fn fn_;
    };
    bool full_ = true;
};

/// What calls a function of type Fn, which is passed `Ends`.
template <class T, class E, class Fn, class... Ends>
class function_main final : public typed_main<T, E> {
  public:
    template <class FnArg, class... Args>
    function_main(worker_options&& options, FnArg&& fn, Args&&... ends)
        : typed_main<T, E>(std::move(options)), fn_(std::in_place, std::forward<FnArg>(fn)),
          ends_(std::in_place, std::forward<Args>(ends)...), table_(ends_.table()) {
        this->set_ends(table_.data(), table_.size());
    }
    // The thread destroys it, through the base.
    [[gnu::cold]] ~function_main() override {}
    function_main(const function_main&) = delete;
    function_main& operator=(const function_main&) = delete;

  private:
    void call(const stop_token& stop) override {
        using R = decltype(ends_.pass_to(*fn_, stop));
        auto& outcome = this->outcome();
        auto& result = outcome.result;
        if constexpr (std::is_void_v<R>) {
            ends_.pass_to(*fn_, stop);
            result.emplace();
        } else if constexpr (std::is_same_v<std::remove_cv_t<R>, std::expected<T, E>>) {
            result.emplace(ends_.pass_to(*fn_, stop));
        } else if constexpr (returns_failure<std::remove_cv_t<R>>) {
            auto its = ends_.pass_to(*fn_, stop);
            if (!its) return outcome.record_failure(its.error());
            if constexpr (std::is_void_v<T>)
                result.emplace();
            else
                result.emplace(std::in_place, *std::move(its));
        } else {
            result.emplace(std::in_place, ends_.pass_to(*fn_, stop));
        }
        outcome.record_result();
    }
    [[gnu::cold]] void destroy_function() noexcept override {
        fn_.reset();
        ends_.drop();
    }
    held_function<Fn> fn_;
    worker_ends<Ends...> ends_;
    const std::array<worker_end, sizeof...(Ends)> table_; // of these
};

}}} // namespace inquest::INQUEST_ABI::detail
