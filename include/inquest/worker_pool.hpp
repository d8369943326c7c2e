// Several workers on one channel, as one object.
#pragma once

#include <inquest/leasing_receiver.hpp>
#include <inquest/recovery.hpp>
#include <inquest/resolve.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <expected>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

/// How a pool of workers on items of type Item is built: its channel, and each of its workers.
template <class Item>
struct pool_options {
    std::string name{};       ///< of the channel, and of the workers, which have numbers if there are several
    std::size_t workers = 1;  ///< how many there are, at least 1; one is the plain consumer
    std::size_t capacity = 0; ///< the most items that can be queued, at least 1
    inquest::on_failure on_failure =
        inquest::on_failure::fail_fast; ///< what the failure of one does to the others
    std::optional<inquest::undelivered>
        undelivered{};              ///< what becomes of items left over: see channel_options
    std::optional<unsigned> spin{}; ///< how long a waiting call spins: see channel_options
    inquest::on_exception on_exception =
        inquest::on_exception::record; ///< whether what a worker throws is caught
    inquest::on_destroy on_destroy =
        inquest::on_destroy::drain; ///< what the destructor does to a closed pool
    thread_attributes thread{};     ///< stack, processors and priority of each worker's thread
    /// A short text of an item, for the failure of a worker that had it in hand: of a pool that leases items only. Called on that
    /// worker's thread, when its function has failed, also on several threads at once; longer texts than 120 characters are cut,
    /// and if it throws there is none.
    std::function<std::string(const Item&)> describe_item{};
};

/// Workers that read one channel, and the channel itself. `push` returns the workers' own failure, so that whoever feeds them
/// needs nothing else:
///
///     auto pool = make_pool<std::string>({.name = "enrich", .workers = 4, .capacity = 16}, enrich_lines);
///     for (std::string line; std::getline(in, line);)
///         if (auto sent = pool.push(std::move(line)); !sent) return std::unexpected(sent.error());
///     return pool.finish(); // what each has returned, or the failure
///
/// Any thread may call any operation; only assigning, moving and destroying it need exclusive access. Inside one of the pool's own
/// workers, `finish`, `report` and a failed `push` do not wait: they return a failure that says so. But `push` does wait for room
/// there: workers that all push to their own full pool block each other.
///
/// The destructor joins. If the pool was closed (`close`, `finish`), everything pushed is delivered first, for which somebody must pop
/// what the workers push; `on_destroy::stop` asks them to stop instead. If the pool has failed or was aborted, what is queued
/// stays undelivered. In every other case all workers are asked to stop, all at once, and items that are left are reported as a
/// worker's destructor reports them. A failure that nobody has been handed goes to the failure hook. Pools that feed each other
/// may be destroyed in any order.
template <class Item, class T, class E>
class [[nodiscard("keep the pool: its workers are joined when it is destroyed")]] worker_pool {
  public:
    /// The type of its items.
    using item_type = Item;
    /// What each worker's function returns if all is well.
    using value_type = T;
    /// The type of their errors.
    using error_type = E;
    /// What `push` returns: a failure is the workers' own.
    using push_result = std::expected<void, failure<E>>;
    /// What `finish` returns: the results in the workers' order, nothing if they are void.
    using result_type =
        std::expected<std::conditional_t<std::is_void_v<T>, void, std::vector<T>>, failure<E>>;

    worker_pool(const worker_pool&) = delete; // its workers are there once: pass it by reference
    /// What was moved from has no workers, and is closed.
    worker_pool(worker_pool&&) noexcept = default;
    /// Ends the pool held before as the destructor does.
    worker_pool& operator=(worker_pool&& other) noexcept {
        if (this != &other) {
            end();
            stops_ = other.stops_;
            tx_ = std::move(other.tx_);
            workers_ = std::move(other.workers_);
            leases_ = std::move(other.leases_);
        }
        return *this;
    }
    ~worker_pool() { end(); }

    /// Queues the item, waiting while the channel is full. If the workers have failed, asks those that are left to stop, waits until
    /// all have ended, and returns what `resolve_first` does: the earliest failure with the others in it; an exception is
    /// rethrown, the same object. If they have ended in another way, the failure says so. One of kind `not_pushed` says that the
    /// calling worker was asked to stop. The argument is moved from only if it was accepted.
    [[nodiscard]] push_result push(const Item& item,
                                   std::source_location where = std::source_location::current()) {
        return answer(tx_.push(item, where));
    }
    /// The same, which moves from `item` if it is accepted.
    [[nodiscard]] push_result push(Item&& item, std::source_location where = std::source_location::current())
        requires std::is_move_constructible_v<Item>
    {
        return answer(tx_.push(std::move(item), where));
    }
    /// The same; `stop`, in place of a calling worker's own token, ends the wait for room, and then the failure is of kind
    /// `not_pushed`. It does not end the wait for workers that have failed.
    [[nodiscard]] push_result push(const Item& item, const detail::stop_token& stop,
                                   std::source_location where = std::source_location::current()) {
        return answer(tx_.push(item, stop, where));
    }
    /// The same, which moves from `item` if it is accepted.
    [[nodiscard]] push_result push(Item&& item, const detail::stop_token& stop,
                                   std::source_location where = std::source_location::current())
        requires std::is_move_constructible_v<Item>
    {
        return answer(tx_.push(std::move(item), stop, where));
    }
    /// Without waiting for room: a failure of kind `not_pushed` says that there is none. If the workers have failed, waits for
    /// them as `push` does.
    [[nodiscard]] push_result try_push(const Item& item,
                                       std::source_location where = std::source_location::current()) {
        return answer(tx_.try_push(item, where));
    }
    /// The same, which moves from `item` if it is accepted.
    [[nodiscard]] push_result try_push(Item&& item,
                                       std::source_location where = std::source_location::current())
        requires std::is_move_constructible_v<Item>
    {
        return answer(tx_.try_push(std::move(item), where));
    }
    /// As `push`, no longer than `limit` in all, for room and for the workers' ends. A failure of kind `not_pushed` says that the
    /// time ran out, and that it may be asked again: there was no room, or the pool has closed, and the text names the
    /// workers that are still running, with the reason as `upstream` of the cause.
    template <class Rep, class Period>
    [[nodiscard]] push_result push_for(const Item& item, const std::chrono::duration<Rep, Period>& limit,
                                       std::source_location where = std::source_location::current()) {
        const auto its = detail::time_limit::after(detail::ticks(limit));
        return answer(tx_.push_until(item, its.until, {}, where), its);
    }
    /// The same, which moves from `item` if it is accepted.
    template <class Rep, class Period>
    [[nodiscard]] push_result push_for(Item&& item, const std::chrono::duration<Rep, Period>& limit,
                                       std::source_location where = std::source_location::current())
        requires std::is_move_constructible_v<Item>
    {
        const auto its = detail::time_limit::after(detail::ticks(limit));
        return answer(tx_.push_until(std::move(item), its.until, {}, where), its);
    }

    /// All was pushed: closes, waits for all workers, and returns what they have returned, or the failure as `push` does; of an
    /// aborted pool, at least that cause. If they all returned success but left items, as after a stop, that is a failure too,
    /// until the items are recovered. If they push to channels themselves, somebody must pop these meanwhile. The results are
    /// moved out, and are there once: a later call throws std::future_error (no_state), as one on a moved-from pool does.
    [[nodiscard("it may be the workers' failure")]] result_type
    finish(std::source_location where = std::source_location::current()) {
        (void)tx_.close(where);
        return result(*join(detail::time_limit::none()));
    }
    /// The same, waiting no longer than `limit`: if some have not ended by then, what they are doing; it may be asked again.
    template <class Rep, class Period>
    [[nodiscard("it may be the workers' failure")]] std::expected<result_type, still_running>
    finish_for(const std::chrono::duration<Rep, Period>& limit,
               std::source_location where = std::source_location::current()) {
        (void)tx_.close(where);
        auto failed = join(detail::time_limit::after(detail::ticks(limit)));
        if (!failed) return std::unexpected(std::move(failed).error());
        return std::expected<result_type, still_running>(std::in_place, result(*std::move(failed)));
    }

    /// All was pushed: no more is taken. Does not wait: `finish` can still be called for the results, and the destructor still
    /// drains. True if this call closed it.
    bool close(std::source_location where = std::source_location::current()) noexcept {
        return tx_.close(where);
    }
    /// Closes with a failure: what was pushed is delivered, and then the workers are told that this is not all. True if this cause
    /// is now the channel's.
    bool close(inquest::cause why) noexcept { return tx_.close(std::move(why)); }
    /// Ends the stream at once with that cause: what is queued is for `recover`. True if this cause is now the channel's.
    bool abort(inquest::cause why) noexcept { return tx_.abort(std::move(why)); }
    /// Asks all workers to stop. Does not wait.
    void request_stop() noexcept {
        for (auto& one : workers_) (void)one.request_stop();
    }

    /// Waits for all workers, and returns the failure with the others in it, or nothing if none failed. Rethrows nothing. Closes
    /// nothing, so call `close` first; there is no limit.
    [[nodiscard]] std::optional<failure<E>> report() { return inquest::report(workers_); }
    /// Hands out what has not been dealt with, oldest first: if the workers lease their items (see leasing_receiver), those that
    /// failed workers had in hand, and then what nobody popped. See `recover` of a channel; an item that the sink throws on can be
    /// recovered again in either case. Does not wait: a failed `push` or `finish` has done so. The sink takes `Item&&`, and an
    /// item_origin after it if it asks which item that is, and where it was. A worker that is still running then, and fails later, leaves
    /// what it had in hand to another call.
    template <class Sink>
        requires detail::item_sink<Sink, typename detail::ring<Item>::handed_out>
    std::size_t recover(Sink&& sink) {
        const std::size_t in_hand = leases_ ? leases_->recover([&sink](Item&& item, const item_origin& from) {
            detail::hand_out<typename detail::ring<Item>::handed_out>(sink, std::move(item), from);
        })
                                            : 0;
        return in_hand + tx_.recover(sink);
    }
    /// The same, into a vector. Throws std::bad_alloc and what copying items throws that may throw when moved: then all are still
    /// there.
    [[nodiscard]] std::vector<Item> recover() {
        if constexpr (std::is_nothrow_move_constructible_v<Item>)
            if (const auto& core = detail::handle_access::core(tx_); core && leases_)
                return core->recover(leases_->capacity(), [&](std::vector<Item>& out) {
                    leases_->recover(
                        [&](Item&& item, const item_origin&) { out.emplace_back(std::move(item)); });
                });
        return tx_.recover();
    }
    /// What became of the items so far, as of a channel; those that failed workers had in hand count as recovered once they are.
    [[nodiscard]] inquest::ledger ledger() const noexcept {
        const auto recovered = leases_ ? leases_->recovered() : 0; // before what counts them as popped
        const auto discarded = leases_ ? leases_->discarded() : 0;
        auto sum = tx_.ledger();
        sum.popped -= recovered + discarded;
        sum.recovered += recovered;
        sum.discarded += discarded;
        return sum;
    }
    /// See `on_close` of a channel.
    template <class Fn>
        requires std::is_invocable_v<Fn&, const pop_error&>
    close_callback on_close(Fn fn) {
        return tx_.on_close(std::move(fn));
    }

    /// One more end to push to, with all that a sender can do, as for the workers of another pool. The pool closes by `close` or
    /// `finish`, whatever becomes of it; but if it is abandoned, the stream is truncated, with the reason as its cause. Throws
    /// std::invalid_argument on a moved-from pool.
    [[nodiscard]] sender<Item> make_sender() const {
        detail::refuse_bad_argument(tx_);
        return detail::handle_access::make_sender(detail::handle_access::core(tx_));
    }

    /// How many workers there are.
    [[nodiscard]] std::size_t workers() const noexcept { return workers_.size(); }
    /// Items queued now.
    [[nodiscard]] std::size_t size() const noexcept { return tx_.size(); }
    /// The most that can be queued.
    [[nodiscard]] std::size_t capacity() const noexcept { return tx_.capacity(); }
    /// True once nothing more can be pushed.
    [[nodiscard]] bool is_closed() const noexcept { return tx_.is_closed(); }
    /// What is known of why it closed, without waiting; empty if nothing is.
    [[nodiscard]] inquest::cause cause() const { return tx_.cause(); }

  private:
    template <class Made, class... Args>
    friend auto make_pool(pool_options<Made> options, Args&&... outputs_and_function);
    worker_pool(sender<Item>&& tx, std::vector<worker<T, E>>&& workers,
                std::shared_ptr<detail::leases<Item>>&& leases, on_destroy destroyed) noexcept
        : stops_(destroyed == on_destroy::stop), tx_(std::move(tx)), leases_(std::move(leases)),
          workers_(std::move(workers)) {}

    [[nodiscard]] push_result answer(std::expected<void, push_error>&& sent) {
        if (sent) return {};
        stop_if_over();
        return std::unexpected(resolve_first(tx_, workers_, sent.error()));
    }
    [[nodiscard]] push_result answer(std::expected<void, push_error>&& sent,
                                     const detail::time_limit& limit) {
        if (sent) return {};
        stop_if_over();
        auto why = detail::typed<E>(detail::ask_all(detail::rethrow, tx_, workers_, sent.error(), limit));
        if (why) return std::unexpected(*std::move(why));
        return std::unexpected(detail::typed<E>(detail::answering(
            sent.error(), failure<>(detail::unexplained(why.error().message(), sent.error().cause(),
                                                        cause_kind::not_pushed)))));
    }
    /// Nothing more is delivered: those that are left may be waiting for something else.
    void stop_if_over() noexcept {
        const auto& core = detail::handle_access::core(tx_);
        if (core && core->is_closed() && !core->is_draining()) request_stop();
    }
    [[nodiscard]] std::expected<std::optional<failure<>>, still_running>
    join(const detail::time_limit& limit) {
        if (workers_.empty()) throw std::future_error(std::future_errc::no_state);
        stop_if_over();
        return detail::join_all(detail::worker_access::threads_of(workers_), detail::rethrow, limit);
    }
    /// Once all have ended, or can't be waited for.
    [[nodiscard]] result_type result(std::optional<failure<>>&& failed) {
        if (failed) return std::unexpected(detail::typed<E>(*std::move(failed)));
        // Workers that were asked to stop because nothing more is delivered have seen no failure.
        if (auto why = tx_.cause();
            why && why.kind() != cause_kind::finished && !detail::handle_access::core(tx_)->is_draining())
            return std::unexpected(detail::typed<E>(failure<>(std::move(why))));
        if (const auto left = tx_.size(); left > 0)
            return std::unexpected(detail::typed<E>(failure<>(detail::unexplained(
                "all workers have ended, " + std::to_string(left) + " undelivered", tx_.cause()))));
        if constexpr (std::is_void_v<T>) {
            return {};
        } else {
            std::vector<T> all;
            all.reserve(workers_.size());
            for (auto& one : workers_) all.push_back(*one.get_future().get()); // each is there
            return all;
        }
    }
    void end() noexcept {
        const auto& core = detail::handle_access::core(tx_);
        if (core && (stops_ || !core->is_draining())) request_stop();
        workers_.clear();
    }

    bool stops_; // what is closed, when it is destroyed
    sender<Item> tx_;
    std::shared_ptr<detail::leases<Item>> leases_; // null: none
    std::vector<worker<T, E>> workers_;
};

/// Makes a channel of items of type Item, and the workers that read it: `options.workers` of them, each with a copy of the
/// function, and of the senders before it if there are any. The function is passed a `receiver<Item>&`, or a
/// `leasing_receiver<Item>&` if it takes that, and then its senders, as that of `spawn`; what becomes of these, and what it may
/// return, is said there. All workers are attached before the first one runs.
///
///     auto pool = make_pool<frame>({.name = "detect", .workers = 4, .capacity = 16}, std::move(faces_tx), detect);
///
/// A sender that is not moved here is copied: finish yours too, or whoever reads that stream waits for it.
///
/// Throws std::invalid_argument for no workers, and for `describe_item` if they lease nothing; and as make_channel and spawn do.
template <class Item, class... Args>
auto make_pool(pool_options<Item> options, Args&&... outputs_and_function) {
    static_assert(
        detail::ends_and_function<Args...>,
        "make_pool takes its options, then senders if its workers push to any, then their function: let "
        "that capture everything else");
    static_assert(
        (std::is_copy_constructible_v<detail::spawn_value<Args>> && ...),
        "each worker of a pool has a copy of the function: let it capture a std::shared_ptr to what "
        "cannot be copied");
    using given = std::tuple<receiver<Item>, detail::spawn_value<Args>...>;
    using spawned = detail::spawned<receiver<Item>, detail::spawn_value<Args>...>;
    using function = typename spawned::function;
    using ends = typename decltype(typename spawned::ends())::type;
    constexpr bool leasing = detail::is_leasing<Item, function, ends>;
    using run = std::conditional_t<leasing, detail::leasing_function<Item, function>, function>;
    if constexpr (detail::is_worker_function<run>(typename spawned::ends())) {
        if (options.workers == 0) throw std::invalid_argument("inquest: a pool needs at least one worker");
        if (!leasing && options.describe_item)
            throw std::invalid_argument("inquest: describe_item is for a pool that leases its items: let its "
                                        "function take a leasing_receiver");
        (detail::refuse_bad_argument(outputs_and_function), ...);
        auto [tx, rx] = make_channel<Item>({.capacity = options.capacity,
                                            .name = options.name,
                                            .on_failure = options.on_failure,
                                            .undelivered = options.undelivered,
                                            .spin = options.spin});
        std::shared_ptr<detail::leases<Item>> leases;
        if constexpr (leasing)
            leases = std::make_shared<detail::leases<Item>>(
                options.workers, detail::handle_access::core(tx)->discards_undelivered(),
                std::move(options.describe_item));
        const auto each_its_own = [&leases]<class Arg>(const Arg& its) -> decltype(auto) {
            if constexpr (leasing && std::is_same_v<Arg, function>)
                return run(leases, its);
            else
                return (its);
        };
        // Of senders that were moved here the workers' copies are all that is left in the end.
        const given its(std::move(rx), std::forward<Args>(outputs_and_function)...);
        auto workers = std::apply(
            [&](const auto&... each) {
                return detail::spawner::spawn_all(options.workers,
                                                  {.name = std::move(options.name),
                                                   .on_exception = options.on_exception,
                                                   .on_destroy = options.on_destroy,
                                                   .thread = std::move(options.thread)},
                                                  each_its_own(each)...);
            },
            its);
        using made = typename decltype(workers)::value_type;
        return worker_pool<Item, typename made::value_type, typename made::error_type>(
            std::move(tx), std::move(workers), std::move(leases), options.on_destroy);
    }
}

}} // namespace inquest::INQUEST_ABI
