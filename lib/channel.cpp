#include "platform.hpp"
#include "spinning.hpp"

#include <inquest/detail/channel_control.hpp>
#include <inquest/hook.hpp>

namespace inquest::inline INQUEST_ABI::detail {

channel_control::channel_control(channel_options options)
    : capacity_(options.capacity), options_(std::move(options)),
      spin_limit_(options_.spin ? std::chrono::microseconds(*options_.spin) : spin_limit) {}

std::size_t channel_control::size() const noexcept {
    const both locks(*this);
    return queued();
}

bool channel_control::is_closed() const noexcept { return closed_.get(); }

std::size_t channel_control::blocked() const noexcept {
    const both locks(*this);
    return push_.waiting.size() + pop_.waiting.size();
}

std::size_t channel_control::inside() const noexcept {
    const both locks(*this);
    return push_.inside + pop_.inside;
}

cause channel_control::known_cause() const {
    const std::lock_guard lock(push_.lock);
    return refusal_cause();
}

// --- closing
// -------------------------------------------------------------------------------------------------

bool channel_control::fill_slot(cause&& why) noexcept {
    if (slot_ || !why) return false;
    slot_ = std::move(why);
    return true;
}

void channel_control::close_locked(status end, wake_list& wakes) noexcept {
    if (phase_ != phase::open) return;
    phase_ = phase::draining;
    closed_.set(true);
    end_ = end;
    wakes.take_all(pop_.waiting);  // pushes that wait for room
    wakes.take_all(push_.waiting); // pops that wait for items
}

void channel_control::stop_delivery(wake_list& wakes) noexcept {
    close_locked(status::truncated, wakes); // where it is still open: later on nobody waits
    phase_ = phase::stopped;
}

bool channel_control::close(closer who) noexcept {
    wake_list wakes;
    const both locks(*this);
    if (phase_ != phase::open) return false;
    close_locked(who == closer::receiver   ? status::closed
                 : who == closer::resolver ? status::truncated
                                           : status::complete,
                 wakes);
    return true;
}

bool channel_control::close_with(cause why) noexcept {
    wake_list wakes;
    const both locks(*this);
    const bool won = fill_slot(std::move(why));
    close_locked(status::truncated, wakes);
    return won;
}

bool channel_control::abort_with(cause why) noexcept {
    bool won = false;
    {
        wake_list wakes;
        const both locks(*this);
        won = fill_slot(std::move(why));
        stop_delivery(wakes);
        if (!discards()) return won;
    }
    discard_items();
    return won;
}

void channel_control::destroy() noexcept {
    if (left_behind()) return;
    {
        wake_list wakes;
        const both locks(*this);
        // A stream that was delivered to its end stays complete for a worker that is just about to ask.
        if (phase_ == phase::open || queued() > 0) {
            if (!slot_) {
                event_->kind = cause_kind::destroyed;
                fill_slot(to_cause(event_));
            }
            stop_delivery(wakes);
        }
    }
    wait_for_calls();
    if (options_.undelivered == undelivered::discard) discard_items();
}

void channel_control::wait_for_calls() noexcept {
    waiter last_push, last_pop;
    {
        const both locks(*this);
        if (push_.inside == 0 && pop_.inside == 0) return;
        if (push_.inside > 0) push_.last_out = &last_push;
        if (pop_.inside > 0) pop_.last_out = &last_pop;
    }
    if (push_.last_out) last_push.wait_signalled();
    if (pop_.last_out) last_pop.wait_signalled();
    const both locks(*this); // whoever was the last has let go of them
    push_.last_out = pop_.last_out = nullptr;
}

// --- ends
// ----------------------------------------------------------------------------------------------------

void channel_control::add_sender() noexcept {
    const both locks(*this);
    ++senders_;
}

void channel_control::add_receiver() noexcept {
    const both locks(*this);
    ++receivers_;
}

void channel_control::finish_sender() noexcept {
    wake_list wakes;
    const both locks(*this);
    finished_ = true;
    if (--senders_ == 0) close_locked(status::complete, wakes);
}

// Says on `into`, which nobody reads yet, who the calling thread is.
void channel_control::drop_end_cause(cause_record& into) const noexcept {
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
    const both locks(*this);
    --senders_;
    if (phase_ != phase::open) return; // it has ended some other way already
    if (last_push || unwinding || (senders_ == 0 && !finished_)) {
        if (current_worker && current_worker->is_published() && current_worker->failed()) {
            fill_slot(current_worker->as_cause());
        } else if (!slot_) {
            event_->kind = cause_kind::abandoned;
            event_->during_unwinding = unwinding;
            drop_end_cause(*event_);
            if (last_push) event_->set_place(*last_push);
            fill_slot(to_cause(event_));
        }
    }
    if (senders_ == 0) close_locked(status::complete, wakes);
}

void channel_control::drop_receiver() noexcept {
    if (left_behind()) return;
    {
        wake_list wakes;
        const both locks(*this);
        if (--receivers_ > 0 || attached_ever_) return;
        if (phase_ == phase::open) {
            const bool worker_over = current_worker && current_worker->is_published();
            if (worker_over && current_worker->failed()) {
                fill_slot(current_worker->as_cause());
            } else if (worker_over) {
                closing_worker_ = current_worker->as_cause();
                left_early_ = true;
            } else {
                dropped_->kind = cause_kind::dropped;
                drop_end_cause(*dropped_);
                closing_worker_ = to_cause(dropped_);
            }
            close_locked(status::closed, wakes);
        }
        if (!discards()) return;
        stop_delivery(wakes);
    }
    discard_items();
}

void channel_control::attach() noexcept {
    const both locks(*this);
    ++attached_;
    attached_ever_ = true;
}

void channel_control::worker_ended(worker_record& record) noexcept {
    {
        wake_list wakes;
        const both locks(*this);
        record.sequence = next_sequence();
        record.published.store(true);
        --attached_;
        if (record.failed()) {
            if (options_.on_failure == on_failure::fail_fast) {
                fill_slot(record.as_cause());
                stop_delivery(wakes);
            } else if (!first_failure_) {
                first_failure_ = record.as_cause();
            }
        }
        if (attached_ == 0) {
            last_worker_ = record.failed() ? cause{} : record.as_cause();
            stopped_ = record.stop_requested();
            fill_slot(std::move(first_failure_));
            if (phase_ == phase::open) {
                left_early_ = !slot_;
                closing_worker_ = record.as_cause();
                close_locked(status::closed, wakes);
            }
            if (discards()) stop_delivery(wakes); // nobody is left to pop
        }
        if (phase_ != phase::stopped || !discards()) return;
    }
    discard_items();
}

void channel_control::tell_of_leftovers() const noexcept {
    if (queued() == 0 || !last_worker_ || told_early_) return;
    try {
        tell_unobserved(unexplained("worker '" + last_worker_.worker() + "' " +
                                        (stopped_ ? "was stopped" : "finished early") + ", " +
                                        std::to_string(queued()) + " undelivered",
                                    last_worker_));
    } catch (...) { // no memory for the text
    }
}

// --- answers
// -------------------------------------------------------------------------------------------------

status channel_control::end_status() const noexcept {
    if (phase_ == phase::stopped) return status::aborted;
    return slot_ ? status::truncated : end_; // an abandoned stream has filled it too
}

push_error channel_control::push_refused(status why, const std::source_location& site,
                                         std::size_t accepted) const {
    if (why == status::full || why == status::timeout) return {why, {}, site, accepted};
    if (current_worker) current_worker->note_refused_push();
    if (why == status::stopped) return {why, {}, site, accepted};
    const std::size_t undelivered = [this] {
        const std::lock_guard lock(pop_.lock);
        return queued();
    }();
    const bool early = left_early_ && !slot_;
    told_early_ = told_early_ || early;
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
        if (current_worker) current_worker->note_end(this, why, {});
        return pop_error(why);
    }
    if (current_worker) current_worker->note_end(this, why, refusal_cause());
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

bool channel_control::waiting::wait() {
    end_ = channel_.phase_ != phase::open ? outcome::over
           : !how_.block                  ? outcome::would_block
                                          : outcome::late;
    if (end_ != outcome::late || late_) return false;
    count();
    if (!waited_) deadline_ = how_.ends();
    waited_ = true;
    if (is_late())
        return late_ = true; // one more try is due in any case; parking for no time costs a time slice
    const bool spins = side_.is_worth_spinning(channel_.spin_limit_);
    run_ = side_.run;
    run_seen_ = run_seen::nothing;
    mine_.unlock();
    began_ = {};
    if (!spins || !spin()) late_ = !park();
    const auto now = began_ == clock::time_point{} ? began_ : clock::now();
    mine_.lock();
    if (run_seen_ != run_seen::nothing) side_.learn_run(run_seen_ == run_seen::whole, channel_.longest_run());
    if (std::exchange(lost_slice_, false)) side_.parks_next = true;
    if (now != clock::time_point{}) side_.take_pace(now, channel_.spin_limit_);
    return true;
}

// False where it is to park: nothing has come, and the limit is over.
bool channel_control::waiting::spin() {
    for (;;) {
        if (look_out([this] { return is_news(); })) {
            stay_back();
            return true;
        }
        if (how_.stop_requested()) return true;
        const auto now = clock::now();
        if (began_ == clock::time_point{}) began_ = now;
        if (deadline_ <= now) return late_ = true; // one more try, and no parking
        if (now - began_ >= channel_.spin_limit_) return false;
        yield();
        if (clock::now() - now > time_slice) lost_slice_ = true;
    }
}

// Two sides that follow one another item by item spend their time on passing cache lines to and fro, and meet on the
// allocator's lock. So a call whose turn has come after it span stays back for a moment, until its side has a run of them
// to itself. (Temporal slipping: Giacomoni, Moseley and Vachharajani, FastForward, PPoPP 2008.) A push leaves the pops
// at least half the ring to go on with meanwhile. A pop delays an item that somebody waits for, so it stays no longer
// than a few looks, and for the shortest run just looks whether it is there.
void channel_control::waiting::stay_back() noexcept {
    if (channel_.longest_run() < shortest_run || one_processor() || deadline_ != forever) return;
    const std::size_t at_most =
        &side_ == &channel_.push_
            ? static_cast<std::size_t>(std::min<clock::duration>(channel_.spin_limit_, spin_limit) /
                                       time_of_a_look)
            : looks;
    const auto last = [this] { return mine_.of_last_->get(); };
    (void)look_out([&] { return last() >= mine_.last_ || channel_.closed_.get() || how_.stop_requested(); },
                   std::min(1 + 4 * (run_ - shortest_run), at_most));
    // Where it is a lap on, others of this side have had the run, which says nothing.
    if (last() <= mine_.last_) run_seen_ = last() == mine_.last_ ? run_seen::whole : run_seen::part;
}

// Twice as long the next time where it came, half as long where it did not; and then it is not tried again at once, or
// every second burst of a few items would be kept waiting for more.
void channel_control::side::learn_run(bool came, std::size_t longest) noexcept {
    if (!came) {
        if (run > shortest_run) run_kept = 64;
        run = std::max(run / 2, shortest_run);
    } else if (run_kept > 0)
        --run_kept;
    else
        run = std::min(2 * run, longest);
}

// Where the next item for one of those that wait can be expected within the limit. Of what goes to and fro between two
// threads that both park, most of the time is the parking's own; so it is tried anew at times.
bool channel_control::side::is_worth_spinning(clock::duration limit) noexcept {
    if (limit == clock::duration::zero() || std::exchange(parks_next, false)) return false;
    if (pace * static_cast<clock::rep>(inside) <= limit) return true;
    if (++unspun < 128) return false;
    unspun = 0;
    pace = limit; // what is seen next decides
    return true;
}

// A moving average over eight such times; each counts as a few limits at most, so that a silence is soon forgotten.
void channel_control::side::take_pace(clock::time_point now, clock::duration limit) noexcept {
    if (now < paced_at) return; // another one has come first with a later look at the clock
    const auto items = static_cast<clock::rep>(std::max<std::uint64_t>(done - paced_done, 1));
    if (paced_at != clock::time_point{}) pace += (std::min((now - paced_at) / items, 4 * limit) - pace) / 8;
    paced_at = now;
    paced_done = done;
}

// False once the deadline has passed.
bool channel_control::waiting::park() {
    if (!parked_) parked_.emplace(*this);
    if (began_ == clock::time_point{}) began_ = clock::now();
    if (how_.stop_requested()) return true; // asked before the node could be found; the caller looks
    {
        const std::lock_guard lock(other().lock);
        if (is_news()) return true;
        other().waiting.add(parked_->node);
        parked_->enlisted = true;
    }
    parked_->node.wait(deadline_);
    parked_->unlink();
    return !is_late();
}

// Whoever leaves with a wake-up that it made no use of hands it on.
void channel_control::waiting::leave() noexcept {
    if (parked_) {
        if (mine_.lock_) mine_.lock_.unlock(); // the order of locks
        parked_->unlink();
        if (mine_.woken_) {
            wake_list next;
            const std::lock_guard lock(other().lock);
            if (channel_.phase_ == phase::open && is_news())
                next.take_one(other().waiting); // a close woke all
        }
        parked_.reset();
    }
    if (!mine_.lock_) mine_.lock();
    if (--side_.inside == 0 && side_.last_out) side_.last_out->signal();
}

channel_control::waiting::parked::parked(waiting& of) : self(of) {
    // The callback may find the stop requested already and interrupt the node at once. Neither takes a lock of the
    // channel's.
    if (of.how_.token) on_stop.emplace(*of.how_.token, interrupter{&node});
    if (current_worker)
        current_worker->set_blocked(
            {of.how_.token ? nullptr : &node, &of.channel_,
             &of.side_ == &of.channel_.push_ ? activity::pushing : activity::popping});
}

channel_control::waiting::parked::~parked() {
    if (current_worker) current_worker->set_blocked({});
}

// Out of the line, or past the signal of whoever took it out.
void channel_control::waiting::parked::unlink() noexcept {
    if (!enlisted) return;
    enlisted = false;
    {
        const std::lock_guard lock(self.other().lock);
        if (node.linked) return self.other().waiting.remove(node);
    }
    node.wait_signalled();
    node.rearm();
    self.mine_.woken_ = true;
}

} // namespace inquest::inline INQUEST_ABI::detail
