// What a program is written with. The same programs run under the scheduler, and on real threads, where nobody
// chooses and what only the scheduler can see is not looked at.
#pragma once

#include "../support/channel_inspector.hpp"

#include <inquest/inquest.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace interleave {

using inquest::detail::clock;
using inquest::detail::jthread;
using inquest::detail::stop_source;
using inquest::detail::stop_token;

/// A small program and what is explored of it.
struct program {
    const char* name;
    void (*run)();
    unsigned preemptions;   // all schedules with so many are explored; none if `schedules` is 0
    std::size_t schedules;  // how many there are at least
    std::size_t random;     // so many more by chance, and so many by priority
    bool lifetimes = false; // it is about what another thread destroys
    bool scheduled = false; // only the scheduler can tell when it may go on
};

/// All of them, by file.
std::span<const program> traffic();
std::span<const program> endings();
std::span<const program> waits();
std::span<const program> workers();
std::span<const program> spins();
std::span<const program> stages();
std::span<const program> pipelines();
std::span<const program> heavies();
std::span<const program> crowds();
inline std::vector<program> programs() {
    std::vector<program> all;
    for (const auto part :
         {traffic(), endings(), waits(), workers(), spins(), stages(), pipelines(), heavies(), crowds()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

/// Ends the schedule as failed if `holds` is false.
void require(bool holds, std::string_view what);
/// A line in the trace.
void say(std::string line);
/// What the calling thread is called in the trace.
void call_me(std::string name);
/// Under the scheduler: time passes, while others are wherever they are.
void let_time_pass(clock::duration d);
/// Under the scheduler: somebody else may come between.
void take_a_step();
/// Under the scheduler: returns when no other thread can go on by itself.
void until_quiet();
/// Under the scheduler: returns when some call waits in the channel, spinning or parked.
void until_within(const inquest::detail::channel_base& channel);
template <class T>
void until_within(const inquest::channel_handle<T>& end) {
    until_within(inquest::detail::channel_inspector::core(end));
}
/// Under the scheduler: whenever nobody can go on, looks whether all calls blocked in the channel are so with
/// reason.
void watch(std::weak_ptr<const inquest::detail::channel_base> channel, std::string name);
template <class T>
void watch(const inquest::channel_handle<T>& end, std::string name) {
    watch(inquest::detail::channel_inspector::weak(end), std::move(name));
}

/// Starts a thread under a name.
template <class F>
[[nodiscard]] jthread thread(std::string name, F&& body) {
    return jthread([name = std::move(name), run = std::forward<F>(body)]() mutable {
        call_me(std::move(name));
        run();
    });
}

/// Where each item, a number from 0, has been seen: in the end each that was made is in one place.
class ledger {
  public:
    /// `pushed` says so of the item that push has been given, and counts it as kept if the push failed.
    bool pushed(int item, bool accepted) {
        say("push " + std::to_string(item) + (accepted ? ": accepted" : ": refused"));
        count(made_, item);
        if (!accepted) count(found_, item);
        return accepted;
    }
    void popped(int item) {
        say("pop: " + std::to_string(item));
        count(found_, item);
    }
    void recovered(const auto& items) {
        for (const int item : items) {
            say("recovered: " + std::to_string(item));
            count(found_, item);
        }
    }
    /// Once all have ended.
    void settle() const {
        for (std::size_t i = 0; i < made_.size(); ++i) {
            const auto name = "item " + std::to_string(i);
            require(found_[i] <= made_[i], name + (made_[i] ? " is there twice" : " was never pushed"));
            require(found_[i] >= made_[i], name + " is lost");
        }
    }

  private:
    using counts = std::array<std::atomic<int>, 32>;
    static void count(counts& in, int item) {
        require(item >= 0 && static_cast<std::size_t>(item) < in.size(), "an item that nobody made");
        ++in[static_cast<std::size_t>(item)];
    }
    counts made_{}, found_{};
};

/// An item that can only be moved, and shows where it was: the one that it was moved from is empty.
class parcel {
  public:
    explicit parcel(int item) : item_(item) {}
    parcel(parcel&& other) noexcept : item_(std::exchange(other.item_, -1)) {}
    parcel& operator=(parcel&&) = delete;
    [[nodiscard]] int item() const { return item_; } // -1: empty

  private:
    int item_;
};

/// Pushes `items`, and stops if one is refused.
inline bool push_all(auto& to, ledger& all, std::initializer_list<int> items) {
    for (const int item : items)
        if (!all.pushed(item, to.push(item).has_value())) return false;
    return true;
}

/// Pops to the end, or `most` items.
inline inquest::status pop_all(auto& from, ledger& all, int most = 1'000) {
    for (; most > 0; --most) {
        const auto item = from.pop();
        if (!item) {
            say("pop: " + item.error().message());
            return item.error().status();
        }
        all.popped(*item);
    }
    return inquest::status::empty;
}

} // namespace interleave
