#include <inquest/detail/worker_inputs.hpp>

#include <algorithm>
#include <iterator>
#include <mutex>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

void worker_inputs::attach(const shared_channel& channel, worker_record& record) {
    const auto serial = [](const input& one) { return one.channel->serial(); };
    const auto at = std::ranges::lower_bound(inputs_, channel->serial(), {}, serial);
    if (at != inputs_.end() && serial(*at) == channel->serial()) return;
    const auto its = inputs_.emplace(at, channel);
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
        first->locks.emplace(*first->channel.get());
        const auto held = std::ranges::find_if(inputs_, [](input& one) {
            if (!one.locks) one.locks.emplace(*one.channel.get(), std::try_to_lock);
            return !one.locks->owns_lock();
        });
        if (held == inputs_.end()) return;
        for (auto& one : inputs_) one.locks.reset();
        first = held;
    }
}

void worker_inputs::end(worker_record& record) noexcept {
    for (auto& one : inputs_) one.last = record.as_cause();
    if (!inputs_.empty()) lock_all();
    record.sequence = next_sequence();
    record.published.store(true);
    for (auto& one : inputs_) one.discards = one.channel->detach(record, one.last, one.later);
    for (auto& one : inputs_) one.locks.reset();
    for (auto& one : inputs_) one.later.finish();
    for (auto& one : inputs_) {
        if (one.discards) one.channel->discard_detached();
        one.last = {};
    }
}

}}} // namespace inquest::INQUEST_ABI::detail
