// Whether a call that must wait spins before it parks, and how far it slips behind the other side after that: what one
// side of a channel learns from its own waits. Pure: no lock, no clock, no thread. Its owner protects it.
#pragma once

#include <inquest/detail/minmax.hpp>
#include <inquest/detail/sync.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

// --- what is tuned

/// How long a call that waits spins at most, if the channel's options say nothing else: about what it costs to park
/// and be woken on a virtual machine.
inline constexpr std::chrono::microseconds spin_limit{explored ? 0 : 50};
/// A thread that was just started often shares the processor of the one that started it, and spins in its way. One that
/// is woken is put on an idle one if there is any.
inline constexpr bool first_wait_parks = !explored;
/// How often to look before others are let run, if there is more than one processor.
inline constexpr unsigned most_polls_per_yield = explored ? 1 : 16;
/// So many hints to the processor between two looks.
inline constexpr unsigned hints_between_looks = explored ? 0 : 8;
/// About how long a look and the hints behind it take.
inline constexpr std::chrono::nanoseconds time_of_a_look{200};
/// A yield that takes longer has let somebody compute who would not have had to: less than a scheduler's time slice, more
/// than others that spin and yield as well take in turns.
inline constexpr std::chrono::microseconds time_slice{500};
/// A lock that is held is tried so many times, after twice as many hints each time, before a thread blocks on it.
inline constexpr unsigned lock_rounds = explored ? 0 : 6;

/// A call slips behind by no more than this, however long the ring is.
inline constexpr std::size_t most_slip = 512;
/// It looks so many times for each slot that it slips behind by.
inline constexpr unsigned polls_per_slot = 4;
/// The mean interval is taken over so many waits, each counted as so many spin limits at most.
inline constexpr int intervals_averaged = 8, limits_counted = 4;

class spin_policy {
  public:
    /// The shortest distance that a call slips behind: the first item or place, and one more.
    static constexpr std::size_t shortest_slip = 2;
    /// After so many waits that parked at once, one spins to see whether items come fast again.
    static constexpr unsigned parks_between_probes = 128;
    /// After a distance that was too long, so many slips succeed before it grows again; or every second burst of a few
    /// items would be kept waiting for more.
    static constexpr unsigned growth_cooldown = 64;

    /// The longest distance: never more than half the ring, so that the other side has something to do.
    [[nodiscard]] static constexpr std::size_t longest_slip(std::size_t capacity) noexcept {
        return smaller(capacity / 2, most_slip);
    }

    /// Whether the next wait is to spin: if the next item for one of `waiting` calls can be expected within `limit`, or
    /// if it is time to try again. A limit of zero never spins.
    [[nodiscard]] bool should_spin(clock::duration limit, std::size_t waiting) noexcept;
    /// The next wait parks at once: a call lost its processor to another thread while it spun.
    void park_next() noexcept { park_next_ = true; }

    /// A wait that took long enough to look at the clock ended at `now`, when the side had moved `moved` items in all.
    /// The mean interval between items follows: a moving average over such waits, of which each counts as a few limits
    /// at most, so that a silence is soon forgotten.
    void record_interval(clock::time_point now, std::uint64_t moved, clock::duration limit) noexcept;
    [[nodiscard]] clock::duration mean_interval() const noexcept { return mean_interval_; }

    /// How many items or places a call that spun slips behind for.
    [[nodiscard]] std::size_t slip_distance() const noexcept { return slip_distance_; }
    /// A call slipped behind: whether the whole distance came in time. Doubles the distance up to `longest`, or halves it.
    void record_slip(bool whole, std::size_t longest) noexcept;

  private:
    clock::duration mean_interval_{};
    std::optional<clock::time_point> recorded_at_; // of the last interval
    std::uint64_t recorded_moved_ = 0;
    unsigned parks_since_probe_ = 0;
    bool park_next_ = first_wait_parks;
    std::size_t slip_distance_ = shortest_slip;
    unsigned cooldown_ = 0;
};

}}} // namespace inquest::INQUEST_ABI::detail
