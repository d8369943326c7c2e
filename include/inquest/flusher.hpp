// A worker that writes in batches.
#pragma once

#include <inquest/detail/flush_progress.hpp>
#include <inquest/detail/minmax.hpp>
#include <inquest/detail/stage_function.hpp>
#include <inquest/detail/turnstile.hpp>
#include <inquest/worker_pool.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

/// What a push to a flusher does if there is no room.
enum class overflow : unsigned char {
    block,       ///< it waits
    drop_oldest, ///< the oldest items in the queue are destroyed, and counted
    fail,        ///< it fails, with a failure of kind `not_pushed`
};

/// How a flusher is built.
template <class T>
struct flusher_options {
    std::string name{};       ///< of the flusher, in messages and in the system's thread list
    std::size_t capacity = 0; ///< the most items that wait to be taken into a batch, at least 1
    std::size_t batch = 0;    ///< the most items in a batch, at least 1
    std::chrono::milliseconds linger{
        100}; ///< the longest that an item, once it is taken, waits for its batch to fill; 0: not at all, but what is queued is taken
    std::size_t bytes = 0; ///< a batch of so many bytes or more is full; 0: bytes are not counted
    std::function<std::size_t(const T&)> size_of{}; ///< how many an item has; called on the flusher's thread
    inquest::overflow overflow = inquest::overflow::block; ///< what a push does if there is no room
    inquest::on_exception on_exception = inquest::on_exception::record; ///< whether what it throws is caught
    thread_attributes thread{};    ///< stack, processors and priority of its thread
    std::uint64_t first_batch = 1; ///< the number of its first batch
};

/// A batch's number, and whether its fate is known; given to a flusher's function that takes it as its second argument. One that writes where
/// a commit can be lost on its way calls `sent` before it asks for the commit and `answered` once it knows what became of that. If the function
/// ends in between, by an error, an exception or the end of its thread, the batch may be written or not: it is in doubt.
class batch_commit {
  public:
    /// Of the batch with that number. A flusher makes them itself; this is for calling its function without one.
    explicit batch_commit(std::uint64_t number) noexcept : number_(number) {}
    /// Of the batch: each has the number of the one before and 1.
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    /// From now on the batch is in doubt.
    void sent() noexcept { in_doubt_ = true; }
    /// It is not any more: it is written if the function returns success, and else it is not.
    void answered() noexcept { in_doubt_ = false; }
    /// Whether it is.
    [[nodiscard]] bool is_in_doubt() const noexcept { return in_doubt_; }

  private:
    std::uint64_t number_;
    bool in_doubt_ = false;
};

/// What a flusher has not written, oldest first: the batch that was in its hands, and then what was queued.
template <class T>
struct unwritten {
    std::vector<T> batch{};   ///< which failed, or broke off
    std::uint64_t number = 0; ///< of that batch; if there is none, what the next would have had
    bool in_doubt =
        false; ///< that batch may be written: see `batch_commit`; kept, as the number is, for a later call
    std::vector<T> queued{}; ///< no batch had these yet
};

namespace detail {

/// To the failure hook.
/// @{
void report_left_in_hand(const std::string& flusher, std::size_t items) noexcept;
void report_dropped(const std::string& flusher, std::uint64_t items) noexcept;
/// @}

/// What a flusher and its worker share: the items in hand, and how far they have come.
template <class T>
struct flusher_state {
    explicit flusher_state(const std::string& its_name) : name(its_name) {}

    const std::string name;
    flush_progress progress;
    mutex guard;
    // protected by guard:
    std::uint64_t dropped_told = 0; // of how many dropped items somebody was told
    unwritten<T> left{};            // once the worker has ended
    bool broke_off = false;         // that was no failure of its own, which would be reported

    /// Nobody has asked for it.
    ~flusher_state() {
        if (broke_off && !left.batch.empty()) report_left_in_hand(name, left.batch.size());
    }
};

/// That a flusher's function is also given the batch's number and fate.
template <class T, class Fn>
inline constexpr bool takes_commit = std::is_invocable_v<Fn&, std::span<T>, batch_commit&>;
template <class T, class Fn>
using returned_for_batch =
    typename std::conditional_t<takes_commit<T, Fn>, std::invoke_result<Fn&, std::span<T>, batch_commit&>,
                                std::invoke_result<Fn&, std::span<T>>>::type;

/// What a flusher's worker runs.
template <class T, class Fn>
class batch_writer {
    using returned = returned_for_batch<T, Fn>;

  public:
    batch_writer(Fn&& fn, const flusher_options<T>& options, std::shared_ptr<flusher_state<T>> state)
        : fn_(std::move(fn)), most_(options.batch), bytes_(options.bytes), linger_(options.linger),
          size_of_(options.size_of), state_(std::move(state)), commit_(options.first_batch) {}

    /// When the worker has ended, also if it never started.
    ~batch_writer() { state_->progress.end(); }
    batch_writer(const batch_writer&) = delete;
    batch_writer& operator=(const batch_writer&) = delete;

    returned operator()(receiver<T>& in) {
        std::vector<T> batch;
        state_->progress.begin();
        at_end leaves{*state_, batch, commit_};
        for (;;) {
            const auto end = fill(batch, in);
            // Of a stream that broke off nobody says that this is all: what is in hand is left.
            if (end && *end != status::complete && *end != status::closed) {
                leaves.broke_off = true;
                break;
            }
            if (!batch.empty()) {
                if constexpr (std::is_void_v<returned>) {
                    write(batch);
                } else {
                    if (auto written = write(batch); !written) return written;
                }
                batch.clear();
                commit_ = batch_commit(commit_.number() + 1);
                written_ = number_in_hand();
                state_->progress.wrote(written_);
            }
            if (end) break;
        }
        return returned();
    }

  private:
    /// However the function ends: what it has in hand is left to be handed back.
    struct at_end {
        flusher_state<T>& state;
        std::vector<T>& batch;
        const batch_commit& commit;
        bool broke_off = false;
        ~at_end() {
            const std::lock_guard lock(state.guard);
            state.left.batch = std::move(batch);
            state.left.number = commit.number();
            state.left.in_doubt = commit.is_in_doubt();
            state.broke_off = broke_off;
        }
    };

    /// Of items that come without a pause, some share a look. If none is to wait, those that are there are taken for all that.
    [[nodiscard]] bool looks_at_clock(std::size_t taken) const noexcept {
        return taken % 16 == 0 && linger_.count() > 0;
    }
    returned write(std::vector<T>& batch) {
        note_in_hand(batch.size());
        if constexpr (takes_commit<T, Fn>)
            return fn_(std::span<T>(batch), commit_);
        else
            return fn_(std::span<T>(batch));
    }

    /// Takes items until the batch is full, or old enough, or wanted. How the stream has ended if it has.
    std::optional<status> fill(std::vector<T>& batch, receiver<T>& in) {
        std::size_t bytes = 0;
        clock::time_point until = forever;
        for (;;) {
            if (batch.size() ==
                batch.capacity()) // while nothing is in hand that could be lost if there is no memory
                batch.reserve(larger<std::size_t>(8, 2 * batch.size()));
            auto item = in.try_pop();
            if (!item && item.error().status() == status::empty) {
                if (state_->progress.may_wait()) {
                    item = in.pop_until(until);
                    state_->progress.has_waited();
                } else if (!batch.empty()) {
                    return std::nullopt;
                } else { // what is wanted was dropped, or is coming
                    const auto all = in.ledger().pushed;
                    item = in.try_pop();
                    if (!item && item.error().status() == status::empty) {
                        state_->progress.wrote(written_ = all);
                        continue;
                    }
                }
            }
            if (!item) {
                const auto why = item.error().status();
                if (why == status::interrupted) continue;
                if (why == status::timeout) return std::nullopt;
                return why;
            }
            if (batch.empty()) until = deadline_after(ticks(linger_));
            batch.push_back(*std::move(item));
            if (bytes_ != 0) bytes += size_of_(batch.back());
            if (batch.size() >= most_ || (bytes_ != 0 && bytes >= bytes_)) return std::nullopt;
            if (state_->progress.is_wanted(written_, number_in_hand())) return std::nullopt;
            if (looks_at_clock(batch.size()) && clock::now() >= until) return std::nullopt;
        }
    }

    Fn fn_;
    const std::size_t most_, bytes_;
    const std::chrono::milliseconds linger_;
    const std::function<std::size_t(const T&)> size_of_;
    const std::shared_ptr<flusher_state<T>> state_;
    batch_commit commit_;       // of the batch in hand
    std::uint64_t written_ = 0; // the last item
};

/// Throws std::invalid_argument for options that are none.
void refuse_bad_flusher(const std::string& name, std::size_t batch, std::size_t bytes, bool has_size);

} // namespace detail

/// A worker that takes what is pushed, and writes it in batches: when one is full, by count or by bytes; when its oldest item has
/// waited for long enough; when somebody asks for it by `flush`; and at the end. Made by `make_flusher`.
///
///     auto log = inquest::make_flusher<line>({.name = "log", .capacity = 1000, .batch = 100}, write_lines);
///     for (line& one : lines)
///         if (auto sent = log.push(std::move(one)); !sent) return std::unexpected(sent.error());
///     return log.finish(); // all is written, or this is why not
///
/// If a batch can't be written, the flusher has failed: pushes and flushes fail with that failure, and `recover` hands back that batch, then what
/// was queued. A batch of a stream that broke off, by `close` or `abort` with a cause, a stop, or a sender that was abandoned, is not written.
///
/// Any thread may call any operation; only moving and destroying it need exclusive access. The destructor closes it, and waits until what
/// was pushed is written. A failure that nobody has been handed goes to the failure hook.
template <class T, class E>
class [[nodiscard("keep the flusher: its destructor waits until all is written")]] flusher {
  public:
    /// The type of its items.
    using item_type = T;
    /// The type of its errors.
    using error_type = E;
    /// What most operations return: a failure is the flusher's own.
    using result_type = std::expected<void, failure<E>>;

    /// What was moved from can only be destroyed.
    flusher(flusher&&) noexcept = default;
    flusher& operator=(flusher&&) = delete;
    flusher(const flusher&) = delete;
    flusher& operator=(const flusher&) = delete;
    ~flusher() {
        if (!state_) return; // moved from
        close();
        const auto all = tx_.ledger().dropped, told = state_->dropped_told;
        if (all != told) detail::report_dropped(state_->name, all - told);
    }

    /// See `on_close` of a channel: called once the flusher takes no more, as when it has failed.
    template <class Fn>
        requires std::is_invocable_v<Fn&, const pop_error&>
    close_callback on_close(Fn fn) {
        return tx_.on_close(std::move(fn));
    }

    /// Queues the item; what it does if there is no room is one of the options. If the flusher has failed, waits for its end and returns
    /// its failure, or rethrows what it threw. The flusher's own function does not wait: if there is no room its push fails. The argument
    /// is moved from only if it was accepted.
    /// @{
    [[nodiscard]] result_type push(T&& item, std::source_location where = std::source_location::current()) {
        return push_as(std::move(item), where);
    }
    [[nodiscard]] result_type push(const T& item,
                                   std::source_location where = std::source_location::current())
        requires std::is_copy_constructible_v<T>
    {
        return push_as(item, where);
    }
    /// @}

    /// Waits until all that was pushed before is written, and no longer: what is in the current batch goes out with it. If the flusher has
    /// failed, or fails, before that, it is the failure, which is not rethrown. Not for the flusher's own function, which is told that.
    [[nodiscard("it may be the flusher's failure")]] result_type flush() {
        const auto last = tx_.ledger().pushed;
        if (state_->progress.is_writer()) return std::unexpected(inside());
        if (state_->progress.wait(last, detail::forever, [this] { tx_.interrupt(); })) return {};
        return std::unexpected(why_ended());
    }
    /// The same, no longer than `limit`. False if by then not all is written.
    template <class Rep, class Period>
    [[nodiscard("it may be the flusher's failure")]] std::expected<bool, failure<E>>
    flush_for(const std::chrono::duration<Rep, Period>& limit) {
        const auto until = detail::deadline_after(detail::ticks(limit));
        const auto last = tx_.ledger().pushed;
        if (state_->progress.is_writer()) return std::unexpected(inside());
        if (state_->progress.wait(last, until, [this] { tx_.interrupt(); })) return true;
        if (!state_->progress.has_ended()) return false;
        return std::unexpected(why_ended());
    }

    /// No more is taken. Does not wait. True if this call closed it.
    bool close() noexcept { return pool_.close(); }
    /// The same, with a failure: what is queued is still taken, but the batch that is not full by then is not written.
    bool close(inquest::cause why) noexcept { return pool_.close(std::move(why)); }
    /// Closes it, waits until all is written, and returns the failure if it is not; rethrows what the function threw.
    [[nodiscard("it may be the flusher's failure")]] result_type finish() {
        if (auto done = pool_.finish(); !done) return done;
        const std::lock_guard lock(state_->guard);
        if (state_->left.batch.empty()) return {};
        return std::unexpected(only_text("the flusher has ended with items in hand that are not written"));
    }
    /// Asks it to stop: what it has in hand, and what is queued, stays. Does not wait.
    void request_stop() noexcept { pool_.request_stop(); }

    /// What was not written: the batch that failed or broke off, and what was queued. Closes it, and ends it at once, if it has
    /// not ended; call `finish` or a failed `push` before. The items are handed back once. Throws std::bad_alloc.
    [[nodiscard]] unwritten<T> recover() {
        const std::lock_guard lock(state_->guard);
        auto& left = state_->left;
        // Into what is kept: if there is no memory, all of it can still be asked for.
        (void)pool_.recover([&](T&& item) { left.queued.push_back(std::move(item)); });
        return std::exchange(left, {.number = left.number, .in_doubt = left.in_doubt});
    }
    /// How many items `overflow::drop_oldest` has destroyed. Those that nobody has asked about by the time the flusher is destroyed are
    /// reported to the failure hook.
    [[nodiscard]] std::uint64_t dropped() const noexcept {
        const std::lock_guard lock(state_->guard);
        return state_->dropped_told = tx_.ledger().dropped;
    }
    /// Items queued now, without those in hand.
    [[nodiscard]] std::size_t size() const noexcept { return pool_.size(); }
    /// True once nothing more can be pushed.
    [[nodiscard]] bool is_closed() const noexcept { return pool_.is_closed(); }

  private:
    template <class Item, class Fn>
    friend auto make_flusher(flusher_options<Item> options, Fn fn);
    using pool = worker_pool<T, void, E>;
    flusher(pool&& its, std::shared_ptr<detail::flusher_state<T>> state, inquest::overflow overflow)
        : pool_(std::move(its)), tx_(pool_.make_sender()), state_(std::move(state)), overflow_(overflow) {}

    template <class U>
    result_type push_as(U&& item, std::source_location where) {
        for (;;) {
            const auto refused = refusal_of(std::forward<U>(item), where);
            if (!refused) return {};
            if (refused->status() == status::interrupted) continue; // to wake the worker, for a flush
            if (refused->status() == status::full || refused->status() == status::stopped)
                return std::unexpected(only_text(refused->message(), cause_kind::not_pushed));
            return pool_.try_push(std::forward<U>(item), where); // it has closed: this says why
        }
    }
    template <class U>
    std::optional<push_error> refusal_of(U&& item, std::source_location where) {
        const auto error_of = [](auto sent) {
            return sent ? std::optional<push_error>() : std::optional(std::move(sent).error());
        };
        if (overflow_ == inquest::overflow::drop_oldest)
            return error_of(tx_.push_or_drop_oldest(std::forward<U>(item), where));
        // Room that the function itself would make it does not wait for.
        if (overflow_ == inquest::overflow::block && !state_->progress.is_writer())
            return error_of(tx_.push(std::forward<U>(item), where));
        return error_of(tx_.try_push(std::forward<U>(item), where));
    }
    /// Once the worker has ended, or is about to.
    failure<E> why_ended() {
        if (auto why = pool_.report()) return *std::move(why);
        return only_text("the flusher has ended, and not all is written");
    }
    static failure<E> inside() { return only_text("asked from inside the flusher, so not waited for"); }
    static failure<E> only_text(std::string text, cause_kind kind = cause_kind::unexplained) {
        return failure<E>(detail::typed_anew{},
                          failure<>(detail::unexplained(std::move(text), inquest::cause(), kind)));
    }

    pool pool_;
    sender<T> tx_; // of its channel, for what the pool does not offer
    std::shared_ptr<detail::flusher_state<T>> state_;
    inquest::overflow overflow_;
};

/// Makes a flusher of items of type T. The function is called on its thread with each batch, a `std::span<T>` of at least one item, and, if
/// it takes one, the batch's `batch_commit&`; it returns nothing, or a std::expected<void, E>; if that is an error, or it throws, the flusher has failed, and what it has left in the span is what
/// `recover` hands back. Throws std::invalid_argument for no name, no room, no batch, or bytes without `size_of`; std::bad_alloc.
template <class T, class Fn>
auto make_flusher(flusher_options<T> options, Fn fn) {
    static_assert(detail::takes_commit<T, Fn> || std::is_invocable_v<Fn&, std::span<T>>,
                  "a flusher's function takes a batch: std::span<T>, or that and a batch_commit&");
    using returned = detail::returned_for_batch<T, Fn>;
    static_assert(std::is_void_v<returned> || std::is_void_v<detail::value_returned<returned>>,
                  "a flusher's function returns nothing, or a std::expected<void, E>");
    detail::refuse_bad_flusher(options.name, options.batch, options.bytes, options.size_of != nullptr);
    detail::refuse_empty(fn);
    auto state = std::make_shared<detail::flusher_state<T>>(options.name);
    state->left.number = options.first_batch;
    // The pool copies its function.
    auto writer = std::make_shared<detail::batch_writer<T, Fn>>(std::move(fn), options, state);
    auto pool = make_pool<T>({.name = std::move(options.name),
                              .capacity = options.capacity,
                              .on_exception = options.on_exception,
                              .thread = std::move(options.thread)},
                             [writer = std::move(writer)](receiver<T>& in) { return (*writer)(in); });
    using error = typename decltype(pool)::error_type;
    return flusher<T, error>(std::move(pool), std::move(state), options.overflow);
}

}} // namespace inquest::INQUEST_ABI
