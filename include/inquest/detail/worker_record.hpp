// What the library knows of one worker: who it is, what it is doing, how it ended.
#pragma once

#include <inquest/cause.hpp>
#include <inquest/detail/atomics.hpp>
#include <inquest/detail/latch.hpp>
#include <inquest/detail/minmax.hpp>
#include <inquest/detail/owned_thread.hpp>
#include <inquest/detail/serials.hpp>
#include <inquest/detail/worker_identity.hpp>
#include <inquest/failure.hpp>
#include <inquest/status.hpp>
#include <inquest/still_running.hpp>
#include <inquest/worker_options.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

class worker_record;

/// What was promised of a worker's result to somebody who took its future.
class promised_result {
  public:
    virtual ~promised_result();
    promised_result(const promised_result&) = delete;
    promised_result& operator=(const promised_result&) = delete;
    /// Once the outcome is written.
    virtual void fulfil() noexcept = 0;

  protected:
    promised_result() = default;
};

/// The worker whose function runs on the calling thread, or null.
extern constinit thread_local worker_record* current_worker;

/// One worker's record. As a cause_record it is written by the worker's thread up to `publish`, then
/// immutable.
class worker_record : public cause_record, public std::enable_shared_from_this<worker_record> {
  public:
    explicit worker_record(std::string name, on_destroy destroyed = on_destroy::drain);
    virtual ~worker_record();
    worker_record(const worker_record&) = delete;
    worker_record& operator=(const worker_record&) = delete;

    // On the worker's own thread only, through `current_worker`.

    /// Whether a pop of one item from `channel` is just what the worker is for: attached there, and not asked to stop.
    [[nodiscard]] bool is_unstopped_at(channel_serial channel) const noexcept {
        return unstopped_channel.get() == channel;
    }
    /// Then: it took item `number`.
    void note_item(std::uint64_t number) noexcept { last_item.set(number); }
    /// A pop took item `number` of `channel`, after `before` others of the same call.
    void note_items(channel_serial channel, std::size_t before, std::uint64_t number) noexcept {
        if (inputs.size() != 1 || inputs.front().channel != channel) {
            const auto* const from = find_input(channel);
            if (!from && !inputs.empty()) return;
            last_from.set(from);
            ended_after.set(0);        // the end was another channel's
            interrupted_after.reset(); // and numbers are each channel's own
        }
        if (before == 1) range_first.set(last_item.get());
        if (before > 0) range_last.set(number);
        last_item.set(number);
    }
    /// It is working on so many items, up to the one that it took last.
    void note_range(std::size_t count) noexcept {
        const auto last = last_item.get();
        range_first.set(last - smaller<std::uint64_t>(count - 1, last - 1));
        range_last.set(last);
        ended_after.set(0); // although the end is known, it is not after these
    }
    /// A push to `channel` was refused, for that cause if there is one: what follows on this thread may be a consequence.
    void note_refused_push(channel_serial channel, const cause& why) noexcept;
    /// A pop on `channel` reported `ending`: any status but empty and timeout. One that the worker brought about itself, by
    /// closing, is to be reported as `complete`.
    void note_ending(channel_serial channel, status ending, const cause& why) noexcept;
    /// A pop on `channel` was interrupted: if nothing is popped after that, what the function pushed may not be complete.
    void note_interrupt(channel_serial channel) noexcept {
        if (find_input(channel)) interrupted_after = last_item.get();
    }
    /// The function asked how `channel`'s stream has ended, and so knows.
    void acknowledge(channel_serial channel) noexcept;

    /// Turns a returned success into what it is: one over a broken stream is a failure. On the worker's
    /// thread.
    void record_success() noexcept;
    /// A returned failure: of another worker's end it is passed on, of anything else it is this worker's own.
    void record_failure(const failure<>& its) noexcept;
    /// Its function was handed the failure with this number. False if that is known.
    bool note_handed(std::uint64_t number) noexcept;

    /// When its function is over and its outcome written, before anybody sees that: decides whether what it was to push is complete,
    /// and because of whose failure it ended, if that was another's.
    void conclude() noexcept;
    /// Once it is published: why its output is not complete. If it ended because of another's failure, that one; else its own. Empty
    /// if nothing failed.
    [[nodiscard]] cause root() const noexcept;

    /// Asks the thread's own token, so that whoever has seen it stopped is not given an item after that; but only if
    /// a request is on its way or there.
    [[nodiscard]] bool stop_requested() const noexcept {
        return unstopped_channel.get() == stopping && stop.stop_requested();
    }

    // Any thread.

    /// Requests the stop of `its` thread: the only way to. In this order: whoever has seen the request, as a call that is
    /// about to park does, has to see that there is one to ask for.
    bool request_stop(owned_thread& its) noexcept {
        announce_stop();
        return its.request_stop();
    }
    void announce_stop() noexcept { unstopped_channel.set(stopping); }
    /// Before the thread starts. May throw std::bad_alloc.
    void attach(channel_serial channel, const std::string& name);
    /// It reads that channel.
    [[nodiscard]] bool is_attached_to(channel_serial channel) const noexcept {
        return find_input(channel) != nullptr;
    }
    /// It, or the one whose thread runs it, reads that channel.
    [[nodiscard]] bool is_inside(channel_serial channel) const noexcept;
    /// It, or the one whose thread runs it, reads a channel that `other` reads too.
    [[nodiscard]] bool is_beside(const worker_record& other) const noexcept;
    /// Ends the blocked call the worker is in, if any, once its stop was requested. The worker's one stop callback.
    void interrupt() noexcept;
    /// The outcome can be read: it was written before.
    [[nodiscard]] bool is_published() const noexcept { return published.load(); }
    /// The items it is working on.
    [[nodiscard]] item_range current_items() const noexcept {
        const auto last = last_item.get(); // a glance from elsewhere may fall between these
        const auto first = range_last.get() == last ? smaller(range_first.get(), last) : last;
        return {first, last, last != 0 && ended_after.get() == last};
    }
    /// Only once published.
    [[nodiscard]] bool failed() const noexcept { return kind != cause_kind::finished; }

    /// The call that the worker is blocked in, if any.
    struct blocked_at {
        waiter* node = nullptr; // where request_stop finds it; null if it obeys a token of its own
        const std::string* channel = nullptr; // its name
        inquest::activity activity = activity::running;
    };
    /// Returns what was set before: of the call around this one, if an item's copy blocks in another channel.
    blocked_at set_blocked(const blocked_at& where) noexcept;
    /// It waits in a pop of the channel whose name this very string is.
    [[nodiscard]] bool pops_from(const std::string& channel) const noexcept;
    [[nodiscard]] activity doing() const noexcept;
    /// What it is doing now. Allocates.
    [[nodiscard]] still_running glance(clock::duration waited, cause known) const;

    /// This record as the cause it is, or the one that it passes on. Only once its outcome is written.
    [[nodiscard]] cause as_cause() const;
    /// Its failure with the others in it, or nothing if it did not fail. Nobody has observed it by that. Only once its outcome is
    /// written.
    [[nodiscard]] std::optional<failure<>> as_failure() const;
    /// The same, which rethrows what its function threw; that counts as observed.
    [[nodiscard]] std::optional<failure<>> as_failure_or_rethrow() const;
    /// What its future throws if there is neither an error nor an exception: an `ended`. Once its outcome is written.
    [[nodiscard]] std::exception_ptr as_ended() const noexcept;
    /// The other failures in what its function returned. Only once its outcome is written.
    [[nodiscard]] std::span<const cause> also_failed() const noexcept;
    /// Its future is taken: whoever has that observes the failure there, also one yet to come. Fulfilled by the worker's thread, but
    /// here if that has come to its end.
    void promise(std::unique_ptr<promised_result> result) noexcept;
    /// Fulfils what was promised. On the worker's thread, when its function is destroyed.
    void fulfil_promise() noexcept;
    /// Its failure, with all that is in it, is observed for good.
    void observe_returned() const noexcept;

    const unsigned generation = fork_generation();
    const std::shared_ptr<worker_identity> identity;
    const bool drains; // destroying the handle or the channel waits for a stream that has closed
    atomic<std::uint64_t> thread_serial{0}; // the thread's own, once it runs; never given twice
    static constexpr channel_serial stopping = no_channel, not_one = ~channel_serial{0};
    /// The one channel that it is attached to, or `not_one` if it is none or several, until a stop is requested; ahead of
    /// that, `stopping`.
    relaxed<channel_serial> unstopped_channel{not_one};
    stop_token stop;                 // set before the function runs, and read on its thread only
    worker_record* around = nullptr; // the one whose thread runs this one, as a job
    /// A channel that it reads.
    struct input {
        channel_serial channel;
        std::string name;
        // Of its stream, once a pop has reported it; on the worker's thread only.
        bool complete = false, broken = false;
        cause why{}; // of a broken one
    };
    std::vector<input> inputs;           // set before the function runs
    std::vector<channel_serial> outputs; // of the senders that it is passed; as well
    atomic<bool> published{false};
    latch done;                   // opened after what was promised was fulfilled, the last act of the thread
    atomic<bool> orphaned{false}; // its handle was destroyed on the worker's own thread

    // Written before it is published.
    // What its function returned, if that was a failure. The causes in it were published before: they never lead back
    // here.
    std::optional<failure<>> returned;
    bool passes_on = false;     // its failure is the cause in `returned`, and none of its own
    bool has_completed = false; // what its function was to push
    cause because_of;           // the failure of another because of which it ended

    // Written on the worker's thread only, read from elsewhere.
    relaxed<std::uint64_t> last_item;               // the item it took last
    relaxed<const input*> last_from;                // and from where, if it reads several channels
    relaxed<std::uint64_t> range_first, range_last; // of the last call that took several
    relaxed<std::uint64_t> ended_after; // the item it had taken last when pop on its channel reported an end

    // Written and read on the worker's thread only.
    bool was_refused = false;                       // a push to one of its outputs
    std::optional<std::uint64_t> interrupted_after; // the item it had taken last when a pop was interrupted
    cause refused_by;               // the failure because of which the first was, if it was one
    bool saw_broken_stream = false; // some call reported an ending other than complete, or was stopped
    /// A stream that a pop found broken.
    struct broken_stream {
        channel_serial channel = no_channel;
        cause why;
        status ending = status::complete;
        bool known = false; // the function has asked `ended`
    };
    std::array<broken_stream, 4> broken; // the first ones; more than these can't be asked for
    std::size_t broken_count = 0;
    // The failures that its function was handed last, by number. One that is forgotten counts as observed for good.
    std::array<std::uint64_t, 16> handed{};
    std::size_t handed_next = 0;

  private:
    [[nodiscard]] const input* find_input(channel_serial channel) const noexcept;
    /// Under the lock.
    [[nodiscard]] inquest::activity doing_now() const noexcept {
        return is_published() ? activity::ending : blocked_.activity;
    }

    mutable mutex mutex_;
    // protected by mutex_:
    blocked_at blocked_;
    std::unique_ptr<promised_result> promised_;
    bool too_late_to_promise_ = false; // for the worker's thread to fulfil
};

/// The record of a worker that failed, if the cause is one's end; else null.
[[nodiscard]] const cause_record* failed_worker(const cause& why) noexcept;
/// Notes that the calling thread is handed a cause, or all that are in a failure. To be called when it is certain that
/// it gets them.
void observe(const cause& handed_out) noexcept;
void observe(const failure<>& handed_out) noexcept;

/// Reports to the hook a failure nobody observed, and others that the worker passed on with it. Called once for a worker
/// object that is destroyed.
void report_if_unobserved(const worker_record& record) noexcept;
/// Notes that the calling thread knows how a stream has ended.
void observe_ending(const cause& why) noexcept;
/// Reports to the hook a failure that is no worker's, whose object would report it; once, and not if somebody knows it.
void report_if_nobodys(const cause& why) noexcept;

}}} // namespace inquest::INQUEST_ABI::detail
