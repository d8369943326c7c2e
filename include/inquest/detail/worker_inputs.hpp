// The channels that a worker reads, from before it starts until it has ended.
#pragma once

#include <inquest/detail/channel_base.hpp>

#include <list>
#include <optional>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// What leaving them needs is made ahead, because a worker's end never allocates.
class worker_inputs {
  public:
    worker_inputs() = default;
    worker_inputs(const worker_inputs&) = delete;
    worker_inputs& operator=(const worker_inputs&) = delete;

    /// The worker reads `channel`; once, however many receivers of it there are. May throw std::bad_alloc.
    void attach(const shared_channel& channel, worker_record& record);
    [[nodiscard]] bool empty() const noexcept { return inputs_.empty(); }
    /// The worker's end, at all of them at once: draws its number, publishes its outcome, and acts on the channels, all under
    /// the locks of all of them. So the first cause of each is that of the failure with the lowest number.
    void end(worker_record& record) noexcept;
    /// Lets go of the channels. This may destroy items that are left.
    void reset() noexcept { inputs_.clear(); }

  private:
    struct input {
        explicit input(const shared_channel& its) : channel(its) {}
        shared_channel channel;
        // The user's result may be in its record, which is destroyed after the locks, and after the wake-ups.
        cause last; // the worker itself; once it has left, the worker that ended there before it
        close_actions later;
        std::optional<channel_base::both_locks> locks;
        bool discards = false;
    };
    void lock_all() noexcept;

    std::list<input> inputs_; // by serial number
};

}}} // namespace inquest::INQUEST_ABI::detail
