#include "platform.hpp"

#include <inquest/detail/worker_identity.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

struct worker_identity::registry {
    // Each name's bearers; the one at index i has the number i + 1. A place is free again when its bearer leaves.
    using bearers = std::vector<worker_identity*>;
    mutex guard;
    std::map<std::string, bearers, std::less<>> names;

    static registry& get() { return platform::process_wide<registry>(); }
    static const registry& made_at_load;
};

const worker_identity::registry& worker_identity::registry::made_at_load = get();

std::shared_ptr<worker_identity> worker_identity::enter(std::string name) {
    std::shared_ptr<worker_identity> self(new worker_identity(std::move(name)));
    registry& all = registry::get();
    const std::lock_guard lock(all.guard);
    auto at = all.names.find(self->name_);
    if (at == all.names.end()) at = all.names.emplace(self->name_, registry::bearers(1)).first;
    auto& bearers = at->second;
    const auto place = std::ranges::find(bearers, nullptr);
    self->rank_ = static_cast<std::size_t>(place - bearers.begin());
    if (place != bearers.end())
        *place = self.get();
    else
        bearers.push_back(self.get());
    self->entered_ = true;

    if (bearers.size() == 1) return self; // alone: no number
    self->number_ = static_cast<unsigned>(self->rank_) + 1;
    worker_identity* const first = bearers.front();
    if (first && first->number_ == 0 && !first->frozen_) {
        first->number_ = 1;
        if (first->has_thread_) platform::set_thread_name(first->thread_, first->thread_name());
    }
    return self;
}

worker_identity::~worker_identity() { leave(); }

void worker_identity::leave() noexcept {
    if (!entered_) return;
    registry& all = registry::get();
    const std::lock_guard lock(all.guard);
    if (!entered_.exchange(false)) return;
    const auto at = all.names.find(name_);
    auto& bearers = at->second;
    bearers[rank_] = nullptr;
    while (!bearers.empty() && !bearers.back()) bearers.pop_back();
    if (bearers.empty()) all.names.erase(at);
}

std::string worker_identity::display() const {
    if (const auto role = role_.get(); role != no_role) return (*roles_)[role];
    const unsigned number = number_.load();
    return path_ + (number == 0 ? name_ : name_ + '-' + std::to_string(number));
}

// Cut in the middle of the name rather than in its number, and never inside a UTF-8 character.
std::string worker_identity::thread_name() const {
    const unsigned number = number_.load();
    const std::string suffix = number == 0 ? std::string{} : '-' + std::to_string(number);
    std::size_t keep = std::min(name_.size(), platform::max_thread_name - suffix.size());
    while (keep > 0 && keep < name_.size() && (static_cast<unsigned char>(name_[keep]) & 0xC0) == 0x80)
        --keep;
    return name_.substr(0, keep) + suffix;
}

void worker_identity::name_this_thread() noexcept {
    const std::lock_guard lock(registry::get().guard);
    thread_ = platform::this_thread_handle();
    has_thread_ = true;
    platform::set_thread_name(thread_, thread_name());
}

void worker_identity::freeze() noexcept {
    const std::lock_guard lock(registry::get().guard);
    frozen_ = true;
    has_thread_ = false;
}

}}} // namespace inquest::INQUEST_ABI::detail
