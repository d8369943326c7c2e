// What the ported suites share.
#pragma once

#include "../support/support.hpp"

#include <atomic>
#include <expected>
#include <optional>
#include <stdexcept>
#include <thread>

namespace ported {

/// Why a call was refused; nothing where it did what was asked.
template <class T, class E>
std::optional<inquest::status> refusal(const std::expected<T, E>& result) {
    if (result) return std::nullopt;
    return result.error().status();
}

/// What a pop gave; nothing where it was refused.
template <class T, class E>
std::optional<T> got(const std::expected<T, E>& result) {
    if (!result) return std::nullopt;
    return *result;
}

/// Ends the life of a channel's end: `drop(std::move(rx))`.
template <class End>
void drop(End) {}

/// Tells of its destruction where it was not moved from, and counts all its objects. Can be told to throw when it
/// is moved.
class marked {
  public:
    explicit marked(std::atomic<int>& deaths) : deaths_(&deaths) { ++alive(); }
    marked(marked&& other) : deaths_(other.deaths_) {
        if (armed().exchange(false)) throw std::runtime_error("moving failed");
        other.deaths_ = nullptr;
        ++alive();
    }
    ~marked() {
        if (deaths_) ++*deaths_;
        --alive();
    }
    static std::atomic<bool>& armed() {
        static std::atomic<bool> on{false};
        return on;
    }
    static std::atomic<int>& alive() {
        static std::atomic<int> n{0};
        return n;
    }

  private:
    std::atomic<int>* deaths_;
};

/// Where so many threads wait for each other; spinning, so that they go on at the same moment. Who is `polite`
/// lets the others go first, if he can: to be varied from round to round.
class start_line {
  public:
    explicit start_line(int threads) : missing_(threads) {}
    void arrive(bool polite = false) {
        --missing_;
        while (missing_ > 0) std::this_thread::yield();
        if (polite) std::this_thread::yield();
    }

  private:
    std::atomic<int> missing_;
};

} // namespace ported
