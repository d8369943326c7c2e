// All of a channel but its items: state, ends, the cause slot, and the calls that are blocked in it.
//
// Invariants, all under mutex_:
//   phase_ only moves forward: open, draining, stopped.
//   slot_ goes from empty to filled once, and only a failure fills it. It is filled before or with the step
//   that
//     closes the channel, never after a waiter could have seen that step.
//   A waiter linked in a line has found nothing to take; whoever makes something to take unlinks one, and
//     whoever leaves a wait unlinks the next if there still is something: a wake-up is never dropped.
//   count_ <= capacity_. The item at the front has the number pushed_ - count_ + 1.
#pragma once

#include <inquest/detail/patience.hpp>
#include <inquest/detail/worker_record.hpp>
#include <inquest/push_error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <stdexcept>

namespace inquest::inline INQUEST_ABI::detail {

enum class phase : unsigned char { open, draining, stopped };

/// Who closes the channel without a cause.
enum class closer : unsigned char { producer, receiver, resolver };

class channel_control : public std::enable_shared_from_this<channel_control> {
  public:
    channel_control(const channel_control&) = delete;
    channel_control& operator=(const channel_control&) = delete;

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] bool is_closed() const noexcept;

    /// Calls that are blocked in it now.
    [[nodiscard]] std::size_t blocked() const noexcept;

    // Ends. Each blocks for the channel's lock only.
    void add_sender() noexcept;
    void add_receiver() noexcept;
    /// `last_push` is null for one that pushed nothing.
    void drop_sender(bool finished, bool unwinding, const std::source_location* last_push) noexcept;
    void drop_receiver() noexcept;
    void finish_sender() noexcept;
    void attach() noexcept;
    /// A worker's end, by publish().
    void worker_ended(worker_record& record) noexcept;

    // Closing. True where this call did it.
    bool close(closer who) noexcept;
    bool close_with(cause why) noexcept;
    bool abort_with(cause why) noexcept;
    /// What ~channel does: ends delivery, and waits until every call that was blocked has left.
    void destroy() noexcept;

    /// What is known of why it closed; empty where nothing is.
    [[nodiscard]] cause known_cause() const;
    /// What a push is told that is not even tried.
    [[nodiscard]] push_error refusal(const std::source_location& site) const;

  protected:
    explicit channel_control(channel_options options);
    ~channel_control() = default;

    /// True in a forked child, for the parent's channels: nothing is touched, their lock least of all.
    [[nodiscard]] bool left_behind() const noexcept { return generation_ != fork_generation(); }

    /// Tells the hook of items that the last worker left, and that nobody was told of or recovered. Called when
    /// nobody else is there any more.
    void tell_of_leftovers() const noexcept;

    /// Destroys what is undelivered, outside the lock.
    virtual void discard_items() noexcept = 0;

    // All below: with mutex_ held.

    [[nodiscard]] bool can_push() const noexcept { return phase_ == phase::open && count_ < capacity_; }
    [[nodiscard]] bool can_pop() const noexcept { return phase_ != phase::stopped && count_ > 0; }
    [[nodiscard]] status end_status() const noexcept;
    [[nodiscard]] const cause& known_cause_locked() const noexcept { return refusal_cause(); }
    [[nodiscard]] push_error push_refused(status why, const std::source_location& site,
                                          std::size_t accepted) const;
    [[nodiscard]] pop_error pop_refused(status why) const;
    void stop_delivery(wake_list& wakes) noexcept;

    /// The part of a call that only a blocked one needs: its node, in one of the two lines. Leaving, however
    /// that happens, unlinks the node and passes on a wake-up not made use of.
    class blocked_call {
      public:
        blocked_call(channel_control& channel, wait_line& line, std::unique_lock<mutex>& lock,
                     const patience& how);
        ~blocked_call();
        blocked_call(const blocked_call&) = delete;
        blocked_call& operator=(const blocked_call&) = delete;
        /// Starts and ends with the lock held; signals `wakes` before it waits. False once the deadline has
        /// passed.
        bool wait(wake_list& wakes);

      private:
        [[nodiscard]] bool is_late() const noexcept {
            return deadline_ != forever && clock::now() >= deadline_;
        }
        void unlink() noexcept;
        struct interrupter {
            waiter* node;
            void operator()() const noexcept { node->interrupt(); }
        };
        channel_control& channel_;
        wait_line& line_;
        std::unique_lock<mutex>& lock_;
        const patience& how_;
        const clock::time_point deadline_;
        waiter node_;
        bool enlisted_ = false; // put into the line, and neither unlinked by us nor seen signalled
        std::optional<stop_callback<interrupter>> on_stop_; // for a token of the caller's
    };

    /// One push or pop, from its first look at the channel to its end. Holds the lock, but while it parks:
    ///     for (call mine(*this, line, how); mine.may_try();) { try, and return if that did it }
    /// and then `mine.end(...)` says why it did not.
    class call {
      public:
        call(channel_control& channel, wait_line& line, const patience& how)
            : channel_(channel), line_(line), how_(how), lock_(channel.mutex_) {}
        call(const call&) = delete;
        call& operator=(const call&) = delete;

        /// False where the call has come to its end. Otherwise the caller tries, having waited where it tried
        /// before. What has happened is looked at before the time, so a timeout that races a close says close.
        [[nodiscard]] bool may_try() {
            if (tried_ && !wait()) return false;
            tried_ = true;
            if (!how_.stop_requested()) return true; // asked before anything is claimed
            end_ = outcome::stopped;
            return false;
        }
        /// Why: `over` where the channel has ended, `would_block` where it was not to wait.
        [[nodiscard]] status end(status over, status would_block) const noexcept {
            return end_ == outcome::over          ? over
                   : end_ == outcome::would_block ? would_block
                   : end_ == outcome::stopped     ? status::stopped
                                                  : status::timeout;
        }
        /// Whom to wake once the lock is let go.
        [[nodiscard]] wake_list& wakes() noexcept { return wakes_; }

      private:
        enum class outcome : unsigned char { over, would_block, stopped, late };
        bool wait();

        channel_control& channel_;
        wait_line& line_;
        const patience& how_;
        outcome end_ = outcome::over;
        bool tried_ = false;
        bool late_ = false;
        // In the order in which they may go: the channel lives until a call that has blocked in it has let go
        // of the lock, and who is to be woken is woken after that.
        std::shared_ptr<channel_control> keep_;
        wake_list wakes_;
        std::unique_lock<mutex> lock_;
        std::optional<blocked_call> blocked_;
    };

    const std::size_t capacity_;
    const channel_options options_;
    const unsigned generation_ = fork_generation();

    mutable mutex mutex_;
    // Protected by mutex_:
    std::size_t count_ = 0;
    std::uint64_t pushed_ = 0;
    phase phase_ = phase::open;
    wait_line producers_, consumers_;

  private:
    void close_locked(status end, wake_list& wakes) noexcept;
    /// True if `why` is now the channel's cause. It is moved from only then: a loser must die outside the lock,
    /// because its error's destructor is the user's code.
    bool fill_slot(cause&& why) noexcept;
    [[nodiscard]] const cause& refusal_cause() const noexcept { return slot_ ? slot_ : closing_worker_; }
    [[nodiscard]] bool discards() const noexcept {
        return options_.undelivered == undelivered::discard && count_ > 0;
    }
    void drop_end_cause(cause_record& into) const noexcept;

    // Protected by mutex_:
    status end_ = status::complete; // what follows the last item: complete, closed, truncated or aborted
    bool finished_ = false;         // some sender has finished
    bool attached_ever_ = false;
    bool stopped_ = false;            // the last worker ended when its owner had asked it to stop
    mutable bool told_early_ = false; // some push was told that it left early
    bool left_early_ = false;         // the last worker ended with success while the stream was open
    std::size_t senders_ = 0;         // alive and unfinished
    std::size_t receivers_ = 0;
    std::size_t attached_ = 0;
    std::size_t blocked_ = 0;
    waiter* destroyer_ = nullptr; // ~channel, waiting for blocked_ == 0
    cause slot_;
    cause first_failure_;  // under keep_going, until the last worker has ended
    cause closing_worker_; // who closed it, where that was no failure
    cause last_worker_;    // the last worker, where it ended with success

    // Allocated ahead, because they are needed in destructors. Each is written once, before it is published.
    std::shared_ptr<cause_record> event_ = std::make_shared<cause_record>();   // what goes into the slot
    std::shared_ptr<cause_record> dropped_ = std::make_shared<cause_record>(); // the last receiver's going
};

} // namespace inquest::inline INQUEST_ABI::detail
