// The items in the hands of a pool's workers, kept where the pool finds those of workers that fail.
#pragma once

#include <inquest/channel.hpp>
#include <inquest/detail/worker_record.hpp>
#include <inquest/recovery.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// What one worker has in its hands. Its own as long as its function runs; what it has left then is whoever's that claims it.
template <class T>
class alignas(cache_line) lease {
  public:
    /// Destroys what was held, calls `pop`, and holds what that returns until the next call.
    std::expected<T, pop_error>& next(auto&& pop) { return held_.emplace(pop).value; }
    /// What was held has been dealt with.
    void finish() noexcept { held_.reset(); }
    [[nodiscard]] T* item() noexcept { return held_ && held_->value ? &*held_->value : nullptr; }

    /// The function is over, and has not dealt with the item: it is number `number`.
    void leave(std::uint64_t number) noexcept {
        number_ = number;
        left_.store(true);
    }
    // Then, from any thread:
    [[nodiscard]] bool is_left() const noexcept { return left_.load(); }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    /// False if another has claimed it. Who has claimed it either finishes it, or leaves it again.
    [[nodiscard]] bool claim() noexcept { return left_.exchange(false); }
    void leave_again() noexcept { left_.store(true); }

  private:
    struct popped { // made in place: an item is moved out of the queue once, and is never lost between
        explicit popped(auto& pop) : value(pop()) {}
        std::expected<T, pop_error> value;
    };
    std::optional<popped> held_;
    std::uint64_t number_ = 0;
    atomic<bool> left_{false};
};

/// Those of all workers of a pool.
template <class T>
class leases {
  public:
    using describe = std::function<std::string(const T&)>;

    /// May throw std::bad_alloc.
    leases(std::size_t workers, bool discards, describe text)
        : count_(workers), discards_(discards), leases_(new lease<T>[workers]), describe_(std::move(text)) {}

    /// For a worker that begins.
    [[nodiscard]] lease<T>& next() noexcept { return leases_[begun_.fetch_add(1)]; }
    /// The function that holds `its` is over, on this thread.
    void end(lease<T>& its, bool succeeded) noexcept {
        if (succeeded || !its.item()) return its.finish();
        if (describe_) try {
                current_worker->item_text.set(describe_(*its.item()));
            } catch (...) { // then it has no text
            }
        if (discards_) {
            its.finish();
            discarded_.fetch_add(1);
        } else
            its.leave(current_worker->current_items().last);
    }

    /// No more can be left.
    [[nodiscard]] std::size_t capacity() const noexcept { return count_; }
    /// Hands those that are left to `sink(T&&, item_origin)`, by number. One that the sink throws on is left.
    std::size_t recover(auto&& sink) {
        std::size_t handed = 0;
        while (lease<T>* const its = first_left()) {
            if (!its->claim()) continue;
            struct claimed {
                lease<T>& its;
                bool handed = false;
                ~claimed() {
                    if (!handed) its.leave_again();
                }
            } now{*its};
            sink(std::move(*its->item()), item_origin{its->number(), item_state::in_hand});
            now.handed = true;
            its->finish();
            recovered_.fetch_add(1);
            ++handed;
        }
        return handed;
    }
    [[nodiscard]] std::uint64_t recovered() const noexcept { return recovered_.load(); }
    [[nodiscard]] std::uint64_t discarded() const noexcept { return discarded_.load(); }

  private:
    [[nodiscard]] lease<T>* first_left() noexcept {
        lease<T>* first = nullptr;
        for (std::size_t n = 0; n < count_; ++n)
            if (leases_[n].is_left() && (!first || leases_[n].number() < first->number()))
                first = &leases_[n];
        return first;
    }

    const std::size_t count_;
    const bool discards_; // what is undelivered, as the channel does
    const std::unique_ptr<lease<T>[]> leases_;
    const describe describe_;
    atomic<std::size_t> begun_{0};
    atomic<std::uint64_t> recovered_{0}, discarded_{0};
};

}}} // namespace inquest::INQUEST_ABI::detail
