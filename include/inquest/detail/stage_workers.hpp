// The workers of a pipeline's stage, if it has threads of its own.
#pragma once

#include <inquest/close_callback.hpp>
#include <inquest/detail/spawner.hpp>
#include <inquest/pipeline_options.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// A stage's workers, whatever they return.
class stage_workers {
  public:
    stage_workers(shared_channel counted, bool is_source);
    ~stage_workers();
    stage_workers(const stage_workers&) = delete;
    stage_workers& operator=(const stage_workers&) = delete;

    /// May throw std::bad_alloc, and then the worker ends with `one`.
    void add(ready_worker&& one) { ready_.push_back(std::move(one)); }
    void start() { threads_ = start_all(ready_, handles_); }
    /// To be called once nobody takes what the stage makes: ends what it reads, so that the stages before it learn of it although it waits
    /// there, and a source that waits elsewhere by `on_close`. It is kept as long as the workers.
    [[nodiscard]] auto end_of_input() const {
        return [input = counted_](const pop_error& ending) { end_early(*input.get(), ending); };
    }
    void keep(close_callback&& its) { on_close_.emplace(std::move(its)); }
    /// Once it is started.
    [[nodiscard]] std::span<worker_thread* const> threads() const noexcept { return threads_; }
    [[nodiscard]] std::uint64_t items() const noexcept;

  private:
    static void end_early(channel_base& input, const pop_error& ending);

    const shared_channel counted_; // the one that it reads, or if it is the source, pushes to
    const bool is_source_;
    std::optional<close_callback> on_close_;
    std::vector<ready_worker> ready_;
    std::vector<std::unique_ptr<worker_thread>> handles_;
    std::vector<worker_thread*> threads_;
};

/// Where a stage that is to have workers stands.
struct stage_place {
    const stage_options& options;
    std::string path; ///< stands before its name in messages
    shared_channel counted;
    bool is_source = false;
};

/// Makes a stage's workers, which are attached to what they read.
template <class MakeFn, class... Ends>
std::unique_ptr<stage_workers> make_workers(stage_place&& place, const MakeFn& make_function,
                                            const Ends&... ends) {
    const auto& options = place.options;
    auto made = std::make_unique<stage_workers>(std::move(place.counted), place.is_source);
    for (std::size_t n = 0; n < options.parallelism; ++n)
        made->add(spawner::prepare(worker_options{.name = options.name,
                                                  .on_exception = options.on_exception,
                                                  .on_destroy = on_destroy::stop,
                                                  .thread = options.thread},
                                   std::string(place.path), ends..., make_function()));
    return made;
}

}}} // namespace inquest::INQUEST_ABI::detail
