#include <inquest/detail/spin_policy.hpp>

#include <algorithm>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

// Most of what goes to and fro between two threads that both park is the parking's own time, so the mean says nothing
// of what spinning would give; that is why it is tried again now and then.
bool spin_policy::should_spin(clock::duration limit, std::size_t waiting) noexcept {
    if (limit == clock::duration::zero() || std::exchange(park_next_, false)) return false;
    if (mean_interval_ * static_cast<clock::rep>(waiting) <= limit) return true;
    if (++parks_since_probe_ < parks_between_probes) return false;
    parks_since_probe_ = 0;
    mean_interval_ = limit; // what is seen next decides
    return true;
}

void spin_policy::record_interval(clock::time_point now, std::uint64_t moved,
                                  clock::duration limit) noexcept {
    if (recorded_at_ && now < *recorded_at_) return; // another call recorded a later look at the clock first
    const auto items = static_cast<clock::rep>(std::max<std::uint64_t>(moved - recorded_moved_, 1));
    if (recorded_at_)
        mean_interval_ += (std::min((now - *recorded_at_) / items, limits_counted * limit) - mean_interval_) /
                          intervals_averaged;
    recorded_at_ = now;
    recorded_moved_ = moved;
}

void spin_policy::record_slip(bool whole, std::size_t longest) noexcept {
    if (!whole) {
        if (slip_distance_ > shortest_slip) cooldown_ = growth_cooldown;
        slip_distance_ = std::max(slip_distance_ / 2, shortest_slip);
    } else if (cooldown_ > 0)
        --cooldown_;
    else
        slip_distance_ = std::min(2 * slip_distance_, longest);
}

}}} // namespace inquest::INQUEST_ABI::detail
