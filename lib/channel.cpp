#include "platform.hpp"
#include "spinning.hpp"

#include <inquest/detail/channel_control.hpp>
#include <inquest/hook.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

channel_control::channel_control(channel_options options, bool brief)
    : capacity_(options.capacity), brief_(brief), options_(std::move(options)),
      spin_limit_(options_.spin ? std::chrono::microseconds(*options_.spin) : spin_limit) {
    closing_note_->kind = cause_kind::closed;
    closing_note_->channel_name = options_.name;
}

std::size_t channel_control::size() const noexcept {
    const both_locks locks(*this);
    return queued();
}

bool channel_control::is_closed() const noexcept { return closed_.get(); }

bool channel_control::is_draining() const noexcept { return closed_.get() && !stopped_delivery_.get(); }

std::size_t channel_control::blocked() const noexcept {
    std::size_t parked = 0;
    for (const side* its : {&push_, &pop_}) {
        const std::lock_guard lock(line_lock(*its));
        parked += its->waiters.size();
    }
    return parked;
}

std::size_t channel_control::inside() const noexcept {
    const both_locks locks(*this);
    return push_.inside + pop_.inside;
}

cause channel_control::known_cause() const {
    const std::lock_guard lock(line_lock(push_)); // not held while an item is copied
    return refusal_cause();
}

// --- closing
// -------------------------------------------------------------------------------------------------

bool channel_control::set_cause(cause&& why) noexcept {
    if (cause_ || !why) return false;
    const line_too line(*this, push_);
    cause_ = std::move(why);
    return true;
}

void channel_control::close_locked(status ending, wake_list& wakes, const std::source_location* where,
                                   cause by) noexcept {
    if (phase_ != phase::open) return;
    if (!cause_) { // a failure says more than who closed
        if (!by) {
            name_this_thread(*closing_note_);
            if (where) closing_note_->set_place(*where);
            by = to_cause(closing_note_);
        }
        const line_too line(*this, push_);
        closing_ = std::move(by);
    }
    phase_ = phase::draining;
    closed_.set(true);
    ending_ = ending;
    wake_all(pop_, wakes);  // pushes that wait for room
    wake_all(push_, wakes); // pops that wait for items
}

void channel_control::stop_delivery(wake_list& wakes) noexcept {
    close_locked(status::truncated, wakes); // where it is still open: later on nobody waits
    phase_ = phase::stopped;
    stopped_delivery_.set(true);
}

bool channel_control::close(closer who, const std::source_location& where) noexcept {
    wake_list wakes;
    const both_locks locks(*this);
    if (phase_ != phase::open) return false;
    close_locked(who == closer::receiver   ? status::closed
                 : who == closer::resolver ? status::truncated
                                           : status::complete,
                 wakes, &where);
    return true;
}

bool channel_control::closed_by_this_worker() const noexcept {
    return current_worker && closing_note_->who == current_worker->identity && !cause_ &&
           closing_.kind() == cause_kind::closed;
}

bool channel_control::close_with(cause why) noexcept {
    wake_list wakes;
    const both_locks locks(*this);
    const bool won = set_cause(std::move(why));
    close_locked(status::truncated, wakes);
    return won;
}

bool channel_control::abort_with(cause why) noexcept {
    bool won = false;
    {
        wake_list wakes;
        const both_locks locks(*this);
        won = set_cause(std::move(why));
        stop_delivery(wakes);
        if (!discards()) return won;
    }
    discard_items();
    return won;
}

void channel_control::destroy() noexcept {
    if (left_behind()) return;
    wait_for_workers();
    {
        wake_list wakes;
        const both_locks locks(*this);
        // A stream that was delivered to its end stays complete for a worker that is just about to ask.
        if (phase_ == phase::open || queued() > 0) {
            if (!cause_) {
                event_->kind = cause_kind::destroyed;
                set_cause(to_cause(event_));
            }
            stop_delivery(wakes);
        }
    }
    wait_for_calls();
    if (options_.undelivered == undelivered::discard) discard_items();
}

// What was finished is delivered. A worker of this channel that destroys it can't wait for itself.
void channel_control::wait_for_workers() noexcept {
    waiter last;
    {
        const both_locks locks(*this);
        if (phase_ != phase::draining || std::ranges::none_of(workers_, &worker_record::drains)) return;
        if (current_worker && current_worker->attached_to == serial_) return;
        last_worker_out_ = &last;
    }
    const auto since = clock::now();
    for (clock::duration after = ticks(long_wait()); !last.wait(deadline_after(after));
         after = clock::now() - since)
        try {
            report_long_wait(first_worker()->glance(clock::now() - since, known_cause()));
        } catch (...) { // the last one has just ended, or there is no memory to say so
        }
    const both_locks locks(*this); // whoever signalled has let go of them, and of the node
}

void channel_control::wait_for_calls() noexcept {
    waiter last_push, last_pop;
    {
        const both_locks locks(*this);
        if (push_.inside == 0 && pop_.inside == 0) return;
        if (push_.inside > 0) push_.last_out = &last_push;
        if (pop_.inside > 0) pop_.last_out = &last_pop;
    }
    if (push_.last_out) last_push.wait_signalled();
    if (pop_.last_out) last_pop.wait_signalled();
    const both_locks locks(*this); // whoever was the last has let go of them
    push_.last_out = pop_.last_out = nullptr;
}

// --- ends
// ----------------------------------------------------------------------------------------------------

void channel_control::add_sender() noexcept {
    const both_locks locks(*this);
    ++senders_;
}

void channel_control::add_receiver() noexcept {
    const both_locks locks(*this);
    ++receivers_;
}

void channel_control::finish_sender(const std::source_location& where) noexcept {
    wake_list wakes;
    const both_locks locks(*this);
    finished_ = true;
    if (--senders_ == 0) close_locked(status::complete, wakes, &where);
}

// Says on `into`, which nobody reads yet, who the calling thread is.
void channel_control::name_this_thread(cause_record& into) noexcept {
    if (current_worker) {
        current_worker->identity->freeze(); // a recorded cause never changes
        into.who = current_worker->identity;
    } else
        into.thread = platform::this_thread_number();
}

void channel_control::drop_sender(bool finished, bool unwinding,
                                  const std::source_location* last_push) noexcept {
    if (finished || left_behind()) return;
    wake_list wakes;
    const both_locks locks(*this);
    --senders_;
    if (phase_ != phase::open) return; // it has ended some other way already
    if (last_push || unwinding || (senders_ == 0 && !finished_)) {
        if (current_worker && current_worker->is_published() && current_worker->failed()) {
            set_cause(current_worker->as_cause());
        } else if (!cause_) {
            event_->kind = cause_kind::abandoned;
            event_->during_unwinding = unwinding;
            name_this_thread(*event_);
            if (last_push) event_->set_place(*last_push);
            set_cause(to_cause(event_));
        }
    }
    if (senders_ == 0) close_locked(status::complete, wakes);
}

void channel_control::drop_receiver() noexcept {
    if (left_behind()) return;
    {
        wake_list wakes;
        const both_locks locks(*this);
        if (--receivers_ > 0 || attached_ever_) return;
        if (phase_ == phase::open) {
            const bool worker_over = current_worker && current_worker->is_published();
            if (worker_over && current_worker->failed()) {
                set_cause(current_worker->as_cause());
                close_locked(status::closed, wakes);
            } else if (worker_over) {
                left_early_ = true;
                close_locked(status::closed, wakes, nullptr, current_worker->as_cause());
            } else {
                closing_note_->kind = cause_kind::dropped;
                close_locked(status::closed, wakes);
            }
        }
        if (!discards()) return;
        stop_delivery(wakes);
    }
    discard_items();
}

void channel_control::attach(worker_record& record) {
    const both_locks locks(*this);
    workers_.push_back(&record);
    attached_ever_ = true;
    if (announced_ > 0) --announced_;
}

void channel_control::announce_workers(std::size_t n) noexcept {
    const both_locks locks(*this);
    announced_ += n;
}

void channel_control::renounce_workers(std::size_t n) noexcept {
    if (left_behind()) return;
    const uncancelled guard;
    {
        wake_list wakes;
        const both_locks locks(*this);
        if (announced_ == 0) return;
        announced_ -= std::min(announced_, n);
        if (announced_ > 0 || !workers_.empty() || !attached_ever_) return;
        all_workers_ended(wakes);
    }
    discard_if_stopped();
}

// Throws std::bad_weak_ptr if there is none any more.
std::shared_ptr<worker_record> channel_control::first_worker() const {
    const both_locks locks(*this);
    if (workers_.empty()) throw std::bad_weak_ptr();
    return workers_.front()->shared_from_this();
}

void channel_control::worker_ended(worker_record& record) noexcept {
    bool discards_now = false;
    {
        // That of the worker that ended before it, once they are swapped. The user's result may be in its record, which is
        // destroyed after the locks, and after the wake-ups.
        cause last = record.as_cause();
        wake_list wakes;
        const both_locks locks(*this);
        record.sequence = next_sequence();
        record.published.store(true);
        std::erase(workers_, &record);
        std::swap(last_worker_, last);
        if (record.failed()) {
            if (options_.on_failure == on_failure::fail_fast) {
                set_cause(cause(last_worker_));
                stop_delivery(wakes);
            } else if (!first_failure_) {
                first_failure_ = last_worker_;
            }
        }
        stopped_ = record.stop_requested();
        if (workers_.empty() && announced_ == 0) all_workers_ended(wakes);
        discards_now = phase_ == phase::stopped && discards();
        if (!discards_now) return signal_last_worker_out(); // a producer may want the locks at this moment
    }
    discard_items();
    const both_locks locks(*this);
    signal_last_worker_out();
}

// With both locks held.
void channel_control::signal_last_worker_out() noexcept {
    if (workers_.empty() && last_worker_out_) std::exchange(last_worker_out_, nullptr)->signal();
}

void channel_control::discard_if_stopped() noexcept {
    {
        const both_locks locks(*this);
        if (phase_ != phase::stopped || !discards()) return;
    }
    discard_items();
}

// With both locks held.
void channel_control::all_workers_ended(wake_list& wakes) noexcept {
    if (first_failure_) set_cause(std::move(first_failure_));
    if (phase_ == phase::open) {
        left_early_ = !cause_;
        close_locked(status::closed, wakes, nullptr, last_worker_);
    }
    if (discards()) stop_delivery(wakes); // nobody is left to pop
}

void channel_control::report_leftovers() const noexcept {
    if (queued() == 0 || !last_worker_ || last_worker_.kind() != cause_kind::finished || reported_early_)
        return;
    try {
        report_unobserved(unexplained("worker '" + last_worker_.worker() + "' " +
                                          (stopped_ ? "was stopped" : "finished early") + ", " +
                                          std::to_string(queued()) + " undelivered",
                                      last_worker_));
    } catch (...) { // no memory for the text
    }
}

// --- answers
// -------------------------------------------------------------------------------------------------

status channel_control::ending_status() const noexcept {
    if (phase_ == phase::stopped) return status::aborted;
    return cause_ ? status::truncated : ending_; // an abandoned stream has filled it too
}

push_error channel_control::push_refused(status why, const std::source_location& site,
                                         std::size_t accepted) const {
    if (why == status::full || why == status::timeout) return {why, {}, site, accepted};
    if (current_worker && (why == status::stopped || !closed_by_this_worker()))
        current_worker->note_refused_push();
    if (why == status::stopped) return {why, {}, site, accepted};
    const std::size_t undelivered = [this] {
        const std::lock_guard lock(pop_.lock);
        return queued();
    }();
    const bool early = left_early_ && !cause_;
    reported_early_ = reported_early_ || early;
    return {why, refusal_cause(), site, accepted, early, undelivered};
}

const std::source_location& no_push() noexcept {
    static constexpr auto here = std::source_location::current();
    return here;
}

const std::source_location& no_more_pushes() noexcept {
    static constexpr auto here = std::source_location::current();
    return here;
}

push_error channel_control::refusal(const std::source_location& site) const {
    const std::lock_guard lock(push_.lock);
    return push_refused(status::closed, site, 0);
}

pop_error channel_control::pop_refused(status why) const {
    if (why == status::empty || why == status::timeout) return pop_error(why);
    if (why == status::stopped || why == status::complete) {
        if (current_worker) current_worker->note_ending(serial_, why, {});
        return pop_error(why);
    }
    if (current_worker)
        current_worker->note_ending(serial_,
                                    why == status::closed && closed_by_this_worker() ? status::complete : why,
                                    refusal_cause());
    return pop_error(why, refusal_cause());
}

// --- blocking
// ------------------------------------------------------------------------------------------------

// Before it blocks, whoever meets a lock held tries it some more: it is held for a few instructions only.
void channel_control::side::lock_patiently() noexcept {
    for (unsigned round = 0; round < lock_rounds; ++round) {
        for (unsigned i = 0; i < 1U << round; ++i) spin_hint();
        if (lock.try_lock()) return;
    }
    lock.lock();
}

bool channel_control::blocked_call::wait() {
    outcome_ = channel_.phase_ != phase::open ? outcome::over
               : !options_.block              ? outcome::would_block
                                              : outcome::late;
    if (outcome_ != outcome::late || late_) return false;
    count();
    if (!waited_) deadline_ = options_.deadline_from_now();
    waited_ = true;
    if (is_late())
        return late_ = true; // one more try is due in any case; parking for no time costs a time slice
    const bool spins = side_.spinning.should_spin(channel_.spin_limit_, side_.inside);
    slip_distance_ = side_.spinning.slip_distance();
    run_seen_ = run_seen::nothing;
    mine_.unlock();
    began_ = {};
    if (!spins || !spin()) late_ = !park();
    const auto now = began_ == clock::time_point{} ? began_ : clock::now();
    mine_.lock();
    if (run_seen_ != run_seen::nothing)
        side_.spinning.record_slip(run_seen_ == run_seen::whole, channel_.longest_run());
    if (std::exchange(preempted_, false)) side_.spinning.park_next();
    if (now != clock::time_point{}) side_.spinning.record_interval(now, side_.ticket, channel_.spin_limit_);
    return true;
}

// False where it is to park: nothing has come, and the limit is over.
bool channel_control::blocked_call::spin() {
    for (;;) {
        if (poll([this] { return turn_changed_or_closed(); })) {
            slip();
            return true;
        }
        if (options_.stop_requested()) return true;
        const auto now = clock::now();
        if (began_ == clock::time_point{}) began_ = now;
        if (deadline_ <= now) return late_ = true; // one more try, and no parking
        if (now - began_ >= channel_.spin_limit_) return false;
        yield();
        if (clock::now() - now > time_slice) preempted_ = true;
    }
}

// Two sides that follow one another item by item spend their time on passing cache lines to and fro, and meet on the
// allocator's lock. So a call whose turn has come after it span stays back for a moment, until its side has a run of them
// to itself. (Temporal slipping: Giacomoni, Moseley and Vachharajani, FastForward, PPoPP 2008.) A push leaves the pops
// at least half the ring to go on with meanwhile. A pop delays an item that somebody waits for, so it stays no longer
// than a few looks, and for the shortest run just looks whether it is there.
void channel_control::blocked_call::slip() noexcept {
    if (channel_.longest_run() < spin_policy::shortest_slip || one_processor() || deadline_ != forever)
        return;
    const std::size_t at_most =
        &side_ == &channel_.push_
            ? static_cast<std::size_t>(std::min<clock::duration>(channel_.spin_limit_, spin_limit) /
                                       time_of_a_look)
            : polls_per_yield;
    const auto last = [this] { return mine_.of_last_->get(); };
    (void)poll([&] { return last() >= mine_.last_ || channel_.closed_.get() || options_.stop_requested(); },
               std::min(1 + 4 * (slip_distance_ - spin_policy::shortest_slip), at_most));
    // Where it is a lap on, others of this side have had the run, which says nothing.
    if (last() <= mine_.last_) run_seen_ = last() == mine_.last_ ? run_seen::whole : run_seen::part;
}

// False once the deadline has passed.
bool channel_control::blocked_call::park() {
    if (!parked_) parked_.emplace(*this);
    if (began_ == clock::time_point{}) began_ = clock::now();
    if (options_.stop_requested()) return true; // asked before the node could be found; the caller looks
    {
        const std::lock_guard lock(channel_.line_lock(other()));
        if (turn_changed_or_closed()) return true;
        other().waiters.add(parked_->node);
        parked_->enlisted = true;
    }
    if (parked_->node.wait(deadline_))
        parked_->was_signalled();
    else
        parked_->unlink();
    return !is_late();
}

// Whoever leaves with a wake-up that it made no use of hands it on.
void channel_control::blocked_call::leave() noexcept {
    if (parked_) {
        if (mine_.lock_) mine_.unlock(); // the order of locks
        parked_->unlink();
        if (mine_.was_woken_) {
            wake_list next;
            const std::lock_guard lock(channel_.line_lock(other()));
            if (!channel_.closed_.get() && turn_changed_or_closed())
                next.take_one(other().waiters); // a close wakes all
        }
        parked_.reset();
    }
    if (!mine_.lock_) mine_.lock();
    if (--side_.inside == 0 && side_.last_out) side_.last_out->signal();
}

channel_control::blocked_call::parked::parked(blocked_call& of) : self(of) {
    // The callback may find the stop requested already and interrupt the node at once. Neither takes a lock of the
    // channel's.
    if (of.options_.token) on_stop.emplace(*of.options_.token, interrupter{&node});
    if (current_worker)
        around = current_worker->set_blocked(
            {of.options_.token ? nullptr : &node, &of.channel_,
             &of.side_ == &of.channel_.push_ ? activity::pushing : activity::popping});
}

channel_control::blocked_call::parked::~parked() {
    // A stop that came meanwhile has not found the call around: it asks for one before it parks again.
    if (current_worker) current_worker->set_blocked(around);
}

void channel_control::blocked_call::parked::was_signalled() noexcept {
    enlisted = false;
    node.rearm();
    self.mine_.was_woken_ = true;
}

void channel_control::blocked_call::parked::unlink() noexcept {
    if (!enlisted) return;
    {
        const std::lock_guard lock(self.channel_.line_lock(self.other()));
        if (node.linked) {
            enlisted = false;
            return self.other().waiters.remove(node);
        }
    }
    node.wait_signalled();
    was_signalled();
}

}}} // namespace inquest::INQUEST_ABI::detail
