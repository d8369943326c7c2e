// Several workers on one channel, as one object.
#pragma once

#include <inquest/resolve.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <expected>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

/// How a pool is built: its channel, and each of its workers.
struct pool_options {
    std::string name{};       ///< of the channel, and of the workers, which have numbers if there are several
    std::size_t workers = 1;  ///< how many there are, at least 1; one is the plain consumer
    std::size_t capacity = 0; ///< the most items that can be queued, at least 1
    inquest::on_failure on_failure =
        inquest::on_failure::fail_fast; ///< what the failure of one does to the others
    std::optional<inquest::undelivered>
        undelivered{};              ///< what becomes of items left over: see channel_options
    std::optional<unsigned> spin{}; ///< how long who waits spins: see channel_options
    inquest::on_exception on_exception =
        inquest::on_exception::record; ///< whether what a worker throws is caught
};

/// Workers that read one channel, and the channel itself. `push` returns the workers' own failure, so that whoever feeds them
/// needs nothing else:
///
///     auto pool = make_pool<std::string>({.name = "enrich", .workers = 4, .capacity = 16}, enrich_lines);
///     for (std::string line; std::getline(in, line);)
///         if (auto sent = pool.push(std::move(line)); !sent) return std::unexpected(sent.error());
///     return pool.finish(); // what each has returned, or the failure
///
/// Any thread may call any operation; only assigning, moving and destroying it need exclusive access. Not one of its own
/// workers: what waits for them does not wait there, and says so in the failure that it returns.
///
/// The destructor joins. If the pool has closed (finished, or ended by a failure), what was pushed is delivered; if it is open,
/// all workers are asked to stop, at once, and what is left is reported as worker's destructor does it. A failure that nobody has
/// been handed goes to the failure hook. In whatever order pools that feed each other are destroyed, nothing waits for ever, as
/// long as the functions come to their ends when their streams do or a stop is requested.
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
            tx_ = std::move(other.tx_);
            workers_ = std::move(other.workers_);
        }
        return *this;
    }
    ~worker_pool() { end(); }

    /// Queues the item, waiting while the channel is full. If the workers have failed, waits until they have all ended, and returns
    /// what `resolve_first` does: the earliest failure with the others in it; an exception is rethrown, the same object. If
    /// they have ended in another way, the failure says so. One of kind `not_pushed` says that the calling worker was asked to stop.
    /// The argument is moved from only if it was accepted.
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
    /// As `push`, no longer than `limit` in all, for room and for the workers' ends: a failure of kind `not_pushed` says that there
    /// was no room, one of kind `unexplained` that the channel has closed and which workers have not ended; it may be asked again.
    template <class Rep, class Period>
    [[nodiscard]] push_result push_for(const Item& item, const std::chrono::duration<Rep, Period>& limit,
                                       std::source_location where = std::source_location::current()) {
        const auto deadline = detail::deadline_after(detail::ticks(limit));
        return answer(tx_.push_until(item, deadline, {}, where), deadline);
    }
    /// The same, which moves from `item` if it is accepted.
    template <class Rep, class Period>
    [[nodiscard]] push_result push_for(Item&& item, const std::chrono::duration<Rep, Period>& limit,
                                       std::source_location where = std::source_location::current())
        requires std::is_move_constructible_v<Item>
    {
        const auto deadline = detail::deadline_after(detail::ticks(limit));
        return answer(tx_.push_until(std::move(item), deadline, {}, where), deadline);
    }

    /// All was pushed: closes, waits for all workers, and returns what they have returned, or the failure as `push` does; the same
    /// every time. But results that can't be copied are moved out: they are there once, and a later call throws
    /// std::future_error (no_state).
    [[nodiscard("it may be the workers' failure")]] result_type
    finish(std::source_location where = std::source_location::current()) {
        (void)tx_.close(where);
        return result(*detail::join_all(threads(), detail::rethrow, detail::forever));
    }
    /// The same, waiting no longer than `limit`: if some have not ended by then, what they are doing; it may be asked again.
    template <class Rep, class Period>
    [[nodiscard("it may be the workers' failure")]] std::expected<result_type, still_running>
    finish_for(const std::chrono::duration<Rep, Period>& limit,
               std::source_location where = std::source_location::current()) {
        (void)tx_.close(where);
        auto failed =
            detail::join_all(threads(), detail::rethrow, detail::deadline_after(detail::ticks(limit)));
        if (!failed) return std::unexpected(std::move(failed).error());
        return std::expected<result_type, still_running>(std::in_place, result(*std::move(failed)));
    }

    /// All was pushed: no more is taken. Does not wait: `finish` still returns the results, and so does the destructor drain. True
    /// if this call closed it.
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

    /// Waits for all workers, and returns the failure with the others in it, or nothing if none failed. Rethrows nothing.
    [[nodiscard]] std::optional<failure<E>> report() { return inquest::report(workers_); }
    /// Hands out what nobody popped, oldest first: see `recover` of a channel.
    template <class Sink>
        requires std::is_invocable_v<Sink&, typename detail::ring<Item>::handed_out>
    std::size_t recover(Sink&& sink) {
        return tx_.recover(std::forward<Sink>(sink));
    }
    /// The same, into a vector.
    [[nodiscard]] std::vector<Item> recover() { return tx_.recover(); }
    /// See `on_close` of a channel.
    template <class Fn>
        requires std::is_invocable_v<Fn&, const pop_error&>
    close_callback on_close(Fn fn) {
        return tx_.on_close(std::move(fn));
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
    friend auto make_pool(pool_options options, Args&&... outputs_and_function);
    worker_pool(sender<Item>&& tx, std::vector<worker<T, E>>&& workers) noexcept
        : tx_(std::move(tx)), workers_(std::move(workers)) {}

    [[nodiscard]] std::vector<detail::worker_thread*> threads() {
        return detail::worker_access::threads_of(workers_);
    }
    [[nodiscard]] push_result answer(std::expected<void, push_error>&& sent) {
        if (sent) return {};
        return std::unexpected(resolve_first(tx_, workers_, sent.error()));
    }
    [[nodiscard]] push_result answer(std::expected<void, push_error>&& sent,
                                     detail::clock::time_point deadline) {
        if (sent) return {};
        auto why = resolve_first_until(tx_, workers_, sent.error(), deadline);
        if (why) return std::unexpected(*std::move(why));
        return std::unexpected(detail::typed<E>(failure<>(detail::unexplained(why.error().message()))));
    }
    [[nodiscard]] result_type result(std::optional<failure<>>&& failed) {
        if (failed) return std::unexpected(detail::typed<E>(*std::move(failed)));
        if constexpr (std::is_void_v<T>) {
            for (auto& one : workers_) (void)one.join();
            return {};
        } else {
            std::vector<T> all;
            all.reserve(workers_.size());
            for (auto& one : workers_)
                if constexpr (std::is_copy_constructible_v<T>)
                    all.push_back(*one.join());
                else
                    all.push_back(*one.get_future().get()); // it is there: all have ended
            return all;
        }
    }
    void end() noexcept {
        if (!tx_.is_closed()) request_stop();
        workers_.clear();
    }

    sender<Item> tx_;
    std::vector<worker<T, E>> workers_;
};

/// Makes a channel of items of type Item, and the workers that read it: `options.workers` of them, each with a copy of the
/// function, and of the senders before it if there are any. The function is passed a `receiver<Item>&`, and then its senders, as
/// that of `spawn`; what becomes of these, and what it may return, is said there. All workers are attached before the first
/// one runs.
///
///     auto pool = make_pool<frame>({.name = "detect", .workers = 4, .capacity = 16}, faces_tx, detect);
///
/// Throws std::invalid_argument for no workers, and as make_channel and spawn do.
template <class Item, class... Args>
auto make_pool(pool_options options, Args&&... outputs_and_function) {
    using given = std::tuple<receiver<Item>, detail::spawn_value<Args>...>;
    using spawned = detail::spawned<const receiver<Item>&, const detail::spawn_value<Args>&...>;
    if constexpr (detail::is_worker_function<typename spawned::function>(typename spawned::ends())) {
        if (options.workers == 0) throw std::invalid_argument("inquest: a pool needs at least one worker");
        auto [tx, rx] = make_channel<Item>({.capacity = options.capacity,
                                            .name = options.name,
                                            .on_failure = options.on_failure,
                                            .undelivered = options.undelivered,
                                            .spin = options.spin});
        // Of senders that were moved here the workers' copies are all that is left in the end.
        const given its(std::move(rx), std::forward<Args>(outputs_and_function)...);
        auto workers = detail::spawner::spawn_all<spawned>(
            options.workers, {.name = std::move(options.name), .on_exception = options.on_exception}, its);
        using made = typename decltype(workers)::value_type;
        return worker_pool<Item, typename made::value_type, typename made::error_type>(std::move(tx),
                                                                                       std::move(workers));
    }
}

}} // namespace inquest::INQUEST_ABI
