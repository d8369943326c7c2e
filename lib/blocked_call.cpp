#include "spinning.hpp"

#include <inquest/detail/blocked_call.hpp>

#include <algorithm>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

blocked_call::blocked_call(channel_side& mine, channel_side& other, const stream_state& state,
                           const wait_options& options, const wait_settings& settings) noexcept
    : side_(mine), other_(other), state_(state), options_(options), settings_(settings) {
    lock();
}

blocked_call::blocked_call(channel_side& mine, channel_side& other, const stream_state& state,
                           const wait_options& options, const wait_settings& settings,
                           std::adopt_lock_t) noexcept
    : side_(mine), other_(other), state_(state), options_(options), settings_(settings),
      lock_(mine.lock, std::adopt_lock) {}

blocked_call::~blocked_call() {
    if (counted_) leave();
}

std::optional<gave_up> blocked_call::wait(const wait_target& target) {
    target_ = target;
    if (!state_.is_open()) return gave_up::ended;
    if (!options_.block) return gave_up::would_block;
    if (waited_ && interrupts_ != state_.interrupts()) return gave_up::interrupted;
    if (late_) return gave_up::timed_out;
    count();
    if (!waited_) {
        if (!options_.deadline.may_be_set()) deadline_ = options_.deadline.now_at();
        interrupts_ = state_.interrupts();
    }
    waited_ = true;
    const bool other_clock =
        options_.deadline.may_be_set(); // which is the user's code: not to be read under the lock
    if (!other_clock && is_late()) {
        late_ = true; // one more try is due in any case; parking for no time costs a time slice
        return std::nullopt;
    }
    const bool spins = side_.spinning.should_spin(settings_.spin_limit, side_.inside);
    slip_distance_ = side_.spinning.slip_distance();
    slip_seen_ = slip_seen::nothing;
    unlock();
    began_.reset();
    if (other_clock && is_late())
        late_ = true;
    else if (!spins || !spin())
        late_ = !park();
    const auto now = began_ ? std::optional(clock::now()) : std::nullopt;
    lock();
    if (slip_seen_ != slip_seen::nothing)
        side_.spinning.record_slip(slip_seen_ == slip_seen::whole, settings_.longest_slip);
    if (std::exchange(preempted_, false)) side_.spinning.park_next();
    if (now) side_.spinning.record_interval(*now, side_.ticket, settings_.spin_limit);
    return std::nullopt;
}

// False if it is to park: nothing has come, and the limit is over.
bool blocked_call::spin() {
    for (;;) {
        if (poll([this] { return has_come_or_news(); })) {
            slip();
            return true;
        }
        if (stop_requested()) return true;
        const auto now = clock::now();
        if (!began_) began_ = now;
        if ((deadline_ <= now || options_.deadline.may_be_set()) && is_late())
            return late_ = true; // one more try, and no parking
        if (now - *began_ >= settings_.spin_limit) return false;
        yield();
        if (clock::now() - now > time_slice) preempted_ = true;
    }
}

// Two sides that follow one another item by item spend their time on passing cache lines to and fro, and meet on the
// allocator's lock. So a call whose turn has come after it spun slips behind for a moment, until its side has a run of them
// to itself. (Temporal slipping: Giacomoni, Moseley and Vachharajani, FastForward, PPoPP 2008.) A push leaves the pops
// at least half the ring to go on with meanwhile. A pop delays an item that somebody waits for, so it slips for no more
// than a few looks, and for the shortest run just looks whether it is there.
void blocked_call::slip() noexcept {
    if (settings_.longest_slip < spin_policy::shortest_slip || one_processor() || deadline_ != forever)
        return;
    const std::size_t at_most =
        side_.what == activity::pushing
            ? static_cast<std::size_t>(std::min<clock::duration>(settings_.spin_limit, spin_limit) /
                                       time_of_a_look)
            : polls_per_yield();
    const auto last = [this] { return target_.slip_to->get(); };
    (void)poll([&] { return last() >= target_.slip_wanted || state_.is_closed() || stop_requested(); },
               std::min(1 + polls_per_slot * (slip_distance_ - spin_policy::shortest_slip), at_most));
    // If it is a lap on, others of this side have had the run, which says nothing.
    if (last() <= target_.slip_wanted)
        slip_seen_ = last() == target_.slip_wanted ? slip_seen::whole : slip_seen::part;
}

// False once the deadline has passed.
bool blocked_call::park() {
    if (!parked_) parked_.emplace(*this);
    if (!began_) began_ = clock::now();
    if (stop_requested()) return true; // asked before the node could be found; the caller looks
    {
        const std::lock_guard line(other_.line_lock());
        if (has_come_or_news()) return true;
        other_.waiters.add(parked_->node);
        parked_->enlisted = true;
    }
    bool signalled = parked_->node.wait(next_look());
    while (!signalled && options_.deadline.may_be_set() && !stop_requested() && !is_late())
        signalled = parked_->node.wait(next_look());
    if (signalled)
        parked_->was_signalled();
    else
        parked_->unlink();
    return !is_late();
}

// Whoever leaves with a wake-up that it made no use of hands it on.
void blocked_call::leave() noexcept {
    if (parked_) {
        if (lock_) unlock(); // a line's lock is not taken under the other side's
        parked_->unlink();
        if (was_woken_) {
            wake_list next;
            const std::lock_guard line(other_.line_lock());
            if (!state_.is_closed() && target_.has_come()) next.take_one(other_.waiters); // a close wakes all
        }
        parked_.reset();
    }
    if (!lock_) lock();
    if (--side_.inside == 0 && side_.last_out) side_.last_out->signal();
}

blocked_call::parked::parked(blocked_call& of) : self(of) {
    // The callback may find the stop requested already and interrupt the node at once. Neither takes a lock of the
    // channel's.
    if (of.options_.token) on_stop.emplace(*of.options_.token, interrupter{&node});
    if (current_worker)
        around = current_worker->set_blocked(
            {of.options_.token ? nullptr : &node, &of.settings_.channel, of.side_.what});
}

blocked_call::parked::~parked() {
    // A stop that came meanwhile has not found the call around: it asks for one before it parks again.
    if (current_worker) current_worker->set_blocked(around);
}

void blocked_call::parked::was_signalled() noexcept {
    enlisted = false;
    node.rearm();
    self.was_woken_ = true;
}

void blocked_call::parked::unlink() noexcept {
    if (!enlisted) return;
    {
        const std::lock_guard line(self.other_.line_lock());
        if (node.linked) {
            enlisted = false;
            return self.other_.waiters.remove(node);
        }
    }
    node.wait_signalled();
    was_signalled();
}

}}} // namespace inquest::INQUEST_ABI::detail
