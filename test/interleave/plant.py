#!/usr/bin/env python3
"""Copies the library's sources with faults planted in them, each to be switched on at run time.

usage: plant.py SOURCE_ROOT OUTPUT_DIR

The copies are for the explorer's build alone: the library itself knows nothing of them. They have no comments. Each fault
replaces a text that must then stand in its file exactly once, so a change of the library that a fault no longer fits fails
the build.
OUTPUT_DIR/breakages.hpp is the table of all of them, OUTPUT_DIR/planted holds include/ and lib/, and each source of
lib/ has a planted_NAME.cpp that includes its copy.
"""

import pathlib
import re
import shutil
import sys

BASE = "lib/channel_base.cpp"
SIDE = "include/inquest/detail/channel_side.hpp"
CALL_TYPE = "include/inquest/detail/blocked_call.hpp"
CALL = "lib/blocked_call.cpp"
RING = "include/inquest/detail/ring.hpp"
WAIT_LIST = "lib/wait_list.cpp"
LATCH = "lib/latch.cpp"
PUSHES = "lib/last_push.cpp"
WORKER = "lib/worker_record.cpp"
RECORD = "include/inquest/detail/worker_record.hpp"
THREAD = "lib/worker_thread.cpp"
INPUTS = "lib/worker_inputs.cpp"
MAIN = "lib/worker_main.cpp"
CALLBACKS = "lib/close_callbacks.cpp"
RESOLVE = "lib/resolve.cpp"
LEASES = "include/inquest/detail/leases.hpp"

# Each: name, kind, the program that catches it, how many preemptions it needs, within how many schedules it is found,
# how its report begins; then the file, and in pairs a piece of its text and the replacement, in which BROKEN is true
# while the fault is switched on.
BREAKAGES = [
    ("push_wakes_nobody", "lost wake-up", "one_each", 0, 1, "lost wake-up", SIDE,
     "    wakes.take_one(waiters);",
     "    if (!BROKEN || what != activity::pushing) wakes.take_one(waiters);"),
    ("pop_wakes_nobody", "lost wake-up", "one_each", 0, 1, "lost wake-up", SIDE,
     "wakes.take_one(waiters);",
     "if (!BROKEN || what != activity::popping) wakes.take_one(waiters);"),
    ("push_wakes_a_producer", "wrong side woken", "one_each", 0, 1, "lost wake-up", CALL_TYPE,
     "side_.wake_one(wakes_);",
     "(BROKEN && side_.what == activity::pushing ? other_ : side_).wake_one(wakes_);"),
    ("close_forgets_producers", "lost wake-up", "channel_goes", 0, 1, "lost wake-up", BASE,
     "    pop_.wake_all(later);",
     "    if (!BROKEN) pop_.wake_all(later);"),
    ("close_wakes_one_consumer", "lost wake-up", "channel_goes_under_a_pop", 0, 1, "lost wake-up", BASE,
     "    push_.wake_all(later);",
     "    if (BROKEN) push_.wake_one(later);\n"
     "    else push_.wake_all(later);"),
    ("last_sender_closes_nothing", "lost wake-up", "last_sender_goes", 0, 1, "deadlock", BASE,
     "    if (!state_.has_senders()) close_locked(status::complete, later);\n}",
     "    if (!state_.has_senders() && !BROKEN) close_locked(status::complete, later);\n}"),
    ("range_parks_with_wakeups", "wake-up not handed on", "range_meets_range", 0, 1, "lost wake-up", CALL_TYPE,
     "        wakes_.signal_all();\n",
     "        if (!BROKEN) wakes_.signal_all();\n"),
    ("range_keeps_its_first", "lost wake-up", "ranges", 0, 1, "lost wake-up", RING,
     "~handing_on() { turn.set(filled); }",
     "~handing_on() { if (!BROKEN) turn.set(filled); }"),
    ("range_not_counted", "touch after release", "channel_goes_under_a_range", 1, 44, "touches what is gone", CALL_TYPE,
     "        count();\n        unlock();",
     "        if (!BROKEN) count();\n        unlock();"),
    ("at_once_and_wakes_nobody", "lost wake-up", "one_each", 0, 1, "lost wake-up", SIDE,
     "            if (!side_.waiters.empty()) to_wake_",
     "            if (!BROKEN && !side_.waiters.empty()) to_wake_"),
    ("promised_too_late", "lost wake-up", "future_while_it_ends", 1, 13, "a future that nobody", WORKER,
     "        if (!too_late_to_promise_) {",
     "        if (BROKEN || !too_late_to_promise_) {"),
    ("stop_announced_late", "lost wake-up", "stop_a_worker", 1, 12, "deadlock", RECORD,
     "        announce_stop();\n        return its.request_stop();",
     "        if (!BROKEN) announce_stop();\n        const bool first = its.request_stop();\n"
     "        announce_stop();\n        return first;"),
    ("leaving_keeps_the_wakeup", "wake-up not handed on", "stop_and_delivery", 1, 173, "lost wake-up", CALL,
     "        if (was_woken_) {",
     "        if (was_woken_ && !BROKEN) {"),
    ("leaving_ignores_its_signal", "touch after release", "timeout_and_delivery", 1, 14, "touches what is gone", CALL,
     "    node.wait_signalled();\n"
     "    was_signalled();",
     "    if (BROKEN) return node.rearm();\n"
     "    node.wait_signalled();\n"
     "    was_signalled();"),
    ("signalled_keeps_the_wakeup", "wake-up not handed on", "stop_and_delivery", 1, 173, "lost wake-up", CALL,
     "    self.was_woken_ = true;",
     "    self.was_woken_ = !BROKEN;"),
    ("heavy_waiters_read_early", "read outside the lock", "heavy_one_each", 1, 22, "lost wake-up", SIDE,
     "            const std::lock_guard line(side_.own_line_lock);",
     "            if (BROKEN && quiet_) return;\n"
     "            const std::lock_guard line(side_.own_line_lock);",
     "    bool held_ = true;",
     "    const bool quiet_ = side_.waiters.empty();\n"
     "    bool held_ = true;"),
    ("heavy_waiters_unlocked", "state changed outside the lock", "heavy_one_each", 1, 7, "lost wake-up", CALL,
     "        const std::lock_guard line(other_.line_lock());\n"
     "        if (has_come_or_news()) return true;\n",
     "        const std::lock_guard line((BROKEN && !side_.brief ? side_ : other_).line_lock());\n"
     "        if (has_come_or_news()) return true;\n"),
    ("heavy_close_forgets_producers", "lost wake-up", "heavy_close", 1, 77, "lost wake-up", SIDE,
     "    wakes.take_all(waiters);",
     "    if (!BROKEN || brief) wakes.take_all(waiters);"),
    ("outer_call_forgotten", "lost wake-up", "nested_stop", 0, 1, "deadlock", CALL,
     "current_worker->set_blocked(around);",
     "current_worker->set_blocked(BROKEN ? worker_record::blocked_at{} : around);"),
    ("drained_not_waited_for", "delivery not ended", "channel_goes_while_drained", 0, 1, "not complete", BASE,
     "    wait_for_workers();\n",
     "    if (!BROKEN) wait_for_workers();\n"),
    ("drainer_not_signalled", "lost wake-up", "channel_goes_while_drained", 0, 1, "deadlock", BASE,
     "    if (state_.workers().empty() && last_worker_out_) std",
     "    if (state_.workers().empty() && last_worker_out_ && !BROKEN) std"),
    ("always_stopped", "delivery not ended", "worker_goes", 0, 1, "stopped though", THREAD,
     "const bool drains = record_->drains &&",
     "const bool drains = record_->drains && !BROKEN &&"),
    ("announced_in_vain", "delivery not ended", "announced", 1, 248, "it closed before", BASE,
     "    if (state_.have_all_ended()) all_workers",
     "    if (state_.have_all_ended() || (BROKEN && state_.workers().empty())) all_workers"),
    ("renounced_in_vain", "delivery not ended", "announced", 1, 240, "all have ended", BASE,
     "        all_workers_ended(later);\n    }\n    discard_if",
     "        if (!BROKEN) all_workers_ended(later);\n    }\n    discard_if"),

    ("signal_outside_the_mutex", "touch after release", "timeout_and_delivery", 1, 15, "touches what is gone", WAIT_LIST,
     "    const std::lock_guard lock(mutex_);\n    signalled_ = true;\n",
     "    std::unique_lock lock(mutex_);\n    signalled_ = true;\n    if (BROKEN) lock.unlock();\n"),
    ("next_read_after_signal", "touch after release", "range_wakes_two", 1, 1000, "", WAIT_LIST,
     "        head_ = w->next;\n",
     "        if (BROKEN) {\n            w->signal();\n            head_ = w->next;\n            continue;\n        }\n"
     "        head_ = w->next;\n"),
    ("channel_goes_at_once", "touch after release", "channel_goes", 0, 1, "touches what is gone", BASE,
     "    if (push_.last_out) last",
     "    if (BROKEN) return;\n"
     "    if (push_.last_out) last"),
    ("end_goes_at_once", "touch after release", "end_goes_under_a_pop", 0, 1, "touches what is gone", RING,
     "        wait_for_calls();\n",
     "        if (!BROKEN) wait_for_calls();\n"),
    ("spurious_is_a_signal", "spurious wake-up believed", "channel_goes", 2, 56, "touches what is gone", WAIT_LIST,
     "    const uncancelled guard;\n    std::unique_lock lock(mutex_);\n",
     "    const uncancelled guard;\n    std::unique_lock lock(mutex_);\n"
     "    if (BROKEN && !signalled_) return wake_.wait(lock);\n"),
    ("spurious_ends_a_wait", "spurious wake-up believed", "parker_goes", 1, 66, "for ever is no time", WAIT_LIST,
     "    if (deadline == forever)\n",
     "    if (BROKEN && deadline == forever && !over())\n        wake_.wait(lock);\n"
     "    else if (deadline == forever)\n"),
    ("node_used_unlocked", "touch after release", "stop_a_busy_worker", 2, 4809, "touches what is gone", WORKER,
     "    const std::lock_guard lock(mutex_);\n    if (blocked_.node) blocked_",
     "    std::unique_lock lock(mutex_);\n    if (BROKEN && blocked_.node) {\n        waiter* const node = blocked_.node;\n"
     "        lock.unlock();\n        return node->interrupt();\n    }\n    if (blocked_.node) blocked_"),
    ("signal_without_the_mutex", "state changed outside the lock", "one_each", 1, 5, "lost wake-up", WAIT_LIST,
     "void waiter::signal() noexcept {\n",
     "void waiter::signal() noexcept {\n    if (BROKEN) {\n        signalled_ = true;\n"
     "        return wake_.notify_one();\n    }\n"),
    ("interrupt_without_the_mutex", "state changed outside the lock", "stop_a_worker", 2, 396, "deadlock", WAIT_LIST,
     "void waiter::interrupt() noexcept {\n",
     "void waiter::interrupt() noexcept {\n    if (BROKEN) {\n        interrupted_ = true;\n"
     "        return wake_.notify_one();\n    }\n"),
    ("callback_outlives_its_node", "touch after release", "stop_and_delivery", 2, 310, "destroys a mutex that is locked", CALL_TYPE,
     "        waiter node;\n",
     "        std::optional<stop_callback<interrupter>> late;\n"
     "        waiter node;\n",
     "        std::optional<stop_callback<interrupter>> on_stop;\n",
     "        std::optional<stop_callback<interrupter>> early;\n"
     "        std::optional<stop_callback<interrupter>>& on_stop = BROKEN ? late : early;\n"),
    ("no_rearm", "livelock", "two_and_two", 0, 4, "livelock", WAIT_LIST,
     "    const std::lock_guard lock(mutex_);\n    signalled_ = false;",
     "    const std::lock_guard lock(mutex_);\n    signalled_ = signalled_ && BROKEN;"),
    ("no_look_after_timeout", "re-check skipped", "timeout_and_delivery", 0, 4, "it was there in time", CALL,
     "settings_.spin_limit);\n"
     "    return std::nullopt;",
     "settings_.spin_limit);\n"
     "    if (BROKEN && late_) return gave_up::timed_out;\n"
     "    return std::nullopt;"),
    ("time_before_close", "re-check skipped", "timeout_and_close", 1, 32, "it was closed in time", CALL,
     "    if (!state_.is_open()) return gave_up::ended;",
     "    if (!state_.is_open() && !(BROKEN && late_)) return gave_up::ended;"),
    ("no_look_at_the_stop", "re-check skipped", "stop_a_worker", 2, 401, "deadlock", CALL,
     "    if (stop_requested()) return true;\n    {\n",
     "    if (!BROKEN && stop_requested()) return true;\n    {\n"),
    ("woken_before_closed", "state changed outside the lock", "close_and_pops", 2, 262, "lost wake-up", BASE,
     "bool channel_base::close(closer who, const std::source_location& where) noexcept {\n",
     "bool channel_base::close(closer who, const std::source_location& where) noexcept {\n"
     "    if (BROKEN) {\n"
     "        {\n            close_actions early;\n            const both_locks locks(*this);\n"
     "            pop_.wake_all(early);\n            push_.wake_all(early);\n        }\n"
     "        state_.close(status::complete, {});\n        return true;\n    }\n"),
    ("waiters_read_early", "read outside the lock", "one_each", 0, 1, "lost wake-up", CALL_TYPE,
     "    bool was_woken_ = false;\n",
     "    bool alone_ = BROKEN && side_.waiters.empty();\n"
     "    bool was_woken_ = false;\n",
     "        was_woken_ = false;\n",
     "        was_woken_ = false;\n"
     "        if (alone_) return;\n"),
    ("turn_read_early", "read outside the lock", "one_each", 1, 7, "lost wake-up", CALL,
     "    if (!parked_) parked_.emplace(*this);\n",
     "    if (!parked_) parked_.emplace(*this);\n"
     "    const bool early = BROKEN;\n"
     "    if (early && has_come_or_news()) return true;\n",
     "        if (has_come_or_news()) return true;\n"
     "        other_",
     "        if (!early && has_come_or_news()) return true;\n"
     "        other_"),
    ("interrupt_wakes_nobody", "lost wake-up", "interrupt_all", 0, 1, "deadlock", BASE,
     "    wake_all(later);\n}",
     "    if (!BROKEN) wake_all(later);\n}"),
    ("interrupt_not_looked_at", "livelock", "interrupt_all", 0, 1, "livelock", CALL,
     "    if (waited_ && interrupts_ != state_.interrupts()) return gave_up::interrupted;",
     "    if (!BROKEN && waited_ && interrupts_ != state_.interrupts()) return gave_up::interrupted;"),
    ("dropped_twice", "read outside the lock", "overrun", 1, 4, "item", RING,
     "            if (!may_push_to(next.turn)) {\n                dropped->",
     "            if (BROKEN || !may_push_to(next.turn)) {\n                dropped->"),
    ("close_forgets_waiting", "touch after release", "wait_for_the_close", 2, 915, "touches", BASE,
     "            node.wait_signalled();\n",
     "            if (!BROKEN) node.wait_signalled();\n"),
    ("close_wakes_none_that_wait_for_it", "lost wake-up", "wait_for_the_close", 1, 97, "deadlock", BASE,
     "    later.take_all(wait_for_close_);",
     "    if (!BROKEN) later.take_all(wait_for_close_);"),
    ("closed_not_read", "read outside the lock", "close_and_pops", 1, 42, "lost wake-up", CALL_TYPE,
     "return target_.has_come() || state_.has_news_since(interrupts_);",
     "return target_.has_come() || (state_.has_news_since(interrupts_) && !BROKEN);"),
    ("first_look_remembered", "livelock", "two_and_two", 0, 4, "livelock", CALL,
     "    target_ = target;\n",
     "    if (!BROKEN || !target_.next) target_ = target;\n"),
    ("turn_before_the_item", "item lost or doubled", "slow_parcels", 1, 42, "lost wake-up", RING,
     " put(slot& into, U& item, auto& mine) {\n",
     " put(slot& into, U& item, auto& mine) {\n"
     "        if (BROKEN) into.turn.set(2 * push_.ticket + 1);\n"),
    ("turn_before_the_item_is_out", "item lost or doubled", "slow_parcels", 2, 714, "lost wake-up", RING,
     " take(slot& from, auto& mine, auto&& note) {\n",
     " take(slot& from, auto& mine, auto&& note) {\n"
     "        if (BROKEN) from.turn.set(2 * (pop_.ticket + capacity_));\n"),
    ("turn_before_the_item_of_a_call_that_waits", "item lost or doubled", "slow_parcels", 2, 67, "an item that nobody made", BASE,
     "    fill(*this, item);",
     "    if (BROKEN) filled.set(2 * push_.ticket + 1);\n    fill(*this, item);"),
    ("turn_before_the_item_is_out_to_one_that_waits", "item lost or doubled", "slow_parcels", 2, 206, "lost wake-up", BASE,
     "    empty(*this, item);\n",
     "    if (BROKEN) emptied.set(2 * (pop_.ticket + capacity_));\n    empty(*this, item);\n"),
    ("latch_read_early", "read outside the lock", "latch_and_timeout", 1, 24, "deadlock", LATCH,
     "    waiter node;\n    {\n        const std::lock_guard lock(mutex_);\n        if (open_.load()) return true;",
     "    waiter node;\n    const bool early = BROKEN;\n    if (early && open_.load()) return true;\n    {\n"
     "        const std::lock_guard lock(mutex_);\n        if (!early && open_.load()) return true;"),
    ("slips_for_ever", "livelock", "channel_goes_under_a_slip", 1, 44, "livelock", CALL,
     "std::min(1 + polls_per_slot * (slip_distance_ - spin_policy::shortest_slip), at_most));",
     "BROKEN ? std::numeric_limits<std::size_t>::max() : std::min(1 + polls_per_slot * (slip_distance_ - spin_policy::shortest_slip), at_most));"),
    ("slips_uncounted", "touch after release", "channel_goes_under_a_slip", 2, 731, "touches what is gone", CALL,
     "            slip();\n",
     "            if (BROKEN) {\n"
     "                const std::lock_guard lock(side_.lock);\n"
     "                if (--side_.inside == 0 && side_.last_out) side_.last_out->signal();\n"
     "            }\n"
     "            slip();\n"
     "            if (BROKEN) {\n"
     "                const std::lock_guard lock(side_.lock);\n"
     "                ++side_.inside;\n"
     "            }\n"),
    ("destroy_ends_nothing", "delivery not ended", "channel_goes_under_a_pop", 0, 1, "deadlock", BASE,
     "            stop_delivery(later);\n"
     "        }\n"
     "    }\n"
     "    wait",
     "            if (!BROKEN) stop_delivery(later);\n"
     "        }\n"
     "    }\n"
     "    wait"),
    ("recovered_twice", "item lost or doubled", "recover_and_push", 0, 3, "item 2 is there twice", BASE,
     "    self.pop_.ticket = last;",
     "    if (!BROKEN) self.pop_.ticket = last;"),
    ("closed_before_the_cause", "outcome out of order", "outcome_before_close", 1, 39, "closed before the cause was there", INPUTS,
     "    if (!inputs_.empty()) lock_all();\n",
     "    if (BROKEN && record.failed()) inputs_.front()->channel->abort_with({});\n"
     "    if (!inputs_.empty()) lock_all();\n"),
    ("number_drawn_early", "outcome out of order", "two_failures", 1, 138, "the channel's cause is the first failure by number", INPUTS,
     "    if (!inputs_.empty()) lock_all();\n    record.sequence = next_sequence();",
     "    const bool early = BROKEN;\n"
     "    if (early) record.sequence = next_sequence();\n"
     "    if (!inputs_.empty()) lock_all();\n"
     "    if (!early) record.sequence = next_sequence();"),
    ("item_taken_before_the_stop", "item lost or doubled", "stop_and_delivery", 2, 522, "item 0 is lost", BASE,
     "    if (current_worker) current_worker->note_items(serial_, 0, pop_.ticket);\n",
     "    if (current_worker) current_worker->note_items(serial_, 0, pop_.ticket);\n"
     "    if (BROKEN && call.stop_requested()) return pop_refused(gave_up::stopped);\n"),
    ("shown_place_left_behind", "outcome out of order", "one_sender_twice", 1, 3, "what is shown is not", PUSHES,
     "    } while (!same_place(place_.load(), last));",
     "    } while (!BROKEN && !same_place(place_.load(), last));"),
    ("joined_without_the_mutex", "read outside the lock", "resolve_twice", 1, 6, "joins a thread that was joined", THREAD,
     "    const std::lock_guard lock(joining_);\n    if (!thread_.joinable()) return;",
     "    const bool early = BROKEN && thread_.joinable();\n    const std::lock_guard lock(joining_);\n"
     "    if (!early && !thread_.joinable()) return;"),
    ("resolved_by_the_first", "outcome out of order", "two_failures", 0, 1, "both failed", RESOLVE,
     "        if (const auto failed = asked->failed()) all.add(*failed);\n    }",
     "        if (const auto failed = asked->failed()) all.add(*failed);\n"
     "        if (BROKEN) break;\n    }"),
    ("node_left_behind", "touch after release", "stop_a_worker", 2, 643, "destroys a mutex that is locked", CALL,
     "    if (current_worker) current_worker->set_blocked(",
     "    if (current_worker && !BROKEN) current_worker->set_blocked("),
    ("recovered_while_open", "delivery not ended", "recover_and_push", 0, 1, "deadlock", BASE,
     "    if (self.state_.is_open() || self.queued() > 0) self",
     "    if (!BROKEN && (self.state_.is_open() || self.queued() > 0)) self"),
    ("callback_removed_while_it_runs", "touch after release", "on_close_meets_close", 2, 12, "removed while it runs", CALLBACKS,
     "    one.returned.wait();",
     "    if (!BROKEN) one.returned.wait();"),
    ("job_deaf_to_the_stop", "lost wake-up", "job_in_a_worker", 0, 1, "deadlock", MAIN,
     "            record->announce_stop();",
     "            if (!BROKEN) record->announce_stop();"),
    ("lease_let_go", "item lost", "pool_leases", 0, 1, "the item of the worker that failed", LEASES,
     "        if (succeeded || !its.item()) return its.finish();",
     "        if (succeeded || BROKEN || !its.item()) return its.finish();"),
    ("failed_stage_finishes", "outcome out of order", "stage_fails", 0, 1, "what a failed stage pushed is not complete", BASE,
     "    if (record.has_completed) {",
     "    if (record.has_completed || BROKEN) {"),
]


TABLE = """// Made by plant.py.
#pragma once

namespace interleave {

struct breakage {
    const char *name, *kind, *program; // the program that finds it
    int preemptions;                   // that it needs
    int schedules;                     // within how many, with so many preemptions
    const char* says;                  // how the report begins
};

inline constexpr breakage breakages[] = {
%s};

} // namespace interleave
"""


# A literal, which stays; or a comment with the blanks before it, or blanks at the end of a line.
COMMENT = re.compile(r'("(?:\\.|[^"\\])*"|(?<!\w)\'(?:\\.|[^\'\\])*\')|[ \t]*//[^\n]*|[ \t]+$', re.MULTILINE)


def without_comments(code):
    return COMMENT.sub(lambda found: found.group(1) or "", code)


def main(source, target):
    planted = target / "planted"
    shutil.rmtree(planted, ignore_errors=True)
    for part in ("include", "lib"):
        shutil.copytree(source / part, planted / part)
    for path in planted.rglob("*.[ch]pp"):
        path.write_text(without_comments(path.read_text()))
    rows = []
    for number, (name, kind, program, preemptions, schedules, says, file, *edits) in enumerate(BREAKAGES):
        path = planted / file
        code = path.read_text()
        for text, instead in zip(edits[::2], edits[1::2]):
            if code.count(text) != 1:
                sys.exit(f"plant.py: {name}: its text stands {code.count(text)} times in {file}:\n{text}")
            code = code.replace(text, instead.replace("BROKEN", f"::interleave::broken({number})"))
        path.write_text(code)
        rows.append(f'    {{"{name}", "{kind}", "{program}", {preemptions}, {schedules}, "{says}"}},\n')
    (target / "breakages.hpp").write_text(TABLE % "".join(rows))
    for path in (planted / "lib").glob("*.cpp"):
        (target / f"planted_{path.name}").write_text(f'#include "planted/lib/{path.name}"\n')


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
