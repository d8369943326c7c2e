// Which schedules are run: all within a bound, random ones, or one given.
#pragma once

#include "scheduler.hpp"

#include <array>
#include <cstdint>
#include <random>

namespace interleave {

/// All schedules with at most `bound` preemptions, depth first. A preemption takes the baton from a thread that could
/// have kept it; a timeout while somebody could go on, a wake-up without reason, and one that comes too late count as
/// one too. Most bugs need few (Musuvathi and Qadeer, "Iterative Context Bounding for Systematic Testing of
/// Multithreaded Programs", 2007).
class exhaustive final : public strategy {
  public:
    explicit exhaustive(unsigned bound) : bound_(bound) {}
    bool begin() override;
    std::size_t choose(std::span<const option> options, bool going) override;

  private:
    struct fork {
        unsigned char taken = 0, of = 0;
        unsigned char spent = 0;   // before it
        std::uint16_t threads = 0; // whom there was to choose from, to see that it is so again
        std::array<unsigned char, 16> price{};
    };
    const unsigned bound_;
    std::vector<fork> path_;
    std::size_t at_ = 0;
    bool first_ = true;
};

/// Seeded schedules: each choice by chance.
class chance final : public strategy {
  public:
    chance(std::uint64_t seed, std::size_t schedules) : seed_(seed), left_(schedules) {}
    bool begin() override;
    std::size_t choose(std::span<const option> options, bool going) override;

  private:
    std::uint64_t seed_;
    std::size_t left_;
    std::mt19937_64 dice_;
};

/// Seeded schedules by priority: the thread of the highest goes on, and at `changes` random steps it falls to the
/// lowest (Burckhardt and others, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010).
class priorities final : public strategy {
  public:
    priorities(std::uint64_t seed, std::size_t schedules, unsigned changes)
        : seed_(seed), left_(schedules), changes_(changes) {}
    bool begin() override;
    std::size_t choose(std::span<const option> options, bool going) override;

  private:
    std::uint64_t seed_;
    std::size_t left_;
    const unsigned changes_;
    std::mt19937_64 dice_;
    std::vector<int> rank_;              // by thread: the higher goes first
    std::vector<std::size_t> change_at_; // choices of this schedule
    std::size_t at_ = 0, longest_ = 64;  // choices in the longest schedule so far
    int lowest_ = 0;
};

/// One schedule, as a failure has reported it.
class replay final : public strategy {
  public:
    /// Throws std::invalid_argument if it is none.
    explicit replay(std::string_view choices);
    bool begin() override;
    std::size_t choose(std::span<const option> options, bool going) override;

  private:
    std::vector<unsigned char> choices_;
    std::size_t at_ = 0;
    bool done_ = false;
};

} // namespace interleave
