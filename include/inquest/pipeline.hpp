// Stages joined by channels, as one object.
#pragma once

#include <inquest/detail/pipeline_core.hpp>
#include <inquest/pipeline_options.hpp>

#include <concepts>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

namespace detail {

template <class Name>
concept stage_name =
    std::constructible_from<std::string, Name> && !std::same_as<std::decay_t<Name>, stage_options>;

/// That the type of its items is to be found from what its function returns.
struct found {};

/// What a sink of whole streams has returned.
template <class T, class E>
std::expected<T, failure<>> result_of_sink(stage_workers& its) {
    auto& result = static_cast<typed_worker_thread<T, E>&>(*its.threads().front()).join();
    if (!result) return std::unexpected<failure<>>(result.error());
    if constexpr (std::is_void_v<T>)
        return {};
    else
        return std::expected<T, failure<>>(std::in_place, *std::move(result));
}

} // namespace detail

/// A source, stages and a sink, joined by bounded channels: each on a thread of its own, or several, or all on threads that they share
/// (`run_options::threads`). Made by `make_pipeline`.
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
/// it has made goes on. Blocking calls in a stage's function are normal; who stops or waits for the pipeline waits for them. A source
/// that pushes can end its own by `on_close` of its sender, which is called as soon as nobody wants more.
template <class R>
class [[nodiscard("a pipeline does nothing until it is run")]] pipeline {
  public:
    /// Starts all workers, waits until they have ended, and returns what the sink has returned, or the failure because of which the
    /// pipeline ended; rethrows what a stage threw if that was the reason. If a stop was requested before the sink had seen the end, it is
    /// a failure, too. The functions are destroyed by the time it returns. Can be called once; throws std::bad_alloc if there is no memory for
    /// the handles, std::invalid_argument for stages that can't share threads and should. Never call it holding a lock that a stage needs.
    std::expected<R, failure<>> run(const detail::stop_token& stop = {}, const run_options& options = {}) && {
        if (auto failed = core_.run(stop, options)) return std::unexpected(*std::move(failed));
        if constexpr (std::is_void_v<R>)
            return {};
        else
            return take_result_(core_.sink());
    }

  private:
    template <class From>
    friend class pipeline_builder;
    using take = std::expected<R, failure<>> (*)(detail::stage_workers&);
    pipeline(detail::pipeline_core&& core, take take_result)
        : core_(std::move(core)), take_result_(take_result) {}

    detail::pipeline_core core_;
    take take_result_;
};

/// A pipeline that has no sink yet; its last stage makes items of type From. A stage is given by its function, by name and function,
/// with the number of its workers between these if there are several, or by options and function. The function is called
///
/// - with an item, as From&&, and returns what it makes of it: an item, a std::optional of it, or a `many` of them; or a std::expected
///   of these, whose error is the stage's;
/// - or with a whole stream, `receiver<From>&` and `sender<To>&`, after a std::stop_token if it takes one, as that of a worker between two
///   channels (see `spawn`), and returns nothing or a std::expected<void, E>. Then say what it makes: `stage<To>(...)`. Such a stage is not ordered, unless it has one worker.
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
    template <class To = detail::found, detail::stage_name Name, class Fn>
    auto stage(Name&& name, Fn fn) && {
        return std::move(*this).template stage<To>(
            stage_options{.name = std::string(std::forward<Name>(name))}, std::move(fn));
    }
    template <class To = detail::found, detail::stage_name Name, class Fn>
    auto stage(Name&& name, std::size_t parallelism, Fn fn) && {
        return std::move(*this).template stage<To>(
            stage_options{.name = std::string(std::forward<Name>(name)), .parallelism = parallelism},
            std::move(fn));
    }
    /// @}

    /// The end of it: a function of an item, which returns nothing or a std::expected<void, E>; or one of the stream,
    /// `receiver<From>&`, of one worker, which returns the pipeline's result, or a std::expected of it. One that takes anything is given items.
    /// @{
    template <class Fn>
    auto sink(const stage_options& options, Fn fn) && {
        // First, since asking whether it takes a stream looks into the function if its parameter has no type.
        constexpr bool by_item = std::is_invocable_v<Fn&, From&&>;
        if constexpr (!by_item)
            static_assert(detail::worker_callable<Fn, receiver<From>>,
                          "a sink's function takes an item, or the stream as receiver<T>&");
        else
            static_assert(std::is_void_v<detail::value_returned<std::invoke_result_t<Fn&, From&&>>>,
                          "a sink's function of an item returns nothing, or a std::expected<void, E>: "
                          "anything else would be "
                          "dropped");
        core_.add(
            std::unique_ptr<detail::stage_plan>(new detail::sink_plan<From, Fn>(options, std::move(fn))));
        if constexpr (!by_item) {
            using returned = typename detail::returned_by<Fn, receiver<From>>::type;
            using result = detail::result_of<std::remove_cv_t<returned>>;
            return pipeline<typename result::value>(
                std::move(core_), detail::result_of_sink<typename result::value, typename result::error>);
        } else {
            return pipeline<void>(std::move(core_), nullptr);
        }
    }
    template <detail::stage_name Name, class Fn>
    auto sink(Name&& name, Fn fn) && {
        return std::move(*this).sink(stage_options{.name = std::string(std::forward<Name>(name))},
                                     std::move(fn));
    }
    template <detail::stage_name Name, class Fn>
    auto sink(Name&& name, std::size_t parallelism, Fn fn) && {
        return std::move(*this).sink(
            stage_options{.name = std::string(std::forward<Name>(name)), .parallelism = parallelism},
            std::move(fn));
    }
    /// @}

  private:
    template <class To>
    friend class pipeline_builder;
    template <class To, class Fn>
    friend auto make_pipeline(const stage_options& options, Fn fn);
    explicit pipeline_builder(detail::pipeline_core&& core) noexcept : core_(std::move(core)) {}

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
            using item = detail::item_returned<std::invoke_result_t<Fn&, From&&>>;
            static_assert(!std::is_void_v<item>, "a stage's function returns what it makes of an item: use "
                                                 "sink for one that returns nothing");
            static_assert(!detail::is_only_unexpected<item>,
                          "a stage's function that returns only std::unexpected makes nothing: let it "
                          "return a std::expected");
            return std::type_identity<item>();
        }
    }
    template <class To, class Fn>
    pipeline_builder<To> add_stage(const stage_options& options, Fn&& fn) {
        constexpr bool whole = detail::worker_callable<Fn, receiver<From>, sender<To>>;
        static_assert(whole || std::is_invocable_v<Fn&, From&&>,
                      "a stage's function takes an item, or the stream as receiver<T>& and sender<U>&");
        core_.add(std::unique_ptr<detail::stage_plan>(
            new detail::middle_plan<From, To, Fn>(options, std::forward<Fn>(fn))));
        return pipeline_builder<To>(std::move(core_));
    }

    detail::pipeline_core core_;
};

/// Begins a pipeline with its source: a function that returns the next item as a std::optional, which is empty at the end, or a
/// std::expected of that; or one that pushes to a `sender<To>&`, and returns nothing or a std::expected<void, E>: then say what it makes,
/// `make_pipeline<To>(...)`. It has one worker. Throws as `stage` does.
/// @{
template <class To = detail::found, class Fn>
auto make_pipeline(const stage_options& options, Fn fn) {
    constexpr bool is_called = std::is_invocable_v<Fn&>;
    if constexpr (std::is_same_v<To, detail::found>) {
        static_assert(is_called,
                      "a source's function takes nothing; if it takes sender<T>&, say what it makes: "
                      "make_pipeline<T>(...)");
        using value = detail::value_returned<std::invoke_result_t<Fn&>>;
        static_assert(detail::is_optional<value>,
                      "a source's function returns the next item as a std::optional, "
                      "or a std::expected of that: an empty one is the end");
        if constexpr (detail::is_optional<value>)
            return make_pipeline<typename value::value_type>(options, std::move(fn));
    } else {
        static_assert(
            is_called || detail::worker_callable<Fn, sender<To>>,
            "a source's function takes nothing and returns the next item, or takes sender<T>& and pushes");
        detail::pipeline_core core;
        core.add(
            std::unique_ptr<detail::stage_plan>(new detail::source_plan<To, Fn>(options, std::move(fn))));
        return pipeline_builder<To>(std::move(core));
    }
}
template <class To = detail::found, detail::stage_name Name, class Fn>
auto make_pipeline(Name&& name, Fn fn) {
    return make_pipeline<To>(stage_options{.name = std::string(std::forward<Name>(name))}, std::move(fn));
}
/// @}

}} // namespace inquest::INQUEST_ABI
