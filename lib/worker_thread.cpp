#include "long_wait.hpp"
#include "spinning.hpp"

#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/worker_thread.hpp>
#include <inquest/hook.hpp>

#include <cerrno>
#include <new>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

namespace {

using channels = std::vector<std::weak_ptr<channel_base>>;

// What is known of why one of them closed.
cause known_cause(const channels& of) noexcept {
    for (const auto& one : of)
        if (const auto alive = one.lock())
            if (auto known = alive->known_cause(); known || known.kind() == cause_kind::closed) return known;
    return {};
}

// They have closed, and what is queued in one of them is still delivered. One that no longer exists has ended.
bool are_draining(const channels& all) noexcept {
    bool any = false;
    for (const auto& one : all)
        if (const auto alive = one.lock()) {
            if (!alive->is_closed()) return false;
            any = any || alive->is_draining();
        }
    return any;
}

// What it is doing; if it waits for an item of one of these, also how many may still push there.
still_running glance_at(const worker_record& record, const channels& of, clock::duration waited) {
    auto seen = record.glance(waited, known_cause(of));
    for (const auto& one : of)
        if (const auto alive = one.lock(); alive && record.pops_from(alive->name()))
            return std::move(seen).with_senders(alive->open_senders(), alive->shown().silent(),
                                                alive->shown().places());
    return seen;
}

// Until its last act is done; reports to the long-wait hook if that takes long.
void wait_for_ending(worker_record& record, auto&& glance) {
    if (record.done.is_open()) return;
    wait_however_long([&](auto deadline) { return record.done.wait(deadline); }, glance);
}

} // namespace

worker_thread::worker_thread(const worker_main& program) : record_(program.record()), thread_() {
    for (const auto& [channel, pushed] : program.ends())
        if (!pushed) channels_.push_back(channel->weak());
}

worker_thread::~worker_thread() {
} // NOLINT(modernize-use-equals-default): of a union's member it can't be defaulted

void worker_thread::start(std::unique_ptr<worker_main> program) {
    worker_main* const its = program.release(); // the thread's, if there will be one
    const int problem = thread_.start(its, its->stack_size());
    if (problem == 0) return;
    const std::unique_ptr<worker_main> mine(its);
    mine->never_started(problem, its->stack_size() != 0 ? "stack size" : nullptr);
}

void worker_thread::end_of_handle() noexcept {
    const uncancelled guard;
    if (is_left_behind()) { // the thread is not here: it can be neither joined nor detached
        try {
            if (!is_done()) report_unobserved(no_wait("left behind by a fork"));
        } catch (const std::bad_alloc&) { // then it is not reported
        }
        return;
    }
    const bool drains = record_->drains && are_draining(channels_);
    if (is_this_thread()) {
        if (!drains) request_stop();
        record_->orphaned = true;                      // it reports its failure itself, at its end
        if (is_done()) report_if_unobserved(*record_); // which was before, and this a thread-local's
        thread_.detach();
    } else {
        if (thread_.joinable()) {
            if (drains)
                wait_for_ending(*record_, [&](auto waited) {
                    return std::vector{glance_at(*record_, channels_, waited)};
                });
            request_stop(); // also for what its thread-local objects' destructors wait for
            wait();
        }
        report_if_unobserved(*record_);
    }
    std::destroy_at(std::addressof(thread_));
    record_->identity->leave();
}

const char* worker_thread::why_not_wait() const noexcept {
    if (is_left_behind()) return "left behind by a fork, so not joined";
    if (is_this_thread()) return "asked from inside the worker, so not joined";
    if (current_worker && current_worker->is_beside(*record_) && !is_done())
        return "asked from inside the channel, so not joined";
    return nullptr;
}

void worker_thread::wait(std::span<worker_thread* const> others) {
    wait_for_ending(*record_, [&](auto waited) {
        std::vector seen{glance_at(*record_, channels_, waited)};
        for (const worker_thread* const other : others)
            if (other && other != this && !other->is_done() && !other->why_not_wait())
                seen.push_back(glance_at(*other->record_, other->channels_, waited));
        return seen;
    });
    const std::lock_guard lock(joining_);
    if (!thread_.joinable()) return;
    spin([this] { return thread_.has_exited(); }); // to be woken costs a multiple of what is left of its life
    thread_.join();
}

bool worker_thread::wait(clock::time_point deadline, std::span<worker_thread* const> others) {
    if (deadline != forever) return record_->done.wait(deadline);
    wait(others);
    return true;
}

still_running worker_thread::glance(clock::time_point since) const {
    return glance_at(*record_, channels_, clock::now() - since);
}

bool worker_thread::threw(const cause& why) const {
    // Some of those that are asked may still be running: see `refused`.
    return record_->is_published() && record_->kind == cause_kind::exception && record_->as_cause() == why;
}

std::optional<failure<>> worker_thread::report() {
    if (const char* why = why_not_wait()) {
        auto refusal = refused(why);
        observe(refusal);
        return refusal;
    }
    wait();
    auto why = failed();
    if (why) observe(*why);
    return why;
}

failure<> worker_thread::refusal(bool known, const char* why) const {
    return known ? *failed() : failure<>(no_wait(why));
}

cause worker_thread::no_wait(const char* why) const { return unexplained("worker '" + name() + "': " + why); }

}}} // namespace inquest::INQUEST_ABI::detail
