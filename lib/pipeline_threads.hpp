// The threads of a pipeline that is run: of each stage's own, or shared by all.
#pragma once

#include <inquest/detail/relay.hpp>
#include <inquest/detail/stage_plan.hpp>
#include <inquest/detail/worker_thread.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

using stage_plans = std::vector<std::unique_ptr<stage_plan>>;

class pipeline_threads {
  public:
    pipeline_threads() = default;
    virtual ~pipeline_threads();
    pipeline_threads(const pipeline_threads&) = delete;
    pipeline_threads& operator=(const pipeline_threads&) = delete;

    virtual void start() = 0;
    /// Asks all to stop, also those that are not started yet. Any thread.
    virtual void stop() noexcept;
    /// Once they are started.
    [[nodiscard]] std::span<worker_thread* const> all() const noexcept { return all_; }
    [[nodiscard]] virtual stage_workers* sink() noexcept { return nullptr; }

    // Once all have ended:

    /// The sink has not failed, though it may have ended for want of more.
    [[nodiscard]] virtual bool sink_is_done() noexcept = 0;
    /// What the sink was given is known to be less than all.
    [[nodiscard]] virtual bool broke_off() noexcept = 0;

    [[nodiscard]] virtual stage_load look(std::size_t stage) noexcept = 0;

  protected:
    void add(std::span<worker_thread* const> started);

  private:
    [[nodiscard]] worker_thread* at(std::size_t index) noexcept;

    mutex guard_; // protects what follows until all are started
    bool stopped_ = false;
    std::vector<worker_thread*> all_;
};

/// Each stage has its own. Throws std::bad_alloc.
std::unique_ptr<pipeline_threads> own_threads(const stage_plans& stages);
/// So many threads, each of which does a step of any stage. Throws std::invalid_argument for stages that can't share; std::bad_alloc.
std::unique_ptr<pipeline_threads> shared_threads(const stage_plans& stages, std::size_t count);

}}} // namespace inquest::INQUEST_ABI::detail
