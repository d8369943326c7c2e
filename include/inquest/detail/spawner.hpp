// Starting a worker, or running a job.
#pragma once

#include <inquest/detail/worker_ends.hpp>
#include <inquest/detail/worker_function.hpp>
#include <inquest/detail/worker_thread.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

template <class T, class E>
class worker;

namespace detail {

/// A typed_main<T, E>. Here and elsewhere there is one type of smart pointer for what comes in many types, since each type of
/// pointer takes the compiler as long as all else that is done with it.
template <class T, class E>
struct program_of {
    std::unique_ptr<worker_main> main;
};

/// A worker that is ready, and attached to what it reads: to be started, or else it ends as one whose thread could not be
/// created.
class ready_worker {
  public:
    /// May throw std::bad_alloc, and then it has ended.
    ready_worker(std::unique_ptr<worker_main> program, std::unique_ptr<worker_thread> thread);
    ready_worker(ready_worker&&) noexcept = default;
    ready_worker& operator=(ready_worker&&) = delete;
    ~ready_worker();
    /// Its handle.
    std::unique_ptr<worker_thread> start();

  private:
    std::unique_ptr<worker_main> program_;
    std::unique_ptr<worker_thread> thread_;
};

/// Starts them all, in their order, and puts their handles behind those that are there. Returns the threads. May throw std::bad_alloc;
/// those that have not been started then are still there.
std::vector<worker_thread*> start_all(std::vector<ready_worker>& ready,
                                      std::vector<std::unique_ptr<worker_thread>>& handles);

/// The argument at that place.
template <std::size_t Index, class First, class... Rest>
decltype(auto) argument(First&& first, Rest&&... rest) noexcept {
    if constexpr (Index == 0)
        return std::forward<First>(first);
    else
        return argument<Index - 1>(std::forward<Rest>(rest)...);
}

/// `Args` are the ends and then the function. What depends on their types is kept short: programs do this in many places.
struct spawner {
    template <class... Args>
    static auto spawn(worker_options&& options, Args&&... args) {
        return started(make(std::move(options), std::forward<Args>(args)...));
    }
    /// `count` workers, which are all attached before the first one runs. Each has its own copies of the arguments.
    template <class... Args>
    static auto spawn_all(std::size_t count, const worker_options& options, const Args&... args) {
        const auto one_more = [&] { return make(worker_options(options), args...); };
        return all_started(count, one_more);
    }
    /// Attached, to be started later. In messages `path` stands before its name.
    template <class... Args>
    static auto prepare(worker_options&& options, std::string&& path, Args&&... args) {
        auto program = make(std::move(options), std::forward<Args>(args)...);
        program.main->record()->identity->stand_behind(std::move(path));
        return ready(std::move(program));
    }
    /// Attached, to be started later. In messages it goes by the name of what it does just now.
    template <class... Args>
    static auto prepare_for_roles(worker_options&& options,
                                  std::shared_ptr<const std::vector<std::string>> names, Args&&... args) {
        auto program = make(std::move(options), std::forward<Args>(args)...);
        auto& record = *program.main->record();
        // It counts its items itself: those of a channel that nobody has, so that it can pop from any other.
        record.attach(next_channel_serial(), {});
        record.identity->learn_roles(std::move(names));
        return ready(std::move(program));
    }
    template <class... Args>
    static auto run_job(worker_options&& options, Args&&... args) {
        return run(make(std::move(options), std::forward<Args>(args)...));
    }

  private:
    template <class Fn, class... Ends>
    static auto main_for(std::type_identity<worker_ends<Ends...>>) {
        using result = result_of<std::remove_cv_t<typename returned_by<Fn, Ends...>::type>>;
        return std::type_identity<
            function_main<typename result::value, typename result::error, Fn, Ends...>>();
    }
    template <class... Args>
    static auto make(worker_options&& options, Args&&... args) {
        using its = spawned<Args&&...>;
        using fn = typename its::function;
        using main = typename decltype(main_for<fn>(typename its::ends()))::type;
        (refuse_bad_argument(args), ...);
        return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            constexpr std::size_t last = sizeof...(Index);
            return program_of<typename main::value_type, typename main::error_type>{
                std::unique_ptr<worker_main>(new main(std::move(options),
                                                      argument<last>(std::forward<Args>(args)...),
                                                      argument<Index>(std::forward<Args>(args)...)...))};
        }(typename its::indices());
    }
    template <class T, class E>
    [[gnu::noinline]] static worker<T, E> started(program_of<T, E>&& program) {
        return worker<T, E>(ready(std::move(program)).start());
    }
    template <class T, class E>
    static ready_worker ready(program_of<T, E>&& program) {
        std::unique_ptr<worker_thread> thread(new typed_worker_thread<T, E>(*program.main));
        return {std::move(program.main), std::move(thread)};
    }
    template <class T, class E>
    static auto run(program_of<T, E>&& job) {
        job.main->attach();
        return static_cast<typed_main<T, E>&>(*job.main).run_as_job();
    }
    template <class Make>
    static auto all_started(std::size_t count, const Make& one_more) {
        return all_started(count, one_more, std::type_identity<decltype(one_more())>());
    }
    template <class Make, class T, class E>
    static auto all_started(std::size_t count, const Make& one_more,
                            std::type_identity<program_of<T, E>> /*of*/) {
        std::vector<worker<T, E>> workers;
        workers.reserve(count);
        std::vector<ready_worker> all;
        all.reserve(count);
        for (std::size_t n = 0; n < count; ++n) all.push_back(ready(one_more()));
        for (auto& one : all) workers.push_back(worker<T, E>(one.start()));
        return workers;
    }
};

} // namespace detail
}} // namespace inquest::INQUEST_ABI
