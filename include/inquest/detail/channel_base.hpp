// All of a channel but its items: its two sides, how its stream stands, and the order of its locks.
//
// Two locks. push_.lock is held by whoever pushes, pop_.lock by whoever pops, so that the two go on side by side; both by
// whoever closes, counts ends, or asks for what lies between. What passes from one side to the other is each slot's *turn*, a
// number that only grows: written by the side whose turn it was, read by the other. (So does Vyukov's bounded queue, whose
// places in line are drawn by compare-and-swap, and here under the locks.)
//
//   turn          written under                          says
//   2n            pop_.lock, by pop n - capacity          push n may fill the slot
//   2n + 1        push_.lock, by push n                   pop n may take what is in it
//
// Invariants:
//   What changes of a side is protected by its lock, but for the line of those that wait for it.
//   A side's ticket is the number of its next item, from 0, and its index that one's slot, ticket % capacity, until delivery
//     is stopped.
//   A slot's item is touched only under the lock of the side whose turn it is; the turn goes on after that.
//   state_ is written under both locks, and may be read under either. The causes in it are written under the lock of the
//     pushes' line as well, so that they may be read under that one alone.
//   A line's lock is taken last, and alone by whoever waits: never with the other side's lock held.
#pragma once

#include <inquest/channel_options.hpp>
#include <inquest/close_callback.hpp>
#include <inquest/detail/blocked_call.hpp>
#include <inquest/detail/last_push.hpp>
#include <inquest/push_error.hpp>
#include <inquest/recovery.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// What a call that closes the channel has to do once it has released the locks: declare this before them. Wakes, then calls the
/// functions of `on_close`. It touches nothing of the channel, which may be destroyed by then.
class close_actions : public wake_list {
  public:
    close_actions() = default;
    close_actions(const close_actions&) = delete;
    close_actions& operator=(const close_actions&) = delete;
    ~close_actions() {
        if (list_) finish();
    }
    /// It has closed, under the locks, and there are functions to call; with the ending as it is when the locks are released.
    void note(const std::shared_ptr<close_callbacks>& list, pop_error ending) noexcept {
        list_ = list;
        ending_ = std::move(ending);
    }
    [[nodiscard]] bool has_closed() const noexcept { return list_ != nullptr; }
    /// Now, for an owner that has more to do.
    void finish() noexcept;

  private:
    std::shared_ptr<close_callbacks> list_; // null: nothing to call
    std::optional<pop_error> ending_;
};

/// Who closes the channel without a cause.
enum class closer : unsigned char { producer, receiver, resolver };

class channel_base : public std::enable_shared_from_this<channel_base> {
  public:
    channel_base(const channel_base&) = delete;
    channel_base& operator=(const channel_base&) = delete;
    virtual ~channel_base();

    [[nodiscard]] channel_serial serial() const noexcept { return serial_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
    /// What is undelivered is destroyed once delivery has ended.
    [[nodiscard]] bool discards_undelivered() const noexcept {
        return options_.undelivered == undelivered::discard;
    }
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] bool is_closed() const noexcept { return state_.is_closed(); }
    /// Closed, and what is queued is still delivered.
    [[nodiscard]] bool is_draining() const noexcept { return state_.is_draining(); }

    /// True in a forked child, for the parent's channels: nothing is touched, their lock least of all.
    [[nodiscard]] bool left_behind() const noexcept { return generation_ != fork_generation(); }

    // Ends. Each blocks for the channel's lock only.
    /// What is to be shown of it; null if enough is shown already.
    [[nodiscard]] shown_sender* add_sender() noexcept;
    void add_receiver() noexcept;
    /// `last_push` is null for one that pushed nothing.
    void drop_sender(bool finished, bool unwinding, const std::source_location* last_push) noexcept;
    void drop_receiver() noexcept;
    void finish_sender(const std::source_location& where) noexcept;
    /// The sender of a worker whose function is over: finished if that has completed its output, else abandoned.
    void end_output(const worker_record& record, const std::source_location* last_push) noexcept;
    /// A worker that reads this channel, from its start on. May throw std::bad_alloc.
    void attach(worker_record& record);
    /// Workers that are going to be attached: until so many have been, or are not to come any more, the channel does not
    /// close because all those that were have ended.
    void announce_workers(std::size_t n) noexcept;
    void renounce_workers(std::size_t n) noexcept;

    // Closing. True if this call did it.
    bool close(closer who, const std::source_location& where) noexcept;
    bool close_with(cause why) noexcept;
    bool abort_with(cause why) noexcept;
    /// Every call that waits now gives up, and says so. The stream goes on.
    void interrupt() noexcept;
    /// True once it has closed; false if the wait was ended before.
    [[nodiscard]] bool wait_closed(const wait_options& options);
    /// What ~channel does: lets attached workers drain a stream that has closed, ends delivery, and waits until every
    /// call that was blocked has left.
    void destroy() noexcept;

    /// `fn` is called once if the channel closes; and at once, on the calling thread, if it has. Returns the list that it was added
    /// to, or null. May throw std::bad_alloc.
    std::shared_ptr<close_callbacks> on_close(const std::shared_ptr<close_function>& fn);

    /// What is known of why it closed; empty if nothing is.
    [[nodiscard]] cause known_cause() const;
    /// What became of its items, at this moment. Those that `recover` is working on count as popped.
    [[nodiscard]] ledger count_items() const noexcept;
    /// What the workers that read it are doing. Allocates.
    [[nodiscard]] std::vector<still_running> glance_at_workers(clock::duration waited = {},
                                                               const cause& known = {}) const;
    /// How many senders have neither finished nor gone. Takes no lock.
    [[nodiscard]] std::size_t open_senders() const noexcept { return state_.senders(); }
    /// And what is shown of these. Takes no lock.
    [[nodiscard]] const shown_senders& shown() const noexcept { return shown_; }
    /// What `pop` returns now that the stream has ended; empty while it goes on.
    [[nodiscard]] std::optional<pop_error> ended() const;
    /// What a push that is not even tried returns.
    [[nodiscard]] push_error refusal(const std::source_location& where) const;

  protected:
    friend struct channel_inspector; // for tests
    friend class worker_inputs;

    /// The locks of both sides. None is held while the other is waited for: an item may be copied under that one. The push
    /// side's is released last, because a push that is refused next wants the other as well.
    struct both_locks {
        explicit both_locks(const channel_base& of)
            : push(of.push_.lock), pop(of.pop_.lock, std::try_to_lock) {
            if (pop.owns_lock()) return;
            push.unlock();
            std::lock(push, pop);
        }
        both_locks(const channel_base& of, std::try_to_lock_t)
            : push(of.push_.lock, std::try_to_lock), pop(of.pop_.lock, std::defer_lock) {
            if (push.owns_lock()) (void)pop.try_lock();
        }
        [[nodiscard]] bool owns_lock() const noexcept { return push.owns_lock() && pop.owns_lock(); }
        std::unique_lock<mutex> push, pop;
    };

    /// The slots' turns, each so many bytes after the one before.
    struct turns {
        turn* first = nullptr;
        std::size_t stride = 0;
        [[nodiscard]] turn& operator[](std::size_t index) const noexcept {
            return *reinterpret_cast<turn*>(reinterpret_cast<std::byte*>(first) + index * stride);
        }
    };

    /// Checks the capacity for slots of that size, and fills in what was left open. Throws std::invalid_argument,
    /// std::length_error.
    static void complete(channel_options& options, std::size_t slot_size, bool items_have_other_side);
    /// `brief`: items move without throwing, so that a side's lock is never held for long. The items' owner sets `turns_`.
    channel_base(channel_options&& options, bool brief);

    /// Until every call that waits in it has left, on a channel that has ended. They are not to know when it is destroyed.
    void wait_for_calls() noexcept;
    /// Reports to the hook items that the last worker left, and that nobody was told of or recovered. Called when nobody
    /// else is there any more.
    void report_leftovers() const noexcept;
    /// Destroys what is undelivered, outside the lock.
    virtual void discard_items() noexcept = 0;

    /// Whether the next push may fill its slot, or the next pop empty it, whose turn `its` is. With the side's lock held.
    [[nodiscard, gnu::always_inline]] bool may_push_to(const turn& its) const noexcept {
        return its.get() == 2 * push_.ticket && state_.is_open();
    }
    [[nodiscard, gnu::always_inline]] bool may_pop_from(const turn& its) const noexcept {
        return its.get() == 2 * pop_.ticket + 1 && !state_.is_stopped();
    }
    /// Wait until it may, and return nothing, or why the call gives up.
    [[nodiscard]] std::optional<gave_up> wait_for_room(blocked_call& call) const;
    [[nodiscard]] std::optional<gave_up> wait_for_item(blocked_call& call) const;

    // A push or pop of one item that is not done at once, whatever its type is.

    /// Fill the slot of the next push from `item`, or empty that of the next pop into it. What they throw passes through: nothing
    /// has changed then.
    using fill_next = void (*)(channel_base&, void* item);
    using empty_next = void (*)(channel_base&, void* item);
    /// With the side's lock held, which they take over.
    [[nodiscard]] std::expected<void, push_error>
    push_waiting(fill_next fill, void* item, wait_options options, std::source_location where);
    [[nodiscard]] std::optional<pop_error> pop_waiting(empty_next empty, void* item,
                                                       const wait_options& options);

    /// Takes all slots out of the channel's hands, to work on them without the lock; nobody else touches
    /// slots once delivery has ended. What is left at the end goes back.
    struct recovery_guard {
        /// Those that do not go back are counted in `into`.
        recovery_guard(channel_base& owner, std::uint64_t& into) noexcept;
        ~recovery_guard();
        recovery_guard(const recovery_guard&) = delete;
        recovery_guard& operator=(const recovery_guard&) = delete;
        channel_base& self;
        std::uint64_t& counted_in;
        std::uint64_t began = 0, first = 0, last = 0; // numbers of items
    };
    // Under both locks.
    std::uint64_t recovered_ = 0, discarded_ = 0, dropped_ = 0; // which the pops' ticket counts too

    /// With both locks held.
    [[nodiscard]] std::size_t queued() const noexcept {
        return static_cast<std::size_t>(push_.ticket - pop_.ticket);
    }
    // With push_.lock held.
    [[nodiscard]] push_error push_refused(gave_up why, const std::source_location& where,
                                          std::size_t accepted) const;
    // With pop_.lock held.
    [[nodiscard]] pop_error pop_refused(gave_up why) const;
    /// How the stream ends, once it has closed.
    [[nodiscard]] pop_error ending_now() const;
    // With both.
    void stop_delivery(close_actions& later) noexcept;
    /// A worker's end, which is published with that. Swaps `last`, which is the worker's own, with that of the worker that ended
    /// before it. True if items are to be discarded now: by `discard_detached`, once the locks are released.
    [[nodiscard]] bool detach(worker_record& record, cause& last, close_actions& later) noexcept;
    void discard_detached() noexcept;

    const channel_serial serial_ = next_channel_serial();
    const std::size_t capacity_;
    const channel_options options_;
    const wait_settings settings_;
    const unsigned generation_ = fork_generation();

    channel_side push_, pop_;
    stream_state state_;
    turns turns_; // never changes once set

  private:
    [[nodiscard]] wait_target target(const channel_side& its, std::uint64_t wanted) const noexcept;
    /// `by` says who, if there is more to say than which thread calls.
    void close_locked(status ending, close_actions& later, const std::source_location* where = nullptr,
                      cause by = {}) noexcept;
    void wake_all(wake_list& later) noexcept;
    /// The worker on this thread closed it itself, and nothing has failed since.
    [[nodiscard]] bool closed_by_this_worker() const noexcept;
    bool set_cause(cause&& why) noexcept;
    /// The last of them may have left because a push of its own was refused; then that one's cause is behind its end.
    void all_workers_ended(close_actions& later, const cause& behind = {}) noexcept;
    void wait_for_workers() noexcept;
    void discard_if_stopped() noexcept;
    void signal_last_worker_out() noexcept;
    [[nodiscard]] bool discards() const noexcept { return discards_undelivered() && queued() > 0; }
    static void name_this_thread(cause_record& into) noexcept;
    void close_after_last_sender(close_actions& later) noexcept;
    /// Prepares the event that a sender abandons the stream, unless the stream has failed already.
    cause_record* abandoned_event(const std::source_location* last_push) noexcept;

    shown_senders shown_; // added to under both locks
    // Somebody knows why items were left: a push that said so, or whatever kept the last worker from going on; under push_.lock.
    mutable bool leftovers_known_ = false;
    // Made by the first `on_close`, and never changed again; under both locks.
    std::shared_ptr<close_callbacks> callbacks_;
    // ~channel, waiting until all workers have ended; under both locks.
    waiter* last_worker_out_ = nullptr;
    wait_list wait_for_close_; // calls of wait_closed; under both locks
    // Allocated ahead, because they are needed in destructors. Each is written once, before it is published.
    std::shared_ptr<cause_record> event_ = std::make_shared<cause_record>();        // what becomes the cause
    std::shared_ptr<cause_record> closing_note_ = std::make_shared<cause_record>(); // who closed it
};

/// A handle's share of a channel, or of none. Programs copy and destroy these in many places, so that neither is inline.
class shared_channel {
  public:
    shared_channel() noexcept = default;
    /// Of a new one, which is destroyed if this throws std::bad_alloc. Not by std::make_shared, which the compiler would do anew
    /// for each type of items.
    explicit shared_channel(channel_base* fresh);
    shared_channel(const shared_channel& other) noexcept;
    shared_channel(shared_channel&& other) noexcept = default;
    shared_channel& operator=(const shared_channel& other) noexcept;
    shared_channel& operator=(shared_channel&& other) noexcept;
    ~shared_channel();

    void reset() noexcept;
    [[nodiscard]] channel_base* get() const noexcept { return channel_.get(); }
    [[nodiscard]] channel_base* operator->() const noexcept { return get(); }
    [[nodiscard]] std::weak_ptr<channel_base> weak() const noexcept { return channel_; }
    explicit operator bool() const noexcept { return get() != nullptr; }

  private:
    std::shared_ptr<channel_base> channel_;
};

/// An end that a worker's function is passed, and so may have moved from.
struct worker_end {
    shared_channel* channel;
    last_push* pushed; // null for a receiver
};

/// What a push that is not even tried returns: the sender has finished or was moved from, and then there is no channel.
[[nodiscard]] std::expected<void, push_error> refused_push(const shared_channel& channel,
                                                           const std::source_location& where);

/// Throws std::invalid_argument for an end that was moved from.
[[noreturn]] void refuse_moved_from(bool receiver);

// What the destructors of the ends do: the end is moved from at once.
void end_sender(shared_channel&& of, last_push& its_last, int unwinding_at_birth) noexcept;
void end_receiver(shared_channel&& of, bool unasked) noexcept;
// And what becomes of a sender that a worker's function was passed, when this is over.
void end_output(shared_channel&& of, last_push& its_last, const worker_record& record) noexcept;

}}} // namespace inquest::INQUEST_ABI::detail
