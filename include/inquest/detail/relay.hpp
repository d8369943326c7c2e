// Threads that carry items through the stages of a pipeline.
#pragma once

#include <inquest/detail/item_list.hpp>
#include <inquest/detail/sync.hpp>
#include <inquest/failure.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// What a stage does with an item, on any thread.
class stage_step {
  public:
    stage_step() = default;
    virtual ~stage_step();
    stage_step(const stage_step&) = delete;
    stage_step& operator=(const stage_step&) = delete;
    /// With the copy of its function that has this number, from 0: puts what it makes into `made`, or returns its failure; may throw.
    /// The source is given none, and makes one, or none at the end.
    virtual std::optional<failure<>> work(std::size_t copy, std::unique_ptr<item_node> item,
                                          item_list& made) = 0;
};

/// One of a relay's stages.
struct relay_stage {
    stage_step* step = nullptr;
    std::size_t parallelism = 1; ///< how many threads may be in it
    bool ordered = false;     ///< what it makes of an item is handed on after what it makes of those before
    std::size_t capacity = 1; ///< how much of what it makes may wait
};

/// What threads do at a stage just now, and how many items it has begun with, or if it is the source, has made.
struct stage_load {
    std::uint64_t items = 0;
    std::size_t busy = 0, starved = 0, blocked = 0;
};

/// Threads that share the stages of a pipeline. Each takes an item through one stage, hands on what that made, and goes on with
/// what is ready farthest down: most often what it has just made, so that an item stays on its thread and in its cache. A thread
/// waits only if nothing is ready, and never with an item in its hands.
///
/// At a failure nothing more is begun in the stage that has failed and those before it; what is behind it is finished.
class relay {
  public:
    /// From the source on, at least two.
    explicit relay(const std::vector<relay_stage>& stages);
    ~relay();
    relay(const relay&) = delete;
    relay& operator=(const relay&) = delete;

    /// What each of its threads, which are workers, runs to the end: returns, or throws, what failed in its own hands.
    std::expected<void, failure<>> carry();
    /// Nothing more is begun. Does not wait.
    void stop() noexcept;
    /// Once all threads have ended: all that the source made has come to the end.
    [[nodiscard]] bool is_complete() noexcept;

    [[nodiscard]] stage_load look(std::size_t stage) noexcept;

  private:
    struct station;
    struct in_hand;

    [[nodiscard]] bool has_room_behind(std::size_t at) const noexcept;
    [[nodiscard]] bool is_ready(std::size_t at) const noexcept;
    /// The one that is farthest down; none if there is none.
    [[nodiscard]] std::optional<std::size_t> find_ready() const noexcept;
    /// Waits until one is ready. None if nothing ever will be.
    [[nodiscard]] std::optional<std::size_t> wait_ready(std::unique_lock<mutex>& lock) noexcept;
    /// It is done: what it made waits for the next stage.
    void hand_on(in_hand& its, item_list&& made) noexcept;
    void fail_at(std::size_t at) noexcept;

    mutex guard_;
    condition_variable ready_;
    // protected by guard_:
    std::vector<station> stations_;
    std::size_t begins_at_ = 0; // the first one that still begins with items: behind the last that has failed
    std::size_t idle_ = 0, busy_ = 0;
    bool exhausted_ = false, stopping_ = false;
};

}}} // namespace inquest::INQUEST_ABI::detail
