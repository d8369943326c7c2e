// What a pool's worker pops from, so that nothing is lost if it fails: the item in its hands stays the pool's.
#pragma once

#include <inquest/detail/leases.hpp>
#include <inquest/detail/spawner.hpp>

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

/// A receiver that lends its items. What a pop returns is a reference to the item, which stays where the pool finds it until the
/// next pop, or until the worker's function returns success: then it has been dealt with, and is destroyed. If the function fails
/// before, with an error, an exception or otherwise, `worker_pool::recover` hands it out, ahead of what is queued.
///
/// The function of a pool's workers takes one by reference in place of its `receiver<T>&`, and that is all:
///
///     auto pool = make_pool<line>({.name = "parse", .workers = 8, .capacity = 64}, [](leasing_receiver<line>& lines) -> result {
///         for (line& each : lines)
///             if (auto ok = parse(each); !ok) return std::unexpected(ok.error());
///         return {};
///     });
///
/// A function that would take a `receiver<T>&` as well, such as one of `auto&`, is given that, and leases nothing. A channel that
/// discards what is undelivered (see channel_options) discards what a failed worker had in hand, too.
///
/// For the thread of that function only, and not inside a job that it runs. Each call blocks as that of `receiver` does, and fails
/// as it does. Costs no lock and no atomic operation.
template <class T>
class leasing_receiver {
    using stop_token = detail::stop_token;
    using stop_token_ref = detail::stop_token_ref;

  public:
    /// The type of its items.
    using value_type = T;
    /// What a pop returns: the item by `get()`, the caller's own to change or move from; valid until the next pop.
    using result = std::expected<std::reference_wrapper<T>, pop_error>;

    leasing_receiver(const leasing_receiver&) = delete;
    leasing_receiver& operator=(const leasing_receiver&) = delete;

    /// The oldest item, waiting for one while the channel is empty and open.
    [[nodiscard]] result pop() {
        return hold([this] { return from_.pop(); });
    }
    /// The same, ended by this token and not by the worker's.
    [[nodiscard]] result pop(const stop_token& stop) {
        return hold([&] { return from_.pop(stop); });
    }
    /// Without waiting: fails with `empty` if nothing is queued.
    [[nodiscard]] result try_pop() {
        return hold([this] { return from_.try_pop(); });
    }
    /// Waits no longer than `limit`.
    template <class Rep, class Period>
    [[nodiscard]] result pop_for(const std::chrono::duration<Rep, Period>& limit, stop_token_ref stop = {}) {
        return hold([&] { return from_.pop_for(limit, stop); });
    }
    /// Waits no longer than until `deadline`.
    template <class Clock, class Duration>
    [[nodiscard]] result pop_until(const std::chrono::time_point<Clock, Duration>& deadline,
                                   stop_token_ref stop = {}) {
        return hold([&] { return from_.pop_until(deadline, stop); });
    }

    /// See `receiver`.
    [[nodiscard]] std::expected<void, cause> outcome() const { return from_.outcome(); }
    /// See `receiver`.
    [[nodiscard]] std::optional<pop_error> ended() const { return from_.ended(); }
    /// See `receiver`.
    bool close(std::source_location where = std::source_location::current()) noexcept {
        return from_.close(where);
    }

    /// As that of `receiver`: pops when it is first asked for an item or compared.
    class iterator {
      public:
        /// @cond
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;
        /// @endcond

        /// Pops from `from`, which must live as long.
        explicit iterator(leasing_receiver& from) noexcept : from_(&from) {}
        /// The item. Blocks as `pop` does if it was not popped yet.
        T& operator*() const { return *popped_item(); }
        /// The same, for its members.
        T* operator->() const { return popped_item(); }
        /// On to the next one, which is not popped yet: until then, this one is in hand.
        iterator& operator++() {
            (void)popped_item();
            popped_ = false;
            return *this;
        }
        /// The same.
        void operator++(int) { ++*this; }
        /// True once the stream has ended. Blocks as `*` does.
        friend bool operator==(const iterator& i, std::default_sentinel_t) { return !i.popped_item(); }

      private:
        T* popped_item() const {
            if (!popped_) (void)from_->pop();
            popped_ = true;
            return from_->lease_.item();
        }
        leasing_receiver* from_;
        mutable bool popped_ = false;
    };
    /// For `for (auto& item : lines)`. Pops nothing yet.
    [[nodiscard]] iterator begin() noexcept { return iterator(*this); }
    /// What an iterator equals once the stream has ended.
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// @cond
    leasing_receiver(receiver<T>& from, detail::lease<T>& lease) noexcept : from_(from), lease_(lease) {}
    /// @endcond

  private:
    result hold(auto&& pop) {
        auto& popped = lease_.next(pop);
        if (!popped) return std::unexpected(popped.error());
        return std::ref(*popped);
    }
    receiver<T>& from_;
    detail::lease<T>& lease_;
};

namespace detail {

template <class R>
[[nodiscard]] bool has_succeeded(const R&) noexcept {
    return true;
}
template <class T, class E>
[[nodiscard]] bool has_succeeded(const std::expected<T, E>& result) noexcept {
    return result.has_value();
}

/// A worker's function that takes a leasing_receiver, as one that takes a receiver.
template <class T, class Fn>
class leasing_function {
    static_assert(
        std::is_nothrow_move_constructible_v<T>,
        "leased items must move without throwing: let the pool carry a std::unique_ptr to what does not");

  public:
    leasing_function(std::shared_ptr<leases<T>> of, const Fn& fn) : leases_(std::move(of)), fn_(fn) {}

    template <class... Outputs>
        requires worker_callable<Fn, leasing_receiver<T>, Outputs...>
    auto operator()(const stop_token& stop, receiver<T>& from, Outputs&... outputs) {
        using R = typename returned_by<Fn, leasing_receiver<T>, Outputs...>::type;
        struct holding { // also if it throws, or is unwound by force
            leases<T>& all;
            lease<T>& its;
            bool succeeded = false;
            ~holding() {
                const uncancelled guard;
                all.end(its, succeeded);
            }
        } now{*leases_, leases_->next()};
        leasing_receiver<T> in(from, now.its);
        if constexpr (std::is_void_v<R>) {
            call_worker(fn_, stop, in, outputs...);
            now.succeeded = true;
        } else {
            R result = call_worker(fn_, stop, in, outputs...);
            now.succeeded = has_succeeded(result);
            return result;
        }
    }

  private:
    std::shared_ptr<leases<T>> leases_;
    Fn fn_;
};

/// Whether a pool's function takes a leasing_receiver. One that takes a receiver is not asked: if it takes anything, its body need
/// not compile with the other.
template <class T, class Fn, class Ends>
inline constexpr bool is_leasing = false;
template <class T, class Fn, class... Outputs>
    requires(!worker_callable<Fn, receiver<T>, Outputs...>) &&
                worker_callable<Fn, leasing_receiver<T>, Outputs...>
inline constexpr bool is_leasing<T, Fn, worker_ends<receiver<T>, Outputs...>> = true;

} // namespace detail

}} // namespace inquest::INQUEST_ABI
