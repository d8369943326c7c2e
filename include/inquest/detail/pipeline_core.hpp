// What a pipeline does that does not depend on the types of its items.
#pragma once

#include <inquest/detail/stage_plan.hpp>
#include <inquest/failure.hpp>
#include <inquest/pipeline_options.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// The threads of a pipeline that is run.
class pipeline_threads;

/// The stages, from the source on.
class pipeline_core {
  public:
    pipeline_core();
    ~pipeline_core();
    pipeline_core(pipeline_core&&) noexcept;
    pipeline_core& operator=(pipeline_core&&) = delete;

    void add(std::unique_ptr<stage_plan> stage) { stages_.push_back(std::move(stage)); }
    /// Runs them to their end. The failure that was first, or nothing; rethrows what a worker threw if that was first.
    [[nodiscard]] std::optional<failure<>> run(const stop_token& stop, const run_options& options);
    /// Once it was run with success, and if the stages had threads of their own.
    [[nodiscard]] stage_workers& sink() noexcept;

  private:
    std::vector<std::unique_ptr<stage_plan>> stages_;
    std::unique_ptr<pipeline_threads> threads_; // since it was run with success
};

}}} // namespace inquest::INQUEST_ABI::detail
