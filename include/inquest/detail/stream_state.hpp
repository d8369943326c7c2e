// How a channel's stream stands: whether it goes on, how it has ended and why, and who is left at its two ends. Pure: no
// lock, no clock, no thread. Its owner protects it, except for what may be asked without a lock.
//
// Invariants:
//   The phase only moves forward: open, draining, stopped.
//   The cause is set once, and only by a failure: before the step that closes the stream or with it, never after somebody could
//     have seen that step.
#pragma once

#include <inquest/cause.hpp>
#include <inquest/detail/atomics.hpp>
#include <inquest/status.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

class worker_record;

class stream_state {
    enum class phase : unsigned char { open, draining, stopped };

  public:
    // --- how it stands

    [[nodiscard]] bool is_open() const noexcept { return phase_ == phase::open; }
    [[nodiscard]] bool is_stopped() const noexcept { return phase_ == phase::stopped; }
    /// What follows the last item.
    [[nodiscard]] status ending() const noexcept {
        if (is_stopped()) return status::aborted;
        return cause_ ? status::truncated : ending_; // an abandoned stream has a cause too
    }
    /// Why it failed; empty if it did not.
    [[nodiscard]] const cause& failure() const noexcept { return cause_; }
    /// That, or who closed it.
    [[nodiscard]] const cause& why() const noexcept { return cause_ ? cause_ : closing_; }
    /// The last worker has ended with success while the stream was open, and nothing has failed.
    [[nodiscard]] bool was_left_early() const noexcept { return left_early_ && !cause_; }

    /// How often calls that wait were interrupted.
    [[nodiscard]] unsigned interrupts() const noexcept { return interrupts_; }

    // Without a lock:
    [[nodiscard]] bool is_closed() const noexcept { return (news_.get() & 1U) != 0; }
    /// It has closed, or calls were interrupted more often than that.
    [[nodiscard]] bool has_news_since(unsigned interrupts) const noexcept {
        return news_.get() != 2 * interrupts;
    }
    [[nodiscard]] bool is_draining() const noexcept { return is_closed() && !stopped_.get(); }
    /// Alive, and not finished.
    [[nodiscard]] std::size_t senders() const noexcept { return senders_.get(); }

    // --- closing

    /// True if `why` is now the cause. It is moved from only then: a loser is to be destroyed outside the lock, because its
    /// error's destructor is the user's code.
    bool set_cause(cause&& why) noexcept {
        if (cause_ || !why) return false;
        cause_ = std::move(why);
        return true;
    }
    /// Only while it is open. `by` says who closes it, and counts only if nothing has failed.
    void close(status ending, cause by) noexcept {
        if (!cause_) closing_ = std::move(by);
        phase_ = phase::draining;
        news_.set(2 * interrupts_ + 1);
        ending_ = ending;
    }
    /// Only while it is open.
    void interrupt() noexcept { news_.set(2 * ++interrupts_); }
    /// Only once it has closed.
    void stop() noexcept {
        phase_ = phase::stopped;
        stopped_.set(true);
    }

    // --- senders and receivers

    void add_sender() noexcept { senders_.set(senders() + 1); }
    /// True if that was the last.
    [[nodiscard]] bool finish_sender() noexcept {
        finished_ = true;
        drop_sender();
        return !has_senders();
    }
    /// One that has not finished.
    void drop_sender() noexcept { senders_.set(senders() - 1); }
    [[nodiscard]] bool has_senders() const noexcept { return senders() > 0; }
    /// Some sender has.
    [[nodiscard]] bool has_finished() const noexcept { return finished_; }
    void add_receiver() noexcept { ++receivers_; }
    /// True if nobody is left to read it. If workers were attached, they are who reads it.
    [[nodiscard]] bool drop_receiver() noexcept { return --receivers_ == 0 && !attached_ever_; }

    // --- workers

    /// May throw std::bad_alloc.
    void attach(worker_record& record);
    void announce(std::size_t n) noexcept { announced_ += n; }
    /// True if all that were attached have ended, and none is announced any more.
    [[nodiscard]] bool renounce(std::size_t n) noexcept;
    /// Swaps `last`, the worker that ended, with the one that was the last before it.
    void detach(worker_record& record, cause& last) noexcept;
    /// Its owner had asked the worker that ended last to stop, or not.
    void note_stop(bool requested) noexcept { last_was_stopped_ = requested; }
    /// Attached, and not ended.
    [[nodiscard]] const std::vector<worker_record*>& workers() const noexcept { return workers_; }
    [[nodiscard]] bool have_all_ended() const noexcept { return workers_.empty() && announced_ == 0; }
    /// The worker that ended last, as its end.
    [[nodiscard]] const cause& last_worker() const noexcept { return last_worker_; }
    [[nodiscard]] bool last_was_stopped() const noexcept { return last_was_stopped_; }
    /// Kept for when all have ended.
    void keep_failure(const cause& why) noexcept {
        if (!first_failure_) first_failure_ = why;
    }
    [[nodiscard]] const cause& kept_failure() const noexcept { return first_failure_; }
    /// The last one to read it leaves before it has ended.
    void leave_early() noexcept { left_early_ = true; }

  private:
    // Calls that spin look at these: on a line that is written only when the stream closes and when delivery stops.
    alignas(cache_line) phase phase_ = phase::open;
    unsigned interrupts_ = 0;
    // For who holds no lock: twice the interrupts, and one more once it has closed; and whether it is stopped.
    acquire_release<unsigned> news_;
    acquire_release<bool> stopped_;

    alignas(cache_line) status ending_ = status::complete; // complete, closed, truncated or aborted
    bool finished_ = false;
    bool attached_ever_ = false;
    bool last_was_stopped_ = false; // the worker that ended last, by its owner
    bool left_early_ = false;
    relaxed<std::size_t> senders_; // alive and unfinished
    std::size_t receivers_ = 0;
    std::vector<worker_record*> workers_;
    std::size_t announced_ = 0; // workers that are still to be attached
    cause cause_;
    cause first_failure_;
    cause closing_; // who closed it, if that was no failure
    cause last_worker_;
};

}}} // namespace inquest::INQUEST_ABI::detail
