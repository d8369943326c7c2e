#include <inquest/detail/worker_inputs.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

struct worker_inputs::input {
    explicit input(const shared_channel& its) : channel(its) {}
    shared_channel channel;
    // The user's result may be in its record, which is destroyed after the locks, and after the wake-ups.
    cause last; // the worker itself; once it has left, the worker that ended there before it
    close_actions later;
    std::optional<channel_base::both_locks> locks;
    bool discards = false;
};

worker_inputs::worker_inputs() noexcept = default;

worker_inputs::~worker_inputs() = default;

bool worker_inputs::empty() const noexcept { return inputs_.empty(); }

void worker_inputs::reset() noexcept { inputs_.clear(); }

void worker_inputs::attach(const shared_channel& channel, worker_record& record) {
    const auto serial = [](const auto& one) { return one->channel->serial(); };
    const auto at = std::ranges::lower_bound(inputs_, channel->serial(), {}, serial);
    if (at != inputs_.end() && serial(*at) == channel->serial()) return;
    const auto its = inputs_.insert(at, std::make_unique<input>(channel));
    try {
        record.attach(channel->serial(), channel->name());
        channel->attach(record);
    } catch (...) {
        inputs_.erase(its);
        throw;
    }
}

// No lock is held while that of another channel is waited for: an item whose copy uses the other channel may be copied under
// it. As std::lock goes about it; two workers that end begin with the same channel.
void worker_inputs::lock_all() noexcept {
    auto first = inputs_.begin();
    for (;;) {
        (*first)->locks.emplace(*(*first)->channel.get());
        const auto held = std::ranges::find_if(inputs_, [](const auto& one) {
            if (!one->locks) one->locks.emplace(*one->channel.get(), std::try_to_lock);
            return !one->locks->owns_lock();
        });
        if (held == inputs_.end()) return;
        for (const auto& one : inputs_) one->locks.reset();
        first = held;
    }
}

void worker_inputs::end(worker_record& record) noexcept {
    for (const auto& one : inputs_) one->last = record.as_cause();
    if (!inputs_.empty()) lock_all();
    record.sequence = next_sequence();
    record.published.store(true);
    for (const auto& one : inputs_) one->discards = one->channel->detach(record, one->last, one->later);
    for (const auto& one : inputs_) one->locks.reset();
    for (const auto& one : inputs_) one->later.finish();
    for (const auto& one : inputs_) {
        if (one->discards) one->channel->discard_detached();
        one->last = {};
    }
}

}}} // namespace inquest::INQUEST_ABI::detail
