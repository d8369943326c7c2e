// The queue and its ends.
#pragma once

#include <inquest/close_callback.hpp>
#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/misuse.hpp>
#include <inquest/pop_operations.hpp>
#include <inquest/push_operations.hpp>

#include <chrono>
#include <expected>
#include <iterator>
#include <optional>
#include <ranges>
#include <source_location>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

template <class T>
class sender;
template <class T>
class receiver;
template <class T, class E>
class worker;
template <class T>
class channel_handle;

/// Makes a channel and its first two ends: `auto [tx, rx] = make_channel<int>(16);`
/// Throws std::invalid_argument for capacity 0 and std::length_error for one too large, before anything is
/// allocated; std::bad_alloc. Nothing is allocated later on push or pop.
template <class T>
[[nodiscard]] std::pair<sender<T>, receiver<T>> make_channel(channel_options options);
/// The same, with nothing but a capacity chosen.
template <class T>
[[nodiscard]] std::pair<sender<T>, receiver<T>> make_channel(std::size_t capacity);

/// Workers that are going to be spawned on one channel: as long as some of them have not been, the channel does not close
/// because those that were have all ended. Without it, the first of several that are spawned in a loop may end, and close
/// the channel, before the second is there:
///
///     const auto announced = rx.announce_workers(4);
///     for (int i = 0; i < 4; ++i) workers.push_back(spawn("parse", rx, parse));
///
/// Each spawn on the channel, from whatever thread, uses up one. The destructor renounces those that are left, so that an
/// exception in the loop leaves nobody waiting for workers that never come; if none is attached then, the channel closes
/// as it does when the last one ends. One at a time for each channel: of two, the one destroyed first may renounce places of
/// the other. Only moving and destroying it need exclusive access. Nothing blocks or throws.
class announced_workers {
  public:
    /// Leaves `other` with none to renounce.
    announced_workers(announced_workers&& other) noexcept = default;
    /// Swaps them.
    announced_workers& operator=(announced_workers&& other) noexcept {
        std::swap(channel_, other.channel_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~announced_workers() {
        if (channel_) channel_->renounce_workers(count_);
    }

  private:
    template <class T>
    friend class channel_handle;
    announced_workers(detail::shared_channel channel, std::size_t count) noexcept
        : channel_(std::move(channel)), count_(count) {
        if (channel_) channel_->announce_workers(count_);
    }
    detail::shared_channel channel_;
    std::size_t count_;
};

namespace detail {

template <class T>
inline constexpr bool has_other_side<sender<T>> = true;
template <class T>
inline constexpr bool has_other_side<receiver<T>> = true;

struct handle_access;     // lets the library's own parts reach an end's core
struct channel_inspector; // and its tests

} // namespace detail

/// What every handle on a channel can be asked. Each call blocks for the channel's lock at most, and runs no code of
/// the user's unless it says so; any thread may make it; a handle of no channel, moved from or never
/// assigned, behaves as a closed, empty channel of capacity 0.
template <class T>
class channel_handle {
  public:
    /// Items queued now.
    [[nodiscard]] std::size_t size() const noexcept { return core_ ? core_->size() : 0; }
    /// Nothing is queued now.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// The most that can be queued.
    [[nodiscard]] std::size_t capacity() const noexcept { return core_ ? core_->capacity() : 0; }
    /// True once nothing more can be pushed. Items may still be queued.
    [[nodiscard]] bool is_closed() const noexcept { return !core_ || core_->is_closed(); }
    /// What is known of why the channel closed; empty if nothing is.
    [[nodiscard]] inquest::cause cause() const { return core_ ? core_->known_cause() : inquest::cause{}; }

    /// Closes with a failure: pushes fail `closed`, pops drain and then end `truncated`, both with this
    /// cause. A channel that is closed already is given the cause if it has none. True if this cause is now
    /// the channel's.
    bool close(inquest::cause why) noexcept { return core_ && core_->close_with(std::move(why)); }
    /// Ends the stream at once, also one that is closed or finished already: pushes fail `closed`, pops end
    /// `aborted`, what is queued is left for `recover`, or destroyed here if the channel discards what is undelivered:
    /// if its options say so, or say nothing and T is an end of a channel, a promise or a packaged task. Those that wait on
    /// kept items, as on a reply that one carries, go on waiting until they are recovered. True if this cause is now the
    /// channel's.
    bool abort(inquest::cause why) noexcept { return core_ && core_->abort_with(std::move(why)); }

    /// Wakes every push and pop that waits in the channel now: it takes what it waited for if that has come, and fails with
    /// `interrupted` if not. Nothing else changes: the stream goes on, calls that come later wait. A range in which a call has waited
    /// counts as waiting; a `for` loop waits again. For code whose threads are to look at something else; to end a stream, close it. A
    /// worker that ends after a pop that was interrupted has not completed what it was to push. Blocks for the channel's locks only.
    void interrupt() noexcept {
        if (core_) core_->interrupt();
    }

    /// Waits until nothing more can be pushed, whoever closes the channel; items may still be queued. False if a stop was
    /// requested before: by `stop` if it is given, else of the worker on whose thread it is called.
    [[nodiscard]] bool wait_closed(detail::stop_token_ref stop = {}) const {
        return closes_within(detail::wait_options::under(stop));
    }
    /// The same, no longer than `limit`.
    template <class Rep, class Period>
    [[nodiscard]] bool wait_closed_for(const std::chrono::duration<Rep, Period>& limit,
                                       detail::stop_token_ref stop = {}) const {
        return closes_within(detail::wait_options::up_to(limit, stop));
    }
    /// The same, no longer than until `deadline`.
    template <class Clock, class Duration>
    [[nodiscard]] bool wait_closed_until(const std::chrono::time_point<Clock, Duration>& deadline,
                                         detail::stop_token_ref stop = {}) const {
        return closes_within(detail::wait_options::until(deadline, stop));
    }

    /// What became of the items so far. All zero for an end of no channel.
    [[nodiscard]] inquest::ledger ledger() const noexcept {
        return core_ ? core_->count_items() : inquest::ledger{};
    }

    /// Hands what nobody popped to `sink`, as T&& and oldest first, on the calling thread; returns how many. The sink may take an
    /// item_origin too, for the item's number.
    /// Closes the channel if it is still open and ends delivery: blocked pops end `aborted`. The sink runs
    /// outside every lock. If it throws, the exception passes through, and this item and the rest can be
    /// recovered again.
    template <class Sink>
        requires detail::item_sink<Sink, typename detail::ring<T>::handed_out>
    std::size_t recover(Sink&& sink) {
        return core_ ? core_->recover(sink) : 0;
    }
    /// The same, into a vector. Items are moved if T moves without throwing, and copied otherwise; a T that can do
    /// neither has only the form above. Throws std::bad_alloc and what copying throws, and then every item is still
    /// queued, unchanged, to be recovered again.
    [[nodiscard]] std::vector<T> recover() { return core_ ? core_->recover() : std::vector<T>(); }

    /// Calls `fn(ending)` once when the channel closes, whoever closes it: on the thread that does, outside every lock, when
    /// whoever was blocked in it has been woken; at once, on the calling thread, if it has closed already. Use it to wake a
    /// producer that is blocked in `read` or `poll`: let `fn` write to a pipe or an eventfd that is polled too. `ending` is how pops
    /// end once they have taken what is left: a status and a cause, as in a pop_error. The function may use the channel, and then is
    /// to be removed before a `channel<T>` is destroyed; it must not wait for the thread that it runs on. What it throws is
    /// written to standard error and goes no further. Of several, those that were added first are called first. Blocks for
    /// the channel's lock only. Throws std::bad_alloc and what copying the function throws.
    template <class Fn>
        requires std::is_invocable_v<Fn&, const pop_error&>
    close_callback on_close(Fn fn) {
        return detail::call_on_close(core_, std::move(fn));
    }

    /// Says that `count` workers are going to be spawned on this channel.
    [[nodiscard]] announced_workers announce_workers(std::size_t count) const noexcept {
        return {core_, count};
    }

    /// @cond
  protected:
    friend detail::handle_access;
    friend detail::channel_inspector;
    explicit channel_handle(detail::shared_ring<T> core) noexcept : core_(std::move(core)) {}

    template <class U>
    [[gnu::always_inline]] std::expected<void, push_error> send(U& item, const detail::wait_options& options,
                                                                std::source_location where) {
        if (!core_) return std::unexpected(push_error(status::closed, {}, where));
        held_core<U> core = core_;
        return core->push(item, options, where);
    }
    template <class U>
    std::expected<void, push_error> send(U* items, std::size_t n, std::size_t& accepted,
                                         const detail::wait_options& options,
                                         const std::source_location& where) {
        if (!core_) return std::unexpected(push_error(status::closed, {}, where));
        held_core<U> core = core_;
        return core->push(items, n, accepted, options, where);
    }
    [[nodiscard]] bool closes_within(const detail::wait_options& options) const {
        return !core_ || core_->wait_closed(options);
    }
    // What is dropped is not moved once more on its way: that may throw.
    template <class U>
    std::expected<std::optional<T>, push_error> send_or_drop(U& item, const std::source_location& where) {
        held_core<U> core = core_;
        return core ? core->push_or_drop(item, where)
                    : std::expected<std::optional<T>, push_error>(std::unexpect,
                                                                  push_error(status::closed, {}, where));
    }
    [[gnu::always_inline]] std::expected<T, pop_error> receive(const detail::wait_options& options) {
        if (!core_) return std::unexpected(pop_error(status::closed));
        return core_->pop(options);
    }
    std::expected<std::size_t, pop_error> receive(std::vector<T>& into, const detail::item_count& count,
                                                  const detail::wait_options& options) {
        if (!core_) return std::unexpected(pop_error(status::closed));
        return core_->pop(into, count, options);
    }
    // Several calls, between which ~channel waits for nobody.
    std::expected<std::size_t, pop_error> receive_all(std::vector<T>& into,
                                                      const detail::wait_options& options) {
        const detail::shared_ring<T> alive = core_;
        const std::size_t before = into.size();
        for (;;) {
            auto got = alive ? alive->pop(into, {.max = into.max_size()}, options)
                             : std::unexpected(pop_error(status::closed));
            if (got) continue;
            if (got.error().status() == status::complete) return into.size() - before;
            return got;
        }
    }

    // While a copy is made no lock is held, and ~channel does not wait for that: the call keeps the core alive.
    template <class U>
    using held_core = std::conditional_t<detail::ring<T>::template copied_outside<U>,
                                         const detail::shared_ring<T>, const detail::shared_ring<T>&>;

    detail::shared_ring<T> core_;
    /// @endcond
};

namespace detail {

struct handle_access {
    template <class T>
    static const shared_ring<T>& core(const channel_handle<T>& of) noexcept {
        return of.core_;
    }
    template <class T>
    static receiver<T> make_receiver(shared_ring<T> core) {
        return receiver<T>(std::move(core));
    }
    template <class T>
    static sender<T> make_sender(shared_ring<T> core) {
        return sender<T>(std::move(core));
    }
    /// What its destructor does, ahead of it: it is moved from after that.
    static void drop(auto& end) noexcept { end.drop(); }
    /// An end that a worker's function is passed.
    template <class T>
    static worker_end to_worker_end(receiver<T>& its) noexcept {
        return {&its.core_, nullptr};
    }
    template <class T>
    static worker_end to_worker_end(sender<T>& its) noexcept {
        return {&its.core_, &its.last_push_};
    }
};

} // namespace detail

/// A producer's end, counted. Any thread may call any operation of one sender; only assigning, moving and
/// destroying it need exclusive access.
///
/// A sender says `finish()` when it has pushed all there is. One that is destroyed without that *abandons* the stream
/// if it pushed anything, is destroyed by an exception, or is the last and none ever finished: the consumers
/// are then told that the stream is truncated.
template <class T>
class sender : public channel_handle<T>, public push_operations<sender<T>, T> {
  public:
    /// The type of its items.
    using value_type = T;

    /// Of no channel, as one that was moved from: to be assigned later.
    sender() noexcept : channel_handle<T>(detail::shared_ring<T>()) {}
    /// One more sender, which has pushed nothing yet; of one that has finished, another that has.
    sender(const sender& other) : channel_handle<T>(other), last_push_(other.last_push_) {
        if (this->core_ && !last_push_.is_finished()) last_push_.show_in(this->core_->add_sender());
    }
    /// `other` is moved from: it takes no more pushes, and destroying it does nothing.
    sender(sender&& other) noexcept
        : channel_handle<T>(std::move(other)), last_push_(std::move(other.last_push_)) {}
    /// The end held before is dropped as by the destructor.
    sender& operator=(const sender& other) {
        if (this != &other) *this = sender(other);
        return *this;
    }
    /// The end held before is dropped as by the destructor.
    sender& operator=(sender&& other) noexcept {
        if (this != &other) {
            drop();
            this->core_ = std::move(other.core_);
            last_push_ = std::move(other.last_push_);
        }
        return *this;
    }
    /// Abandons the stream, if it has not finished: see above.
    ~sender() { drop(); }

    /// All was pushed. The channel closes when every sender has finished or gone; what is queued is still
    /// delivered, and pop then says `complete`, or `truncated` if another sender abandoned the stream.
    /// This sender takes no more pushes (`closed`); a second call does nothing. A push that is blocked in it already goes
    /// in if there is room before the channel closes; if the channel closes first it fails `closed`, its value untouched.
    /// `where` appears in messages, as for every call that closes.
    void finish(std::source_location where = std::source_location::current()) noexcept {
        if (this->core_ && last_push_.finish()) this->core_->finish_sender(where);
    }

    using channel_handle<T>::close;
    /// Closes for everybody, whatever other senders are alive: what is queued is still delivered, then pop
    /// says `complete`. True if this call closed it.
    bool close(std::source_location where = std::source_location::current()) noexcept {
        return this->core_ && this->core_->close(detail::closer::producer, where);
    }

  private:
    template <class U>
    friend std::pair<sender<U>, receiver<U>> make_channel(channel_options);
    friend detail::handle_access;
    explicit sender(detail::shared_ring<T> core) noexcept
        : channel_handle<T>(std::move(core)), last_push_(this->core_->add_sender()) {}

    friend push_operations<sender<T>, T>;
    template <class U>
    [[gnu::always_inline]] std::expected<void, push_error> send(U& item, const detail::wait_options& options,
                                                                std::source_location where) {
        // As a rule it is: a producer's loop has one place. Then the sender is neither finished nor moved from.
        if (!last_push_.matches(where)) return send_from_elsewhere(item, options, where);
        typename channel_handle<T>::template held_core<U> core = this->core_;
        return core->push(item, options, where);
    }
    template <class U>
    [[gnu::noinline]] std::expected<void, push_error>
    send_from_elsewhere(U& item, detail::wait_options options, std::source_location where) {
        if (last_push_.is_finished()) return detail::refused_push(this->core_, where);
        typename channel_handle<T>::template held_core<U> core = this->core_;
        auto sent = core->push(item, options, where);
        if (sent) last_push_.note(where);
        return sent;
    }
    template <class U>
    std::expected<void, push_error> send(U* items, std::size_t n, std::size_t& accepted,
                                         const detail::wait_options& options,
                                         const std::source_location& where) {
        if (last_push_.is_finished()) return detail::refused_push(this->core_, where);
        // However the push is left, an exception and a cancellation included, what went in was pushed.
        struct noting {
            sender& self;
            const std::size_t& accepted;
            const std::source_location& where;
            ~noting() {
                if (accepted > 0) self.last_push_.note(where);
            }
        } const at_end{*this, accepted, where};
        return channel_handle<T>::send(items, n, accepted, options, where);
    }

    template <class U>
    std::expected<std::optional<T>, push_error> send_or_drop(U& item, const std::source_location& where) {
        std::expected<std::optional<T>, push_error>
            sent = // made in place: a move of what is dropped may throw
            last_push_.is_finished() ? std::expected<std::optional<T>, push_error>(
                                           std::unexpect, detail::refused_push(this->core_, where).error())
                                     : channel_handle<T>::send_or_drop(item, where);
        if (sent) last_push_.note(where);
        return sent;
    }

    void drop() noexcept {
        // An item that is destroyed with the channel may still push through this, and finds it finished and moved from.
        if (this->core_) detail::end_sender(std::move(this->core_), last_push_, unwinding_);
    }

    detail::last_push last_push_;
    int unwinding_ =
        std::uncaught_exceptions(); // at birth: destroyed with more in flight, it is being unwound
};

/// A consumer's end, counted. Any thread may call any operation of one receiver; only assigning, moving and
/// destroying it need exclusive access.
template <class T>
class receiver : public channel_handle<T>, public pop_operations<receiver<T>, T> {
  public:
    /// The type of its items.
    using value_type = T;

    /// Of no channel, as one that was moved from: to be assigned later.
    receiver() noexcept : channel_handle<T>(detail::shared_ring<T>()) {}
    /// One more receiver of the same channel: each item goes to one of them.
    receiver(const receiver& other) : channel_handle<T>(other) {
        if (this->core_) this->core_->add_receiver();
    }
    /// `other` is moved from: it pops nothing, and destroying it does nothing.
    receiver(receiver&& other) noexcept : channel_handle<T>(std::move(other)) {
        this->unasked_.set(other.unasked_.get());
    }
    /// The end held before is dropped as by the destructor.
    receiver& operator=(const receiver& other) {
        if (this != &other) *this = receiver(other);
        return *this;
    }
    /// The end held before is dropped as by the destructor.
    receiver& operator=(receiver&& other) noexcept {
        if (this != &other) {
            drop();
            this->core_ = std::move(other.core_);
            this->unasked_.set(other.unasked_.get());
        }
        return *this;
    }
    /// The last receiver that is destroyed closes the channel, unless workers are attached: then these count.
    ~receiver() { drop(); }

    using channel_handle<T>::close;
    /// No more is wanted: pushes fail `closed`, what is queued is still delivered, then pop says `closed`.
    /// True if this call closed it.
    bool close(std::source_location where = std::source_location::current()) noexcept {
        return this->core_ && this->core_->close(detail::closer::receiver, where);
    }

  private:
    friend detail::handle_access;
    friend detail::channel_inspector;
    friend pop_operations<receiver<T>, T>;
    static constexpr bool is_destroyed_under_calls = false;
    template <class U>
    friend std::pair<sender<U>, receiver<U>> make_channel(channel_options);
    explicit receiver(detail::shared_ring<T> core) noexcept : channel_handle<T>(std::move(core)) {
        this->core_->add_receiver();
    }

    void drop() noexcept {
        if (this->core_) detail::end_receiver(std::move(this->core_), this->unasked_.get());
    }
};

/// The queue itself, used by reference, with no ends to count but those it is asked to make: it closes when somebody closes
/// it, or when its last attached worker ends, and is never truncated by a producer that is destroyed without having been
/// given a sender. Any thread may call any operation.
///
/// The destructor of a channel that has closed, and that attached workers still drain, waits until these have ended, so
/// that what was finished is delivered; a long wait is reported to the long-wait hook. Then, or if it is still open, or on
/// the thread of one of these workers, it aborts delivery, wakes whoever is blocked in it, and waits until they have left.
template <class T>
class channel : public channel_handle<T>,
                public push_operations<channel<T>, T>,
                public pop_operations<channel<T>, T> {
  public:
    /// The type of its items.
    using value_type = T;

    /// There is no channel without a capacity, and this says so.
    template <class Never = void>
    channel() : channel_handle<T>(detail::shared_ring<T>()) {
        detail::refuse_no_channel<Never>();
    }
    /// Throws as make_channel does.
    explicit channel(std::size_t capacity) : channel(channel_options{.capacity = capacity}) {}
    /// The same, with more chosen than a capacity.
    explicit channel(channel_options options) : channel_handle<T>(detail::ring<T>::make(std::move(options))) {
        // Its own, for good: a worker's receiver that is destroyed is never the last.
        this->core_->add_receiver();
    }
    channel(const channel&) = delete; // it is used by reference: pass it by channel<T>&, without std::move
    channel& operator=(const channel&) = delete;
    ~channel() {
        const detail::uncancelled guard;
        this->core_->destroy();
        this->core_.reset(); // an item's destructor that still uses the channel finds it closed and empty
    }

    /// A counted end of its own: once there was one, the channel closes when every sender has finished or gone, as
    /// make_channel's does, whoever else pushes to the channel by reference. Blocks for the channel's lock only.
    [[nodiscard]] sender<T> make_sender() noexcept { return detail::handle_access::make_sender(this->core_); }
    /// A counted end of its own. The channel does not close when the last of these is destroyed.
    [[nodiscard]] receiver<T> make_receiver() noexcept {
        return detail::handle_access::make_receiver(this->core_);
    }

    using channel_handle<T>::close;
    /// All was pushed: pushes fail `closed`, what is queued is still delivered, then pop says `complete`.
    /// True if this call closed it.
    bool close(std::source_location where = std::source_location::current()) noexcept {
        return this->core_ && this->core_->close(detail::closer::producer, where);
    }

  private:
    friend push_operations<channel<T>, T>;
    friend pop_operations<channel<T>, T>;
    static constexpr bool is_destroyed_under_calls = true; // its destructor waits until they have left
};

template <class T>
std::pair<sender<T>, receiver<T>> make_channel(channel_options options) {
    auto core = detail::ring<T>::make(std::move(options));
    return {sender<T>(core), receiver<T>(std::move(core))};
}

template <class T>
std::pair<sender<T>, receiver<T>> make_channel(std::size_t capacity) {
    return make_channel<T>(channel_options{.capacity = capacity});
}

}} // namespace inquest::INQUEST_ABI

// Their size says what is queued at one moment, not how many items a loop will see: views::take(10) takes ten.
/// @cond
template <class T>
inline constexpr bool std::ranges::disable_sized_range<inquest::receiver<T>> = true;
template <class T>
inline constexpr bool std::ranges::disable_sized_range<inquest::channel<T>> = true;
/// @endcond
