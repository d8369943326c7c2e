// The channels that a worker reads, from before it starts until it has ended.
#pragma once

#include <inquest/detail/channel_base.hpp>

#include <memory>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// What leaving them needs is made ahead, because a worker's end never allocates.
class worker_inputs {
  public:
    worker_inputs() noexcept;
    ~worker_inputs();
    worker_inputs(const worker_inputs&) = delete;
    worker_inputs& operator=(const worker_inputs&) = delete;

    /// The worker reads `channel`; once, however many receivers of it there are. May throw std::bad_alloc.
    void attach(const shared_channel& channel, worker_record& record);
    [[nodiscard]] bool empty() const noexcept;
    /// The worker's end, at all of them at once: draws its number, publishes its outcome, and acts on the channels, all under
    /// the locks of all of them. So the first cause of each is that of the failure with the lowest number.
    void end(worker_record& record) noexcept;
    /// Lets go of the channels. This may destroy items that are left.
    void reset() noexcept;

  private:
    struct input;
    void lock_all() noexcept;

    std::vector<std::unique_ptr<input>> inputs_; // by serial number
};

}}} // namespace inquest::INQUEST_ABI::detail
