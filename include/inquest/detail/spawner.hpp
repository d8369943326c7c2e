// Starting a worker, or running a job.
#pragma once

#include <inquest/detail/worker_ends.hpp>
#include <inquest/detail/worker_function.hpp>
#include <inquest/detail/worker_thread.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

template <class T, class E>
class worker;

namespace detail {

/// A worker that is ready, and attached to what it reads: to be started, or else it ends as one whose thread could not be
/// created.
template <class Main>
class ready_worker {
  public:
    using thread_type = typed_worker_thread<typename Main::value_type, typename Main::error_type>;

    /// May throw std::bad_alloc, and then it has ended.
    explicit ready_worker(std::unique_ptr<Main> program)
        : program_(std::move(program)),
          thread_(std::make_unique<thread_type>(*program_, program_->get_future())) {
        program_->ends().for_each_input([&](const auto& channel) { thread_->watch(channel); });
        program_->attach_inputs();
    }
    ready_worker(ready_worker&&) noexcept = default;
    ready_worker& operator=(ready_worker&&) = delete;
    ~ready_worker() {
        if (!program_) return;
        (void)program_->record()->observed_by.add(); // the exception says it
        program_->never_started(ECANCELED);
    }
    std::unique_ptr<thread_type> start() {
        thread_->start(std::move(program_));
        return std::move(thread_);
    }

  private:
    std::unique_ptr<Main> program_;
    std::unique_ptr<thread_type> thread_;
};

template <class Main>
using worker_of = worker<typename Main::value_type, typename Main::error_type>;

struct spawner {
    /// `Spawned` is `spawned` of what stands in `given`, the ends and then the function.
    template <class Spawned>
    static auto spawn(worker_options&& options, typename Spawned::given given) {
        using main = main_of<typed_worker_main, Spawned>;
        ready_worker<main> one(
            make<Spawned, main>(std::move(options), std::move(given), typename Spawned::indices()));
        return worker_of<main>(one.start());
    }
    /// `count` workers, which are all attached before the first one runs. Each has its own copies of what is given.
    template <class Spawned>
    static auto spawn_all(std::size_t count, const worker_options& options, const auto& given) {
        using main = main_of<typed_worker_main, Spawned>;
        std::vector<worker_of<main>> workers;
        workers.reserve(count);
        std::vector<ready_worker<main>> ready;
        ready.reserve(count);
        for (std::size_t n = 0; n < count; ++n)
            ready.emplace_back(make<Spawned, main>(worker_options(options), typename Spawned::given(given),
                                                   typename Spawned::indices()));
        for (auto& one : ready) workers.push_back(worker_of<main>(one.start()));
        return workers;
    }
    template <class Spawned>
    static auto run_job(worker_options&& options, typename Spawned::given given) {
        const auto program = make<Spawned, main_of<typed_job, Spawned>>(std::move(options), std::move(given),
                                                                        typename Spawned::indices());
        program->attach_inputs();
        return program->run();
    }

  private:
    template <template <class...> class Main, class Fn, class... Ends>
    static auto main_for(std::type_identity<worker_ends<Ends...>>) {
        using result = result_of<std::remove_cv_t<typename returned_by<Fn, Ends...>::type>>;
        return std::type_identity<Main<typename result::value, typename result::error, Fn, Ends...>>();
    }
    template <template <class...> class Main, class Spawned>
    using main_of =
        typename decltype(main_for<Main, typename Spawned::function>(typename Spawned::ends()))::type;

    template <class Spawned, class Main, std::size_t... Index>
    static std::unique_ptr<Main> make(worker_options&& options, typename Spawned::given&& given,
                                      std::index_sequence<Index...>) {
        typename Spawned::function fn(std::get<sizeof...(Index)>(std::move(given)));
        worker_ends ends(to_end(std::get<Index>(std::move(given)))...);
        refuse_empty(fn);
        ends.refuse_moved_from();
        return std::make_unique<Main>(std::move(options), std::move(ends), std::move(fn));
    }
};

} // namespace detail
}} // namespace inquest::INQUEST_ABI
