// Stages joined by channels, as one object.
#pragma once

#include <inquest/detail/stage_function.hpp>
#include <inquest/resolve.hpp>
#include <inquest/worker.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

/// How a stage of a pipeline is run.
struct stage_options {
    std::string name;            ///< of the stage, in messages and in the system's thread list
    std::size_t parallelism = 1; ///< how many workers it has, at least 1, each with a copy of the function
    bool ordered = false;        ///< what it makes of one item never overtakes what it made of an earlier one
    std::size_t capacity = 16;   ///< the most of its items that wait for the next stage, at least 1
    inquest::on_exception on_exception = inquest::on_exception::record; ///< whether what it throws is caught
    thread_attributes thread{}; ///< stack, processors and priority of its workers' threads
};

/// What a stage has done so far. The fractions are of the time that the pipeline has run, of all its workers, and are found by looking
/// at these now and then: no item is timed.
struct stage_figures {
    std::string name;            ///< of the stage
    std::size_t parallelism = 1; ///< how many workers it has
    std::uint64_t items = 0;     ///< taken from the stage before; of the source, handed to the one behind it
    double busy = 0;             ///< in its own code
    double starved = 0;          ///< waiting for an item of the stage before
    double blocked = 0;          ///< waiting for room before the stage behind it
};

/// The stage that sets the pace: the one that was busy for most of the time. Of none there is none: undefined. Does not block.
[[nodiscard]] const stage_figures& bottleneck(std::span<const stage_figures> stages) noexcept;

/// How a pipeline is run.
struct run_options {
    /// Called now and then while the pipeline runs, and once when it has ended, on the thread that runs it, with the figures of all
    /// stages. If it throws, the pipeline is stopped, and `run` throws that. None: nobody looks at the workers.
    std::function<void(std::span<const stage_figures>)> progress{};
    std::chrono::milliseconds every{200}; ///< how long it is between two calls, at least a millisecond
};

namespace detail {

/// A stage's workers, whatever they return.
class pipeline_stage {
  public:
    pipeline_stage(const stage_options& options, shared_channel counted, bool is_source);
    virtual ~pipeline_stage();
    pipeline_stage(const pipeline_stage&) = delete;
    pipeline_stage& operator=(const pipeline_stage&) = delete;

    void start() { threads_ = start_workers(); }
    /// Once it is started.
    [[nodiscard]] std::span<worker_thread* const> threads() const noexcept { return threads_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::size_t parallelism() const noexcept { return parallelism_; }
    [[nodiscard]] std::uint64_t items() const noexcept;

  private:
    virtual std::vector<worker_thread*> start_workers() = 0;

    const std::string name_;
    const std::size_t parallelism_;
    std::vector<worker_thread*> threads_;
    const shared_channel counted_; // the one that it reads, or if it is the source, pushes to
    const bool is_source_;
};

template <class T, class E>
class typed_stage final : public pipeline_stage {
  public:
    using pipeline_stage::pipeline_stage;
    void add(ready_worker<T, E>&& one) { ready_.push_back(std::move(one)); }
    worker<T, E>& first() noexcept { return workers_.front(); }

  private:
    std::vector<worker_thread*> start_workers() override {
        workers_.reserve(ready_.size());
        for (auto& one : ready_) workers_.push_back(spawner::start(std::move(one)));
        ready_.clear();
        return worker_access::threads_of(workers_);
    }

    std::vector<ready_worker<T, E>> ready_;
    std::vector<worker<T, E>> workers_;
};

/// The stages, from the source on.
class pipeline_core {
  public:
    void add(std::unique_ptr<pipeline_stage> stage) { stages_.push_back(std::move(stage)); }
    /// What stands before the name of one more stage in messages.
    [[nodiscard]] std::string path() const;
    /// Runs them to their end. The failure that was first, or nothing; rethrows what a worker threw if that was first.
    [[nodiscard]] std::optional<failure<>> run(const stop_token& stop, const run_options& options);

  private:
    void watch(const run_options& options);
    std::vector<std::unique_ptr<pipeline_stage>> stages_;
    std::vector<worker_thread*> threads_; // once they are started
};

/// What a stage's function is, beside a copyable one of single items.
struct stage_traits {
    bool is_whole_stream = false, is_copyable = true, is_source = false, has_result = false;
};
/// Throws std::invalid_argument for options that do not go with such a function, or with none.
void refuse_bad_stage(const stage_options& options, const stage_traits& function);

/// The function for one more worker: a copy, but of one that can't be copied itself.
template <class Fn>
Fn one_more_of(Fn& fn) {
    if constexpr (std::is_copy_constructible_v<Fn>)
        return fn;
    else
        return std::move(fn);
}

/// The channel behind a stage. What is in it when the pipeline fails is destroyed, since nobody could ask for it.
template <class T>
std::pair<sender<T>, receiver<T>> make_joint(const stage_options& options) {
    return make_channel<T>(
        {.capacity = options.capacity, .name = options.name, .undelivered = undelivered::discard});
}

/// Makes a stage's workers, which are attached to what they read.
template <class MakeFn, class... Ends>
auto make_stage(pipeline_core& core, const stage_options& options, shared_channel counted, bool is_source,
                const MakeFn& make_function, const Ends&... ends) {
    const auto one_more = [&] {
        return spawner::prepare(worker_options{.name = options.name,
                                               .on_exception = options.on_exception,
                                               .on_destroy = on_destroy::stop,
                                               .thread = options.thread},
                                core.path(), ends..., make_function());
    };
    return [&]<class T, class E>(std::type_identity<ready_worker<T, E>>) {
        auto made = std::make_unique<typed_stage<T, E>>(options, std::move(counted), is_source);
        for (std::size_t n = 0; n < options.parallelism; ++n) made->add(one_more());
        auto* const its = made.get();
        core.add(std::move(made));
        return its;
    }(std::type_identity<decltype(one_more())>());
}

/// That the type of its items is to be found from what its function returns.
struct found {};

} // namespace detail

/// A source, stages and a sink, joined by bounded channels: each on a thread of its own, or several. Made by `make_pipeline`.
///
///     auto done = inquest::make_pipeline("read", read_line)            // () -> std::optional<std::string>
///                     .stage("parse", 4, parse)                         // std::string -> std::expected<row, parse_error>
///                     .sink("store", store)                             // row -> std::expected<void, std::error_code>
///                     .run();
///     if (!done) std::cerr << done.error().message(); // worker 'read > parse > store' failed on item 7: No space left on device
///
/// A failure anywhere ends all of it: the stages before it are refused their next push, those behind it finish what was made by then
/// and are told at their next pop, both with that very cause, which names the stages up to the one that failed. It is what `run` returns, or
/// rethrows if that stage threw, and is reported nowhere else. What is queued before it is destroyed. A stage that returns success before
/// its input has ended wants no more of it: the stages before it end, whatever they make of their refused push, and what
/// it has made goes on. Blocking calls in a stage's function are normal; who stops or waits for the pipeline waits for them.
template <class R>
class [[nodiscard("a pipeline does nothing until it is run")]] pipeline {
  public:
    /// Starts all workers, waits until they have ended, and returns what the sink has returned, or the failure because of which the
    /// pipeline ended; rethrows what a stage threw if that was the reason. If a stop was requested before the sink had seen the end, it is
    /// a failure, too. Can be called once, and throws std::bad_alloc if there is no memory for the handles. Never call it holding a lock
    /// that a stage needs.
    std::expected<R, failure<>> run(const detail::stop_token& stop = {}, const run_options& options = {}) && {
        if (auto failed = core_.run(stop, options)) return std::unexpected(*std::move(failed));
        return take_result_(*sink_);
    }

  private:
    template <class From>
    friend class pipeline_builder;
    using take = std::expected<R, failure<>> (*)(detail::pipeline_stage&);
    pipeline(detail::pipeline_core&& core, detail::pipeline_stage& sink, take take_result)
        : core_(std::move(core)), sink_(&sink), take_result_(take_result) {}

    detail::pipeline_core core_;
    detail::pipeline_stage* sink_; // the last one in it
    take take_result_;
};

/// A pipeline that has no sink yet; its last stage makes items of type From. A stage is given by its function, by name and function,
/// with the number of its workers between these if there are several, or by options and function. The function is called
///
/// - with an item, as From&&, and returns what it makes of it: an item, a std::optional of it, or a `many` of them; or a std::expected
///   of these, whose error is the stage's;
/// - or with a whole stream, `receiver<From>&` and `sender<To>&`, as that of a worker between two channels (see `spawn`), and returns nothing or
///   a std::expected<void, E>. Then say what it makes: `stage<To>(...)`. Such a stage is not ordered, unless it has one worker.
///
/// With several workers each has a copy of it; one that can't be copied is for one worker. Throws std::invalid_argument for no workers or more
/// than that allows, no capacity, no name, an empty function; std::bad_alloc.
template <class From>
class [[nodiscard("a pipeline does nothing until it has a sink and is run")]] pipeline_builder {
  public:
    /// One more stage.
    /// @{
    template <class To = detail::found, class Fn>
    auto stage(const stage_options& options, Fn fn) && {
        using its = decltype(made_by<To, Fn>());
        return std::move(*this).template add_stage<typename its::type>(options, std::move(fn));
    }
    template <class To = detail::found, std::convertible_to<std::string> Name, class Fn>
    auto stage(Name&& name, Fn fn) && {
        return std::move(*this).template stage<To>(stage_options{.name = std::forward<Name>(name)},
                                                   std::move(fn));
    }
    template <class To = detail::found, std::convertible_to<std::string> Name, class Fn>
    auto stage(Name&& name, std::size_t parallelism, Fn fn) && {
        return std::move(*this).template stage<To>(
            stage_options{.name = std::forward<Name>(name), .parallelism = parallelism}, std::move(fn));
    }
    /// @}

    /// The end of it: a function of an item, which returns nothing or a std::expected<void, E>; or one of the stream,
    /// `receiver<From>&`, of one worker, which returns the pipeline's result, or a std::expected of it.
    /// @{
    template <class Fn>
    auto sink(const stage_options& options, Fn fn) && {
        constexpr bool whole = std::is_invocable_v<Fn&, receiver<From>&>;
        constexpr bool by_item = std::is_invocable_v<Fn&, From&&>;
        static_assert(whole || by_item, "a sink's function takes an item, or the stream as receiver<T>&");
        static_assert(!(whole && by_item),
                      "this function takes an item and the stream alike: give its parameter a type");
        if constexpr (by_item)
            static_assert(std::is_void_v<detail::value_returned<std::invoke_result_t<Fn&, From&&>>>,
                          "a sink's function of an item returns nothing, or a std::expected<void, E>: "
                          "anything else would be "
                          "dropped");
        detail::refuse_bad_stage(
            options,
            {.is_whole_stream = whole, .is_copyable = std::is_copy_constructible_v<Fn>, .has_result = whole});
        detail::refuse_empty(fn);
        auto counted = detail::handle_access::core(out_);
        const auto function = [&] {
            if constexpr (whole)
                return detail::one_more_of(fn);
            else
                return detail::sink_of_items<From, Fn>(detail::one_more_of(fn));
        };
        auto* const made = detail::make_stage(core_, options, std::move(counted), false, function, out_);
        out_ = {};
        return finished(made);
    }
    template <std::convertible_to<std::string> Name, class Fn>
    auto sink(Name&& name, Fn fn) && {
        return std::move(*this).sink(stage_options{.name = std::forward<Name>(name)}, std::move(fn));
    }
    template <std::convertible_to<std::string> Name, class Fn>
    auto sink(Name&& name, std::size_t parallelism, Fn fn) && {
        return std::move(*this).sink(
            stage_options{.name = std::forward<Name>(name), .parallelism = parallelism}, std::move(fn));
    }
    /// @}

  private:
    template <class To>
    friend class pipeline_builder;
    template <class To, class Fn>
    friend auto make_pipeline(const stage_options& options, Fn fn);
    pipeline_builder(detail::pipeline_core&& core, receiver<From>&& out) noexcept
        : core_(std::move(core)), out_(std::move(out)) {}

    /// The type of the items that it makes.
    template <class To, class Fn>
    static auto made_by() {
        if constexpr (!std::is_same_v<To, detail::found>) {
            return std::type_identity<To>();
        } else {
            static_assert(std::is_invocable_v<Fn&, From&&>,
                          "a stage's function takes an item; if it takes the stream, as receiver<T>& and "
                          "sender<U>&, say what it "
                          "makes: stage<U>(...)");
            return std::type_identity<detail::item_returned<std::invoke_result_t<Fn&, From&&>>>();
        }
    }
    template <class To, class Fn>
    pipeline_builder<To> add_stage(const stage_options& options, Fn&& fn) {
        constexpr bool whole = std::is_invocable_v<Fn&, receiver<From>&, sender<To>&>;
        static_assert(whole || std::is_invocable_v<Fn&, From&&>,
                      "a stage's function takes an item, or the stream as receiver<T>& and sender<U>&");
        detail::refuse_bad_stage(options,
                                 {.is_whole_stream = whole, .is_copyable = std::is_copy_constructible_v<Fn>});
        detail::refuse_empty(fn);
        auto [tx, rx] = detail::make_joint<To>(options);
        auto counted = detail::handle_access::core(out_);
        const auto order = options.ordered && options.parallelism > 1
                               ? std::make_shared<detail::turnstile>(options.parallelism)
                               : nullptr;
        const auto function = [&] {
            if constexpr (whole)
                return detail::one_more_of(fn);
            else
                return detail::stage_of_items<From, To, Fn>(detail::one_more_of(fn), order);
        };
        detail::make_stage(core_, options, std::move(counted), false, function, out_, tx);
        out_ = {};
        return pipeline_builder<To>(std::move(core_), std::move(rx));
    }
    template <class T, class E>
    pipeline<T> finished(detail::typed_stage<T, E>* sink) {
        return pipeline<T>(
            std::move(core_), *sink, [](detail::pipeline_stage& its) -> std::expected<T, failure<>> {
                auto result = std::move(static_cast<detail::typed_stage<T, E>&>(its).first()).join();
                if (!result) return std::unexpected<failure<>>(result.error());
                if constexpr (std::is_void_v<T>)
                    return {};
                else
                    return std::expected<T, failure<>>(std::in_place, *std::move(result));
            });
    }

    detail::pipeline_core core_;
    receiver<From> out_; // of its last stage
};

/// Begins a pipeline with its source: a function that returns the next item as a std::optional, which is empty at the end, or a
/// std::expected of that; or one that pushes to a `sender<To>&`, and returns nothing or a std::expected<void, E>: then say what it makes,
/// `make_pipeline<To>(...)`. It has one worker. Throws as `stage` does.
/// @{
template <class To = detail::found, class Fn>
auto make_pipeline(const stage_options& options, Fn fn) {
    if constexpr (std::is_same_v<To, detail::found>) {
        static_assert(std::is_invocable_v<Fn&>,
                      "a source's function takes nothing; if it takes sender<T>&, say what it makes: "
                      "make_pipeline<T>(...)");
        detail::refuse_empty(fn);
        using item = detail::item_returned<std::invoke_result_t<Fn&>>;
        return make_pipeline<item>(options, detail::source_of_items<item, Fn>(std::move(fn)));
    } else {
        static_assert(std::is_invocable_v<Fn&, sender<To>&>,
                      "a source's function takes sender<T>&, and pushes to it");
        detail::refuse_bad_stage(options, {.is_whole_stream = true, .is_source = true});
        detail::refuse_empty(fn);
        auto [tx, rx] = detail::make_joint<To>(options);
        detail::pipeline_core core;
        auto counted = detail::handle_access::core(rx);
        detail::make_stage(
            core, options, std::move(counted), true, [&] { return detail::one_more_of(fn); }, tx);
        return pipeline_builder<To>(std::move(core), std::move(rx));
    }
}
template <class To = detail::found, std::convertible_to<std::string> Name, class Fn>
auto make_pipeline(Name&& name, Fn fn) {
    return make_pipeline<To>(stage_options{.name = std::forward<Name>(name)}, std::move(fn));
}
/// @}

}} // namespace inquest::INQUEST_ABI
