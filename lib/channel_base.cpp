#include "close_callbacks.hpp"
#include "long_wait.hpp"
#include "platform.hpp"

#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/channel_base.hpp>
#include <inquest/hook.hpp>

#include <algorithm>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

void channel_base::complete(channel_options& options, std::size_t slot_size, bool items_have_other_side) {
    if (options.capacity == 0)
        throw std::invalid_argument("inquest: a channel's capacity must be at least 1");
    if (options.capacity > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / slot_size)
        throw std::length_error("inquest: a channel's capacity is too large");
    if (!options.undelivered)
        options.undelivered = items_have_other_side ? undelivered::discard : undelivered::keep;
}

channel_base::channel_base(channel_options&& options, bool brief)
    : capacity_(options.capacity), options_(std::move(options)),
      settings_{options_.spin ? std::chrono::microseconds(*options_.spin) : spin_limit,
                spin_policy::longest_slip(capacity_), options_.name},
      push_(activity::pushing, brief), pop_(activity::popping, brief) {
    closing_note_->kind = cause_kind::closed;
    closing_note_->channel_name = options_.name;
}

channel_base::~channel_base() = default;

std::size_t channel_base::size() const noexcept {
    const both_locks locks(*this);
    return queued();
}

cause channel_base::known_cause() const {
    const std::lock_guard line(push_.line_lock()); // not held while an item is copied
    return state_.why();
}

ledger channel_base::count_items() const noexcept {
    const both_locks locks(*this);
    return {.pushed = push_.ticket,
            .popped = pop_.ticket - recovered_ - discarded_ - dropped_,
            .buffered = queued(),
            .recovered = recovered_,
            .discarded = discarded_,
            .dropped = dropped_};
}

std::optional<pop_error> channel_base::ended() const {
    const std::lock_guard lock(pop_.lock);
    if (state_.is_open() || (!state_.is_stopped() && may_pop_from(turns_[pop_.index]))) return std::nullopt;
    if (current_worker) current_worker->acknowledge(serial_);
    return ending_now();
}

pop_error channel_base::ending_now() const {
    const status ending = state_.ending();
    return pop_error(ending, ending == status::complete ? cause{} : state_.why());
}

// --- waiting
// -------------------------------------------------------------------------------------------------

std::optional<gave_up> channel_base::wait_for_room(blocked_call& call) const {
    for (;;) {
        if (call.stop_requested()) return gave_up::stopped;
        if (may_push_to(turns_[push_.index])) return std::nullopt;
        if (const auto why = call.wait(target(push_, 2 * push_.ticket))) return why;
    }
}

std::optional<gave_up> channel_base::wait_for_item(blocked_call& call) const {
    for (;;) {
        if (call.stop_requested()) return gave_up::stopped;
        if (may_pop_from(turns_[pop_.index])) return std::nullopt;
        if (const auto why = call.wait(target(pop_, 2 * pop_.ticket + 1))) return why;
    }
}

std::expected<void, push_error> channel_base::push_waiting(fill_next fill, void* item, wait_options options,
                                                           std::source_location where) {
    blocked_call call(push_, pop_, state_, options, settings_, std::adopt_lock);
    if (const auto why = wait_for_room(call)) return std::unexpected(push_refused(*why, where, 0));
    turn& filled = turns_[push_.index];
    fill(*this, item); // may throw: nothing has changed yet
    filled.set(2 * push_.ticket + 1);
    call.advance_and_wake(capacity_);
    return {};
}

std::optional<pop_error> channel_base::pop_waiting(empty_next empty, void* item,
                                                   const wait_options& options) {
    blocked_call call(pop_, push_, state_, options, settings_, std::adopt_lock);
    if (const auto why = wait_for_item(call)) return pop_refused(*why);
    turn& emptied = turns_[pop_.index];
    empty(*this, item); // as well
    emptied.set(2 * (pop_.ticket + capacity_));
    call.advance_and_wake(capacity_);
    if (current_worker) current_worker->note_items(serial_, 0, pop_.ticket);
    return std::nullopt;
}

wait_target channel_base::target(const channel_side& its, std::uint64_t wanted) const noexcept {
    const std::size_t distance = its.spinning.slip_distance() - 1;
    const std::size_t last = its.index + distance;
    return {.next = &turns_[its.index],
            .wanted = wanted,
            .slip_to = &turns_[last < capacity_ ? last : last - capacity_],
            .slip_wanted = wanted + 2 * distance};
}

// --- closing
// -------------------------------------------------------------------------------------------------

// A loser is not moved from, and is destroyed outside the lock.
bool channel_base::set_cause(cause&& why) noexcept {
    if (state_.failure() || !why) return false;
    const line_too line(push_);
    return state_.set_cause(std::move(why));
}

void channel_base::close_locked(status ending, close_actions& later, const std::source_location* where,
                                cause by) noexcept {
    if (!state_.is_open()) return;
    if (state_.failure()) { // which says more than who closed
        state_.close(ending, {});
    } else {
        if (!by) {
            name_this_thread(*closing_note_);
            if (where) closing_note_->set_place(*where);
            by = to_cause(closing_note_);
        }
        const line_too line(push_);
        state_.close(ending, std::move(by));
    }
    wake_all(later);
    later.take_all(wait_for_close_);
    if (callbacks_) later.note(callbacks_, ending_now());
}

void channel_base::stop_delivery(close_actions& later) noexcept {
    close_locked(status::truncated, later); // if it is still open: later on nobody waits
    state_.stop();
    if (later.has_closed()) later.note(callbacks_, ending_now());
}

bool channel_base::close(closer who, const std::source_location& where) noexcept {
    close_actions later;
    const both_locks locks(*this);
    if (!state_.is_open()) return false;
    close_locked(who == closer::receiver   ? status::closed
                 : who == closer::resolver ? status::truncated
                                           : status::complete,
                 later, &where);
    return true;
}

bool channel_base::closed_by_this_worker() const noexcept {
    return current_worker && closing_note_->who == current_worker->identity && !state_.failure() &&
           state_.why().kind() == cause_kind::closed;
}

bool channel_base::close_with(cause why) noexcept {
    close_actions later;
    const both_locks locks(*this);
    const bool won = set_cause(std::move(why));
    close_locked(status::truncated, later);
    return won;
}

void channel_base::interrupt() noexcept {
    wake_list later;
    const both_locks locks(*this);
    if (!state_.is_open()) return; // nobody waits
    state_.interrupt();
    wake_all(later);
}

void channel_base::wake_all(wake_list& later) noexcept {
    pop_.wake_all(later);  // pushes that wait for room
    push_.wake_all(later); // pops that wait for items
}

bool channel_base::wait_closed(const wait_options& options) {
    const auto alive = shared_from_this(); // a channel that is destroyed closes, and does not wait for this
    waiter node;
    {
        const both_locks locks(*this);
        if (!state_.is_open()) return true;
        wait_for_close_.add(node);
    }
    struct leaving {
        channel_base& self;
        waiter& node;
        ~leaving() {
            {
                const both_locks locks(self);
                if (node.linked) {
                    self.wait_for_close_.remove(node);
                    return;
                }
            }
            node.wait_signalled();
        }
    } const at_end{*this, node};
    struct interrupter {
        waiter* node;
        void operator()() const noexcept { node->interrupt(); }
    };
    std::optional<stop_callback<interrupter>> on_stop;
    if (options.token) on_stop.emplace(*options.token, interrupter{&node});
    struct blocked_worker {
        worker_record* const its = current_worker;
        worker_record::blocked_at around{};
        explicit blocked_worker(waiter* where) {
            if (its) around = its->set_blocked({where, nullptr, activity::running});
        }
        ~blocked_worker() {
            if (its) (void)its->set_blocked(around);
        }
        blocked_worker(const blocked_worker&) = delete;
        blocked_worker& operator=(const blocked_worker&) = delete;
    } const blocked(options.token ? nullptr : &node);
    const any_deadline& until = options.deadline;
    for (auto deadline = until.now_at();; deadline = until.may_be_set() ? until.now_at() : deadline) {
        if (is_closed()) return true;
        if (stop_requested(options) || (deadline != forever && clock::now() >= deadline)) return false;
        (void)node.wait(until.may_be_set() ? until.next_look() : deadline);
    }
}

bool channel_base::abort_with(cause why) noexcept {
    bool won = false;
    {
        close_actions later;
        const both_locks locks(*this);
        won = set_cause(std::move(why));
        stop_delivery(later);
        if (!discards()) return won;
    }
    discard_items();
    return won;
}

channel_base::recovery_guard::recovery_guard(channel_base& owner, std::uint64_t& into) noexcept
    : self(owner), counted_in(into) {
    close_actions later;
    const both_locks locks(self);
    // A stream that was delivered to its end stays complete.
    if (self.state_.is_open() || self.queued() > 0) self.stop_delivery(later);
    began = first = self.pop_.ticket;
    last = self.push_.ticket;
    self.pop_.ticket = last;
}

channel_base::recovery_guard::~recovery_guard() {
    const both_locks locks(self);
    counted_in += first - began;
    if (first != last) self.pop_.ticket = first;
}

void channel_base::destroy() noexcept {
    if (left_behind()) return;
    wait_for_workers();
    {
        close_actions later;
        const both_locks locks(*this);
        // A stream that was delivered to its end stays complete for a worker that is just about to ask.
        if (state_.is_open() || queued() > 0) {
            if (!state_.failure()) {
                event_->kind = cause_kind::destroyed;
                event_->recorded = clock::now();
                set_cause(to_cause(event_));
            }
            stop_delivery(later);
        }
    }
    wait_for_calls();
    if (discards_undelivered()) discard_items();
}

// What was finished is delivered. A worker of this channel that destroys it can't wait for itself.
void channel_base::wait_for_workers() noexcept {
    waiter last;
    {
        const both_locks locks(*this);
        if (state_.is_open() || state_.is_stopped() ||
            std::ranges::none_of(state_.workers(), &worker_record::drains))
            return;
        if (current_worker && current_worker->is_inside(serial_)) return;
        last_worker_out_ = &last;
    }
    wait_however_long([&](auto deadline) { return last.wait(deadline); },
                      [this](auto waited) { return glance_at_workers(waited, known_cause()); });
    const both_locks locks(*this); // whoever signalled has released them, and the node
}

void channel_base::wait_for_calls() noexcept {
    waiter last_push, last_pop;
    {
        const both_locks locks(*this);
        if (push_.inside == 0 && pop_.inside == 0) return;
        if (push_.inside > 0) push_.last_out = &last_push;
        if (pop_.inside > 0) pop_.last_out = &last_pop;
    }
    if (push_.last_out) last_push.wait_signalled();
    if (pop_.last_out) last_pop.wait_signalled();
    const both_locks locks(*this); // whoever was the last has released them
    push_.last_out = pop_.last_out = nullptr;
}

// --- callbacks

void close_actions::finish() noexcept {
    signal_all();
    if (const auto list = std::exchange(list_, nullptr)) list->run(*ending_);
}

std::shared_ptr<close_callbacks> channel_base::on_close(const std::shared_ptr<close_function>& fn) {
    auto fresh = std::make_shared<close_callbacks>();
    std::optional<pop_error> ending;
    {
        const both_locks locks(*this);
        if (state_.is_open()) {
            if (!callbacks_) callbacks_ = std::move(fresh);
            callbacks_->add(fn);
            return callbacks_;
        }
        ending = ending_now();
    }
    fn->call(*ending);
    return nullptr;
}

close_callback call_on_close(const shared_channel& channel, std::function<void(const pop_error&)> fn) {
    auto its = std::make_shared<close_function>(std::move(fn));
    if (!channel) {
        its->call(pop_error(status::closed));
        return {nullptr, nullptr};
    }
    auto list = channel->on_close(its);
    return {std::move(list), std::move(its)};
}

// --- ends
// ----------------------------------------------------------------------------------------------------

shown_sender* channel_base::add_sender() noexcept {
    const both_locks locks(*this);
    state_.add_sender();
    return shown_.add();
}

void channel_base::add_receiver() noexcept {
    const both_locks locks(*this);
    state_.add_receiver();
}

void channel_base::finish_sender(const std::source_location& where) noexcept {
    close_actions later;
    const both_locks locks(*this);
    if (state_.finish_sender()) close_locked(status::complete, later, &where);
}

// Says on `into`, which nobody reads yet, who the calling thread is, and when it does that.
void channel_base::name_this_thread(cause_record& into) noexcept {
    if (current_worker) {
        current_worker->identity->freeze(); // a recorded cause never changes
        into.who = current_worker->identity;
    }
    into.thread = platform::this_thread_number();
    into.recorded = clock::now();
}

void channel_base::drop_sender(bool finished, bool unwinding,
                               const std::source_location* last_push) noexcept {
    if (finished || left_behind()) return;
    close_actions later;
    const both_locks locks(*this);
    state_.drop_sender();
    if (!state_.is_open()) return; // it has ended some other way already
    if (last_push || unwinding || (!state_.has_senders() && !state_.has_finished())) {
        if (current_worker && current_worker->is_published() && current_worker->failed())
            set_cause(current_worker->root());
        else if (auto* const event = abandoned_event(last_push)) {
            event->during_unwinding = unwinding;
            set_cause(to_cause(event_));
        }
    }
    close_after_last_sender(later);
}

void channel_base::end_output(const worker_record& record, const std::source_location* last_push) noexcept {
    close_actions later;
    const both_locks locks(*this);
    if (record.has_completed) {
        if (state_.finish_sender()) close_locked(status::complete, later, last_push);
        return;
    }
    state_.drop_sender();
    if (!state_.is_open()) return;
    if (auto root = record.root())
        set_cause(std::move(root));
    else if (auto* const event = abandoned_event(last_push)) {
        event->by_stop = record.stop_requested();
        set_cause(to_cause(event_));
    }
    close_after_last_sender(later);
}

// With both locks held.
void channel_base::close_after_last_sender(close_actions& later) noexcept {
    if (!state_.has_senders()) close_locked(status::complete, later);
}

cause_record* channel_base::abandoned_event(const std::source_location* last_push) noexcept {
    if (state_.failure()) return nullptr;
    event_->kind = cause_kind::abandoned;
    name_this_thread(*event_);
    if (last_push) event_->set_place(*last_push);
    return event_.get();
}

void channel_base::drop_receiver() noexcept {
    if (left_behind()) return;
    {
        close_actions later;
        const both_locks locks(*this);
        if (!state_.drop_receiver()) return;
        if (state_.is_open()) {
            const bool worker_over = current_worker && current_worker->is_published();
            if (worker_over && current_worker->failed()) {
                set_cause(current_worker->root());
                close_locked(status::closed, later);
            } else if (worker_over) {
                state_.leave_early();
                close_locked(status::closed, later, nullptr, current_worker->as_cause());
            } else {
                closing_note_->kind = cause_kind::dropped;
                close_locked(status::closed, later);
            }
        }
        if (!discards()) return;
        stop_delivery(later);
    }
    discard_items();
}

void end_sender(shared_channel&& of, last_push& its_last, int unwinding_at_birth) noexcept {
    const uncancelled guard;
    const shared_channel channel(std::move(of));
    const std::source_location place = its_last.place();
    // First: a function of `on_close`, or an item that is destroyed with the channel, may still push through this.
    const bool unfinished = its_last.leave();
    channel->drop_sender(!unfinished, std::uncaught_exceptions() > unwinding_at_birth,
                         same_place(place, last_push::none()) ? nullptr : &place);
}

void end_output(shared_channel&& of, last_push& its_last, const worker_record& record) noexcept {
    const shared_channel channel(std::move(of));
    const std::source_location place = its_last.place();
    if (its_last.leave())
        channel->end_output(record, same_place(place, last_push::none()) ? nullptr : &place);
}

std::expected<void, push_error> refused_push(const shared_channel& channel,
                                             const std::source_location& where) {
    return std::unexpected(channel ? channel->refusal(where) : push_error(status::closed, {}, where));
}

void refuse_moved_from(bool receiver) {
    throw std::invalid_argument(
        receiver ? "inquest: a worker is given a receiver of no channel, moved from or never assigned"
                 : "inquest: a worker is given a sender of no channel, moved from or never assigned");
}

// `unasked`: it was told in a loop that the stream broke off, and nobody asked why.
void end_receiver(shared_channel&& of, bool unasked) noexcept {
    const uncancelled guard;
    const shared_channel channel(std::move(of));
    channel->drop_receiver();
    if (unasked && !channel->left_behind()) report_if_nobodys(channel->known_cause());
}

void channel_base::attach(worker_record& record) {
    const both_locks locks(*this);
    state_.attach(record);
}

void channel_base::announce_workers(std::size_t n) noexcept {
    const both_locks locks(*this);
    state_.announce(n);
}

void channel_base::renounce_workers(std::size_t n) noexcept {
    if (left_behind()) return;
    const uncancelled guard;
    {
        close_actions later;
        const both_locks locks(*this);
        if (!state_.renounce(n)) return;
        all_workers_ended(later);
    }
    discard_if_stopped();
}

std::vector<still_running> channel_base::glance_at_workers(clock::duration waited, const cause& known) const {
    std::vector<std::shared_ptr<const worker_record>> all;
    {
        const both_locks locks(*this);
        for (const auto* one : state_.workers()) all.push_back(one->shared_from_this());
    }
    std::vector<still_running> seen;
    for (const auto& one : all) seen.push_back(one->glance(waited, known));
    return seen;
}

bool channel_base::detach(worker_record& record, cause& last, close_actions& later) noexcept {
    state_.detach(record, last);
    if (record.failed()) {
        if (options_.on_failure == on_failure::fail_fast) {
            set_cause(record.root());
            stop_delivery(later);
            leftovers_known_ = true; // with the failure
        } else {
            state_.keep_failure(record.root());
        }
    }
    state_.note_stop(record.stop_requested());
    if (state_.have_all_ended()) all_workers_ended(later, record.refused_by);
    const bool discards_now = state_.is_stopped() && discards();
    if (!discards_now) signal_last_worker_out(); // a producer may want the locks at this moment
    return discards_now;
}

void channel_base::discard_detached() noexcept {
    discard_items();
    const both_locks locks(*this);
    signal_last_worker_out();
}

// With both locks held.
void channel_base::signal_last_worker_out() noexcept {
    if (state_.workers().empty() && last_worker_out_) std::exchange(last_worker_out_, nullptr)->signal();
}

void channel_base::discard_if_stopped() noexcept {
    {
        const both_locks locks(*this);
        if (!state_.is_stopped() || !discards()) return;
    }
    discard_items();
}

// With both locks held.
void channel_base::all_workers_ended(close_actions& later, const cause& behind) noexcept {
    set_cause(cause(state_.kept_failure()));
    if (state_.is_open()) {
        if (set_cause(cause(behind)))
            leftovers_known_ = true;
        else
            state_.leave_early();
        close_locked(status::closed, later, nullptr, state_.last_worker());
    }
    if (discards()) stop_delivery(later); // nobody is left to pop
}

void channel_base::report_leftovers() const noexcept {
    const cause& last = state_.last_worker();
    if (queued() == 0 || !last || last.kind() != cause_kind::finished || leftovers_known_) return;
    try {
        report_unobserved(unexplained("worker '" + last.worker() + "' " +
                                          (state_.last_was_stopped() ? "was stopped" : "finished early") +
                                          ", " + std::to_string(queued()) + " undelivered",
                                      last));
    } catch (...) { // no memory for the text
    }
}

// --- results
// -------------------------------------------------------------------------------------------------

push_error channel_base::push_refused(gave_up why, const std::source_location& where,
                                      std::size_t accepted) const {
    if (why == gave_up::would_block) return {status::full, {}, where, accepted, false, 0, weak_from_this()};
    if (why == gave_up::timed_out) return {status::timeout, {}, where, accepted, false, 0, weak_from_this()};
    if (why == gave_up::interrupted) return {status::interrupted, {}, where, accepted};
    if (current_worker && (why == gave_up::stopped || !closed_by_this_worker()))
        current_worker->note_refused_push(serial_, why == gave_up::stopped ? cause{} : state_.failure());
    if (why == gave_up::stopped) return {status::stopped, {}, where, accepted};
    const std::size_t undelivered = [this] {
        const std::lock_guard lock(pop_.lock);
        return queued();
    }();
    const bool early = state_.was_left_early();
    if (early) leftovers_known_ = true;
    return {status::closed, state_.why(), where, accepted, early, undelivered};
}

pop_error channel_base::pop_refused(gave_up why) const {
    if (why == gave_up::would_block) return pop_error(status::empty);
    if (why == gave_up::timed_out) return pop_error(status::timeout);
    if (why == gave_up::interrupted) {
        if (current_worker) current_worker->note_interrupt(serial_);
        return pop_error(status::interrupted);
    }
    const status ending = why == gave_up::stopped ? status::stopped : state_.ending();
    if (ending == status::stopped || ending == status::complete) {
        if (current_worker) current_worker->note_ending(serial_, ending, {});
        return pop_error(ending);
    }
    if (current_worker)
        current_worker->note_ending(
            serial_, ending == status::closed && closed_by_this_worker() ? status::complete : ending,
            state_.why());
    return pop_error(ending, state_.why());
}

push_error channel_base::refusal(const std::source_location& where) const {
    const std::lock_guard lock(push_.lock);
    return push_refused(gave_up::ended, where, 0);
}

// --- shares
// -------------------------------------------------------------------------------------------------

shared_channel::shared_channel(channel_base* fresh) : channel_(fresh) {}
shared_channel::shared_channel(const shared_channel& other) noexcept = default;
shared_channel& shared_channel::operator=(const shared_channel& other) noexcept = default;
shared_channel& shared_channel::operator=(shared_channel&& other) noexcept = default;
shared_channel::~shared_channel() = default;
void shared_channel::reset() noexcept { channel_.reset(); }

}}} // namespace inquest::INQUEST_ABI::detail
