#include "platform.hpp"

#include <inquest/detail/channel_control.hpp>
#include <inquest/hook.hpp>

namespace inquest::inline INQUEST_ABI::detail {

channel_control::channel_control(channel_options options)
    : capacity_(options.capacity), options_(std::move(options)) {}

std::size_t channel_control::size() const noexcept {
    const std::lock_guard lock(mutex_);
    return count_;
}

bool channel_control::is_closed() const noexcept {
    const std::lock_guard lock(mutex_);
    return phase_ != phase::open;
}

std::size_t channel_control::blocked() const noexcept {
    const std::lock_guard lock(mutex_);
    return blocked_;
}

cause channel_control::known_cause() const {
    const std::lock_guard lock(mutex_);
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
    end_ = end;
    wakes.take_all(producers_);
    wakes.take_all(consumers_);
}

void channel_control::stop_delivery(wake_list& wakes) noexcept {
    close_locked(status::truncated, wakes); // where it is still open: later on nobody waits
    phase_ = phase::stopped;
}

bool channel_control::close(closer who) noexcept {
    wake_list wakes;
    const std::lock_guard lock(mutex_);
    if (phase_ != phase::open) return false;
    close_locked(who == closer::receiver   ? status::closed
                 : who == closer::resolver ? status::truncated
                                           : status::complete,
                 wakes);
    return true;
}

bool channel_control::close_with(cause why) noexcept {
    wake_list wakes;
    const std::lock_guard lock(mutex_);
    const bool won = fill_slot(std::move(why));
    close_locked(status::truncated, wakes);
    return won;
}

bool channel_control::abort_with(cause why) noexcept {
    bool won = false;
    {
        wake_list wakes;
        const std::lock_guard lock(mutex_);
        won = fill_slot(std::move(why));
        stop_delivery(wakes);
        if (!discards()) return won;
    }
    discard_items();
    return won;
}

void channel_control::destroy() noexcept {
    if (left_behind()) return;
    waiter last_out;
    {
        wake_list wakes;
        const std::lock_guard lock(mutex_);
        // A stream that was delivered to its end stays complete for a worker that is just about to ask.
        if (phase_ == phase::open || count_ > 0) {
            if (!slot_) {
                event_->kind = cause_kind::destroyed;
                fill_slot(to_cause(event_));
            }
            stop_delivery(wakes);
        }
        if (blocked_ > 0) destroyer_ = &last_out;
    }
    if (destroyer_) last_out.wait_signalled();
    if (options_.undelivered == undelivered::discard) discard_items();
}

// --- ends
// ----------------------------------------------------------------------------------------------------

void channel_control::add_sender() noexcept {
    const std::lock_guard lock(mutex_);
    ++senders_;
}

void channel_control::add_receiver() noexcept {
    const std::lock_guard lock(mutex_);
    ++receivers_;
}

void channel_control::finish_sender() noexcept {
    wake_list wakes;
    const std::lock_guard lock(mutex_);
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
    const std::lock_guard lock(mutex_);
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
        const std::lock_guard lock(mutex_);
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
    const std::lock_guard lock(mutex_);
    ++attached_;
    attached_ever_ = true;
}

void channel_control::worker_ended(worker_record& record) noexcept {
    {
        wake_list wakes;
        const std::lock_guard lock(mutex_);
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
    if (count_ == 0 || !last_worker_ || told_early_) return;
    try {
        tell_unobserved(unexplained("worker '" + last_worker_.worker() + "' " +
                                        (stopped_ ? "was stopped" : "finished early") + ", " +
                                        std::to_string(count_) + " undelivered",
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
    const bool early = left_early_ && !slot_;
    told_early_ = told_early_ || early;
    return {why, refusal_cause(), site, accepted, early, count_};
}

push_error channel_control::refusal(const std::source_location& site) const {
    const std::lock_guard lock(mutex_);
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

channel_control::blocked_call::blocked_call(channel_control& channel, wait_line& line,
                                            std::unique_lock<mutex>& lock, const patience& how)
    : channel_(channel), line_(line), lock_(lock), how_(how), deadline_(how.ends()) {
    // The callback may find the stop requested already and interrupt the node at once. Neither takes the
    // channel's lock.
    if (how.token) on_stop_.emplace(*how.token, interrupter{&node_});
    if (current_worker)
        current_worker->set_blocked({how.token ? nullptr : &node_, &channel,
                                     &line == &channel.producers_ ? activity::pushing : activity::popping});
    ++channel_.blocked_;
}

channel_control::blocked_call::~blocked_call() {
    if (!lock_.owns_lock()) lock_.lock(); // unwound out of wait()
    unlink();
    wake_list wakes;
    if (&line_ == &channel_.consumers_ ? channel_.can_pop() : channel_.can_push()) wakes.take_one(line_);
    if (current_worker) current_worker->set_blocked({});
    if (--channel_.blocked_ == 0 && channel_.destroyer_) channel_.destroyer_->signal();
}

bool channel_control::blocked_call::wait(wake_list& wakes) {
    if (how_.stop_requested()) return true; // asked before the node could be found; the caller looks
    if (is_late()) return false;            // parking for no time at all costs a time slice
    line_.add(node_);
    enlisted_ = true;
    lock_.unlock();
    wakes.signal_all(); // of a range that got part of its way: those may be who we wait for
    node_.wait(deadline_);
    lock_.lock();
    unlink();
    return !is_late();
}

// Out of the line, or past the signal of whoever took it out.
void channel_control::blocked_call::unlink() noexcept {
    if (!enlisted_) return;
    enlisted_ = false;
    if (node_.linked) return line_.remove(node_);
    lock_.unlock();
    node_.wait_signalled();
    lock_.lock();
    node_.rearm();
}

bool channel_control::call::wait() {
    end_ = channel_.phase_ != phase::open ? outcome::over
           : !how_.block                  ? outcome::would_block
                                          : outcome::late;
    if (end_ != outcome::late || late_) return false;
    if (!blocked_) {
        keep_ = channel_.shared_from_this();
        blocked_.emplace(channel_, line_, lock_, how_);
    }
    late_ = !blocked_->wait(wakes_); // one more try is due in any case
    return true;
}

} // namespace inquest::inline INQUEST_ABI::detail
