// The order of items across the workers of a stage.
#pragma once

#include <inquest/detail/sync.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// Lets through one number after another, from 1, whoever comes with it. Once somebody leaves with a number that has not passed,
/// nobody else passes.
class turnstile {
  public:
    /// For so many workers.
    explicit turnstile(std::size_t workers) : places_(workers) {}
    /// Blocks until it is that number's turn. False if that never comes. What the wait is for is another worker of the stage, which
    /// passes or leaves, so it needs no limit of its own.
    [[nodiscard]] bool wait(std::uint64_t number) noexcept;
    /// The number whose turn it is has passed.
    void pass() noexcept;
    /// It, or one before it, never will.
    void close() noexcept;

  private:
    mutex guard_;
    // Number n waits at n modulo their number: those that are taken and have not passed follow each other, and each is in a worker's hands.
    std::vector<condition_variable> places_;
    // protected by guard_:
    std::uint64_t next_ = 1;
    bool closed_ = false;
};

/// The number of the item that the calling worker has taken last from the one channel that it reads.
[[nodiscard]] std::uint64_t number_in_hand() noexcept;

/// The calling worker has so many items in its hands, the last of which it has taken last.
void note_in_hand(std::size_t items) noexcept;

/// A worker's way through the turnstile with one item: closes it unless the item has passed.
class passage {
  public:
    /// Null: any item may pass at any time.
    explicit passage(turnstile* at) noexcept : at_(at) {}
    ~passage() {
        if (at_) at_->close();
    }
    passage(const passage&) = delete;
    passage& operator=(const passage&) = delete;
    /// Blocks until it is this item's turn. False if that never comes.
    [[nodiscard]] bool comes() noexcept { return !at_ || at_->wait(number_in_hand()); }
    void pass() noexcept {
        if (auto* const passed = at_) {
            at_ = nullptr;
            passed->pass();
        }
    }

  private:
    turnstile* at_;
};

}}} // namespace inquest::INQUEST_ABI::detail
