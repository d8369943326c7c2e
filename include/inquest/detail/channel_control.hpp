// All of a channel but its items: state, ends, the cause, and how pushes and pops take turns.
//
// Two locks. push_.lock is held by whoever pushes, pop_.lock by whoever pops, so that the two go on side by side; both
// by whoever closes, counts ends, or asks for what lies between. What passes from one side to the other is
// each slot's *turn*, a number that only grows: written by the side whose turn it was, read by the other. (So does
// Vyukov's bounded queue, whose places in line are drawn by compare-and-swap, and here under the locks.)
//
//   turn          written under                          says
//   2n            pop_.lock, by pop n - capacity          push n may fill the slot
//   2n + 1        push_.lock, by push n                   pop n may take what is in it
//
// Invariants:
//   All of a side but its lock: under that lock.
//   ticket is the number of the side's next item, from 0, and index its slot, ticket % capacity, until delivery is stopped.
//   A slot's item is touched only under the lock of the side whose turn it is; the turn goes on after that.
//   phase_ only moves forward: open, draining, stopped. It and all else that says how the channel stands is written
//     under both locks, and may be read under either. closed_ is phase_ != open, for who holds none.
//   cause_ is set once, and only by a failure. It is set before or with the step that closes
//     the channel, never after a waiter could have seen that step.
//
// Waiting. A call that finds that its turn has not come remembers which, lets go of its lock, and looks at that turn
// again and again for a while; then it parks, in the line that belongs to the *other* side. Under that line's lock it
// looks once more before it enters; the other side looks at the line under the same lock, after it has moved an item. So
// either the turn has gone on already, or the line is found not empty.
//   If items move without throwing, a line's lock is its side's own lock, because that is then never held for long:
//     a push that nobody waits for needs no fence, no second lock and no count of waiters to know so.
//   Otherwise items may be copied under a side's lock, for as long as that takes, and each line has a lock of its own:
//     a call of the other side enters and leaves without waiting for the copy.
//   Whoever was unlinked by the other side leaves without any lock of that side: it only sees that it was signalled.
//   Who stands in a line has found its turn not come; whoever moves an item unlinks one, and whoever leaves
//     with a wake-up that it made no use of unlinks the next: a wake-up is never dropped.
//   A call that spun may slip behind when its turn has come, until that of a later slot has come too. Nothing
//     depends on that one: it looks for a bounded time, and goes on.
//   A call that waits, or lets go of its lock midway, is counted in `inside`; the channel goes only when that is 0 on both
//     sides.
#pragma once

#include <inquest/detail/spin_policy.hpp>
#include <inquest/detail/wait_options.hpp>
#include <inquest/detail/worker_record.hpp>
#include <inquest/push_error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

enum class phase : unsigned char { open, draining, stopped };

/// Who closes the channel without a cause.
enum class closer : unsigned char { producer, receiver, resolver };

/// Places that nobody pushes from, for a sender that has none to tell.
const std::source_location& no_push() noexcept;
const std::source_location& no_more_pushes() noexcept;

class channel_control {
  public:
    channel_control(const channel_control&) = delete;
    channel_control& operator=(const channel_control&) = delete;

    [[nodiscard]] channel_serial serial() const noexcept { return serial_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] bool is_closed() const noexcept;
    /// Closed, and what is queued is still delivered.
    [[nodiscard]] bool is_draining() const noexcept;

    /// Calls that are parked in it now; and those that wait, spinning or parked, or are between two items.
    [[nodiscard]] std::size_t blocked() const noexcept;
    [[nodiscard]] std::size_t inside() const noexcept;

    // Ends. Each blocks for the channel's lock only.
    void add_sender() noexcept;
    void add_receiver() noexcept;
    /// `last_push` is null for one that pushed nothing.
    void drop_sender(bool finished, bool unwinding, const std::source_location* last_push) noexcept;
    void drop_receiver() noexcept;
    void finish_sender(const std::source_location& where) noexcept;
    /// A worker that reads this channel, from its start on. May throw std::bad_alloc.
    void attach(worker_record& record);
    /// A worker's end, by publish().
    void worker_ended(worker_record& record) noexcept;
    /// Workers that are going to be attached: until so many have been, or are not to come any more, the channel does not
    /// close because all those that were have ended.
    void announce_workers(std::size_t n) noexcept;
    void renounce_workers(std::size_t n) noexcept;

    // Closing. True if this call did it.
    bool close(closer who, const std::source_location& where) noexcept;
    bool close_with(cause why) noexcept;
    bool abort_with(cause why) noexcept;
    /// What ~channel does: lets attached workers drain a stream that has closed, ends delivery, and waits until every
    /// call that was blocked has left.
    void destroy() noexcept;

    /// What is known of why it closed; empty where nothing is.
    [[nodiscard]] cause known_cause() const;
    /// What a push is told that is not even tried.
    [[nodiscard]] push_error refusal(const std::source_location& site) const;

  protected:
    /// `brief`: items move without throwing, so that a side's lock is never held for long.
    channel_control(channel_options options, bool brief);
    ~channel_control() = default;

    /// True in a forked child, for the parent's channels: nothing is touched, their lock least of all.
    [[nodiscard]] bool left_behind() const noexcept { return generation_ != fork_generation(); }

    /// Until every call that waits in it has left, on a channel that has ended. They are not to know when it goes.
    void wait_for_calls() noexcept;

    /// Tells the hook of items that the last worker left, and that nobody was told of or recovered. Called when
    /// nobody else is there any more.
    void report_leftovers() const noexcept;

    /// Destroys what is undelivered, outside the lock.
    virtual void discard_items() noexcept = 0;

    /// The longest distance that a call slips behind the other side: never more than half the ring, so that that side has
    /// something to do.
    [[nodiscard]] std::size_t longest_run() const noexcept {
        return std::min<std::size_t>(capacity_ / 2, 512);
    }

    /// One side of the ring: all pushes, or all pops. On lines of its own: the sides share the slots' alone.
    struct alignas(128) side {
        mutable mutex lock;
        // Protected by it:
        std::uint64_t ticket = 0; // items pushed, or taken out, so far
        std::size_t index = 0;    // the slot of the next one
        wait_list waiters; // calls of the *other* side, parked until this one moves an item; under line_lock
        std::size_t inside = 0; // calls of this side that wait, spinning or parked, or are between two items
        waiter* last_out = nullptr; // ~channel, waiting for inside == 0
        spin_policy spinning;

        mutable mutex own_line_lock; // used only if items may take long to move

        void take_lock() noexcept {
            if (!lock.try_lock()) lock_patiently();
        }
        void lock_patiently() noexcept;
        /// An item has moved: on to the next slot.
        void advance(std::size_t capacity) noexcept {
            ++ticket;
            if (++index == capacity) index = 0;
        }
    };

    [[nodiscard]] mutex& line_lock(const side& its) const noexcept {
        return brief_ ? its.lock : its.own_line_lock;
    }
    /// With the side's lock held: the line's, unless that one is held already.
    class line_too {
      public:
        line_too(const channel_control& of, const side& its) noexcept
            : lock_(of.brief_ ? nullptr : &its.own_line_lock) {
            if (lock_) lock_->lock();
        }
        ~line_too() {
            if (lock_) lock_->unlock();
        }
        line_too(const line_too&) = delete;
        line_too& operator=(const line_too&) = delete;

      private:
        mutex* const lock_;
    };
    // With the side's lock held. Each is a no-op for a line that is empty.
    void wake_one(side& its, wake_list& wakes) noexcept {
        const line_too line(*this, its);
        wakes.take_one(its.waiters);
    }
    void wake_all(side& its, wake_list& wakes) noexcept {
        const line_too line(*this, its);
        wakes.take_all(its.waiters);
    }

    /// With both locks held.
    [[nodiscard]] std::size_t queued() const noexcept {
        return static_cast<std::size_t>(push_.ticket - pop_.ticket);
    }
    /// Both locks. None is held while the other is waited for: an item may be copied under that one. The push side's is
    /// the last to be let go of, because a push that is refused next wants the other as well.
    struct both_locks {
        explicit both_locks(const channel_control& of)
            : push(of.push_.lock), pop(of.pop_.lock, std::try_to_lock) {
            if (pop.owns_lock()) return;
            push.unlock();
            std::lock(push, pop);
        }
        std::unique_lock<mutex> push, pop;
    };

    // All below: with a side's lock held; stop_delivery with both.

    [[nodiscard]] status ending_status() const noexcept;
    [[nodiscard]] const cause& refusal_cause() const noexcept { return cause_ ? cause_ : closing_; }
    [[nodiscard]] push_error push_refused(status why, const std::source_location& site,
                                          std::size_t accepted) const;
    [[nodiscard]] pop_error pop_refused(status why) const;
    void stop_delivery(wake_list& wakes) noexcept;

    /// A side, locked by a push or pop of one item that may be done at once. Small, and known to nobody else, so that
    /// all of it stays in registers. Brief: as above, known when compiled.
    template <bool Brief>
    class fast_lock {
      public:
        [[gnu::always_inline]] fast_lock(const channel_control& channel, side& its) noexcept
            : side_(its), capacity_(channel.capacity_) {
            its.take_lock();
        }
        [[gnu::always_inline]] ~fast_lock() {
            if (!held_) return;
            side_.lock.unlock();
            if (to_wake_) to_wake_->signal();
        }
        fast_lock(const fast_lock&) = delete;
        fast_lock& operator=(const fast_lock&) = delete;

        [[gnu::always_inline]] void advance_and_wake() noexcept {
            side_.advance(capacity_);
            if constexpr (Brief) {
                if (!side_.waiters.empty()) to_wake_ = side_.waiters.pop_front();
            } else {
                const std::lock_guard line(side_.own_line_lock);
                to_wake_ = side_.waiters.pop_front();
            }
        }
        void found(const turn&, std::uint64_t, const turn&, std::uint64_t) noexcept {}
        /// It could not be done: the lock, for a `side_lock`.
        [[nodiscard]] side& release() noexcept {
            held_ = false;
            return side_;
        }

      private:
        side& side_;
        const std::size_t capacity_;
        waiter* to_wake_ = nullptr;
        bool held_ = true;
    };

    class blocked_call;

    /// A side, locked by one push or pop, which waits with it where it must:
    ///     side_lock mine(*this, push_);
    ///     blocked_call call(mine, options);
    ///     while (call.may_try()) if (done(mine)) return;
    /// done() calls advance_and_wake() for each item it moves, and found() if the next slot's turn has not come.
    class side_lock {
      public:
        side_lock(channel_control& channel, side& its) noexcept
            : channel_(channel), side_(its), lock_(its.lock, std::defer_lock) {
            lock();
        }
        side_lock(channel_control& channel, side& its, std::adopt_lock_t) noexcept
            : channel_(channel), side_(its), lock_(its.lock, std::adopt_lock) {}
        side_lock(const side_lock&) = delete;
        side_lock& operator=(const side_lock&) = delete;

        /// Moved an item, and on to the next slot: wakes one who waits for that, once the lock is let go.
        void advance_and_wake() noexcept {
            side_.advance(channel_.capacity_);
            was_woken_ = false;
            if (!channel_.brief_ || !side_.waiters.empty()) channel_.wake_one(side_, wakes_);
        }
        /// A call of the other side is parked. Only if the line's lock is the side's own.
        [[nodiscard]] bool somebody_waits() const noexcept { return !side_.waiters.empty(); }
        /// The next slot's turn was `seen`, and has not come, or the channel has ended. A whole run has come when the
        /// turn `of_last` is `last`.
        void found(const turn& of, std::uint64_t seen, const turn& of_last, std::uint64_t last) noexcept {
            awaited_ = &of;
            seen_ = seen;
            of_last_ = &of_last;
            last_ = last;
        }

      private:
        friend blocked_call;
        void lock() noexcept {
            side_.take_lock();
            lock_ = std::unique_lock(side_.lock, std::adopt_lock);
        }
        void unlock() noexcept {
            lock_.unlock();
            wakes_.signal_all();
        }

        channel_control& channel_;
        side& side_;
        const turn* awaited_ = nullptr; // what was last found
        std::uint64_t seen_ = 0;        // and what it was then
        const turn* of_last_ = nullptr; // of the side's run
        std::uint64_t last_ = 0;        // and what it will be when that has come
        bool was_woken_ = false;        // signalled, and has not moved an item since
        wake_list wakes_;               // goes after the lock: who is to be woken is woken outside it
        std::unique_lock<mutex> lock_;
    };

    /// The rest of a push or pop that could not be done at once.
    class blocked_call {
      public:
        blocked_call(side_lock& mine, const wait_options& options) noexcept
            : mine_(mine), channel_(mine.channel_), side_(mine.side_), options_(options) {}
        ~blocked_call() {
            if (counted_) leave();
        }
        blocked_call(const blocked_call&) = delete;
        blocked_call& operator=(const blocked_call&) = delete;

        /// Waits. False where the call has come to its end. What has happened is looked at before the time, so a
        /// timeout that races a close says close; a stop is asked for before anything is claimed.
        [[nodiscard]] bool may_try() {
            if (mine_.awaited_ && !wait()) return false;
            if (!options_.stop_requested()) return true;
            outcome_ = outcome::stopped;
            return false;
        }
        /// Between two items of a range: lets go of the lock for as long as `meanwhile` takes.
        void release_briefly(auto&& meanwhile) {
            count();
            mine_.unlock();
            meanwhile();
            mine_.lock();
            mine_.awaited_ = nullptr;
        }
        void release_briefly() {
            release_briefly([] {});
        }
        /// Why: `over` where the channel has ended, `would_block` where it was not to wait.
        [[nodiscard]] status why(status over, status would_block) const noexcept {
            return outcome_ == outcome::over          ? over
                   : outcome_ == outcome::would_block ? would_block
                   : outcome_ == outcome::stopped     ? status::stopped
                                                      : status::timeout;
        }

      private:
        enum class outcome : unsigned char { over, would_block, stopped, late };
        /// What only a call that parks needs.
        struct parked {
            parked(blocked_call& of);
            ~parked();
            parked(const parked&) = delete;
            parked& operator=(const parked&) = delete;
            /// Signalled, and so out of the line already.
            void was_signalled() noexcept;
            /// Out of the line, or past the signal of whoever took it out.
            void unlink() noexcept;
            struct interrupter {
                waiter* node;
                void operator()() const noexcept { node->interrupt(); }
            };
            blocked_call& self;
            waiter node;
            bool enlisted = false; // put into the line, and neither unlinked by us nor seen signalled
            worker_record::blocked_at around;                  // the blocked call that this one is nested in
            std::optional<stop_callback<interrupter>> on_stop; // for a token of the caller's
        };
        void count() noexcept {
            if (!counted_) ++side_.inside;
            counted_ = true;
        }
        bool wait();
        /// Has the awaited turn gone on, or the channel closed, since the caller's look? Under no lock it may; under
        /// the other side's it can't become so any more without finding us in line.
        [[nodiscard]] bool turn_changed_or_closed() const noexcept {
            return mine_.awaited_->get() != mine_.seen_ || channel_.closed_.get();
        }
        [[nodiscard]] bool is_late() const { return deadline_ != forever && clock::now() >= deadline_; }
        bool spin();
        void slip() noexcept;
        bool park();
        void leave() noexcept;
        [[nodiscard]] side& other() const noexcept {
            return &side_ == &channel_.push_ ? channel_.pop_ : channel_.push_;
        }

        side_lock& mine_;
        channel_control& channel_;
        side& side_;
        const wait_options& options_;
        outcome outcome_ = outcome::over;
        bool late_ = false;
        bool counted_ = false;                                   // in `inside`
        bool waited_ = false;                                    // and has a deadline, where there is one
        bool preempted_ = false;                                 // to a yield
        std::size_t slip_distance_ = spin_policy::shortest_slip; // the side's, when the wait began
        enum class run_seen : unsigned char { nothing, part, whole } run_seen_ = run_seen::nothing;
        clock::time_point deadline_ = forever;
        clock::time_point began_; // the wait, where it has taken long enough for a look at the clock
        std::optional<parked> parked_;
    };

    const channel_serial serial_ = next_channel_serial();
    const std::size_t capacity_;
    const bool brief_;
    const channel_options options_;
    const clock::duration spin_limit_;
    const unsigned generation_ = fork_generation();

    side push_, pop_;
    // Written with both locks held, so that either is enough to read it. On a line of its own: calls that spin look at it.
    alignas(64) phase phase_ = phase::open;
    acquire_release<bool> closed_, stopped_delivery_; // phase_, for who holds no lock

  private:
    /// `by` says who, if there is more to say than where the calling thread is.
    void close_locked(status ending, wake_list& wakes, const std::source_location* where = nullptr,
                      cause by = {}) noexcept;
    /// The worker on this thread closed it itself, and nothing has failed since.
    [[nodiscard]] bool closed_by_this_worker() const noexcept;
    void all_workers_ended(wake_list& wakes) noexcept;
    void wait_for_workers() noexcept;
    void discard_if_stopped() noexcept;
    void signal_last_worker_out() noexcept;
    /// True if `why` is now the channel's cause. It is moved from only then: a loser must die outside the lock,
    /// because its error's destructor is the user's code.
    bool set_cause(cause&& why) noexcept;
    [[nodiscard]] bool discards() const noexcept {
        return options_.undelivered == undelivered::discard && queued() > 0;
    }
    static void name_this_thread(cause_record& into) noexcept;
    [[nodiscard]] std::shared_ptr<worker_record> first_worker() const;

    // Written with both locks held, and read with either; cause_ and closing_ also with the lock of the pushes' line:
    alignas(64) status ending_ =
        status::complete;   // what follows the last item: complete, closed, truncated or aborted
    bool finished_ = false; // some sender has finished
    bool attached_ever_ = false;
    bool stopped_ = false;                // the last worker ended when its owner had asked it to stop
    mutable bool reported_early_ = false; // some push was told that it left early; under push_.lock
    bool left_early_ = false;             // the last worker ended with success while the stream was open
    std::size_t senders_ = 0;             // alive and unfinished
    std::size_t receivers_ = 0;
    std::vector<worker_record*> workers_; // attached, and not ended
    std::size_t announced_ = 0;           // workers that are still to be attached
    waiter* last_worker_out_ = nullptr;   // ~channel, waiting for workers_ to be empty
    cause cause_;
    cause first_failure_; // under keep_going, until the last worker has ended
    cause closing_;       // who closed it, if that was no failure
    cause last_worker_;   // the worker that ended last

    // Allocated ahead, because they are needed in destructors. Each is written once, before it is published.
    std::shared_ptr<cause_record> event_ = std::make_shared<cause_record>();        // what goes into the slot
    std::shared_ptr<cause_record> closing_note_ = std::make_shared<cause_record>(); // what goes into closing_
};

}}} // namespace inquest::INQUEST_ABI::detail
