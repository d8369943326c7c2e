// Where senders pushed last: each for itself, which also says that it pushed nothing, or takes no more pushes; and those of
// a channel, for whoever asks whom a reader waits for.
#pragma once

#include <inquest/detail/atomics.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <source_location>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

[[nodiscard]] inline bool same_place(const std::source_location& one,
                                     const std::source_location& other) noexcept {
    return std::memcmp(&one, &other, sizeof one) == 0;
}

/// What a channel shows of one of its senders. Nothing is decided by it.
struct shown_sender {
    enum class state : unsigned char { unused, open, finished };
    acquire_release<state> now;
    atomic<std::source_location> last_push{}; // last_push::none() if there was none
};

/// The first few of those that a channel has at one time. An entry is used again once its sender is destroyed.
class shown_senders {
  public:
    /// For a sender that is new; null if there are as many already. One call at a time.
    [[nodiscard]] shown_sender* add() noexcept;
    /// How many of those that are open have pushed nothing.
    [[nodiscard]] std::size_t silent() const noexcept;
    /// Where the others pushed last, each place once. Allocates.
    [[nodiscard]] std::vector<std::source_location> places() const;

  private:
    std::array<shown_sender, 8> entries_;
};

/// Any thread may call any operation; only assigning, moving, leaving and destroying it need exclusive access.
class last_push {
  public:
    /// Of a sender of no channel, which takes no pushes.
    last_push() noexcept : place_(finished()) {}
    explicit last_push(shown_sender* shown) noexcept : place_(none()), shown_(shown) {}
    /// A copy has pushed nothing, and is shown nowhere yet; of one that has finished, it has finished too.
    last_push(const last_push& other) noexcept : place_(other.is_finished() ? finished() : none()) {}
    /// What was moved from is finished.
    last_push(last_push&& other) noexcept
        : place_(other.place_.exchange(finished())), shown_(std::exchange(other.shown_, nullptr)) {}
    last_push& operator=(last_push&& other) noexcept {
        place_ = other.place_.exchange(finished());
        shown_ = std::exchange(other.shown_, nullptr);
        return *this;
    }
    last_push& operator=(const last_push&) = delete;
    void show_in(shown_sender* entry) noexcept { shown_ = entry; }

    /// Pushed there last, and so neither finished nor moved from.
    [[nodiscard, gnu::always_inline]] bool matches(const std::source_location& where) const noexcept {
        return same_place(where, place_.load());
    }
    [[nodiscard]] bool is_finished() const noexcept { return same_place(place_.load(), finished()); }
    /// False if it was finished already.
    bool finish() noexcept;
    /// The same, for a sender that is destroyed, or as good as that: it is shown no more.
    bool leave() noexcept;
    /// A push went in. Changes nothing once it is finished: a push that was blocked by then may still go in.
    void note(const std::source_location& where) noexcept;
    [[nodiscard]] std::source_location place() const noexcept { return place_.load(); }

    // Places that nobody pushes from: of a sender that pushed nothing, and of one that takes no more pushes.
    [[nodiscard]] static const std::source_location& none() noexcept;
    [[nodiscard]] static const std::source_location& finished() noexcept;

  private:
    atomic<std::source_location> place_;
    shown_sender* shown_ = nullptr;
};

}}} // namespace inquest::INQUEST_ABI::detail
