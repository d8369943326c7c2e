// What a worker that has not ended is doing.
#pragma once

#include <inquest/activity.hpp>
#include <inquest/cause.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

/// What a timed wait returns for a worker that had not ended by then, and what the long-wait hook is given. A
/// glance at one moment: the worker has gone on since. Nothing here blocks.
class still_running {
  public:
    /// Made by the library.
    still_running(std::string worker, inquest::activity doing, std::string channel,
                  std::optional<item_range> items, inquest::cause known,
                  std::chrono::nanoseconds waited) noexcept;

    /// Its name, numbered if workers share it.
    [[nodiscard]] const std::string& worker() const noexcept { return worker_; }
    /// What it was doing.
    [[nodiscard]] inquest::activity activity() const noexcept { return activity_; }
    /// The name of the channel in which it waits; empty if it does not, or the channel has none.
    [[nodiscard]] const std::string& channel() const noexcept { return channel_; }
    /// The items it was working on, if it had popped any.
    [[nodiscard]] const std::optional<item_range>& items() const noexcept { return items_; }
    /// What is known of why its channel broke; empty if it did not.
    [[nodiscard]] const inquest::cause& cause() const noexcept { return known_; }
    /// How long it had been waited for.
    [[nodiscard]] std::chrono::nanoseconds waited() const noexcept { return waited_; }
    /// How many senders of the channel that it waits for have neither finished nor gone: it waits for a push or a `finish` of
    /// theirs. 0 if it waits for something else, or the channel has none.
    [[nodiscard]] std::size_t open_senders() const noexcept { return senders_; }
    /// How many of these have pushed nothing, as far as is known: a channel keeps such news of its first eight senders.
    [[nodiscard]] std::size_t silent_senders() const noexcept { return silent_; }
    /// Where the others pushed last, each place once, as far as is known. Valid while this object lives.
    [[nodiscard]] std::span<const std::source_location> last_pushes() const noexcept;
    /// The others that had not ended, if several were waited for. Valid while this object lives.
    [[nodiscard]] std::span<const still_running> others() const noexcept;
    /// One line: who, what, on which item; the senders that it waits for; how many others there are; and the cause if one is
    /// known. Allocates.
    [[nodiscard]] std::string message() const;
    /// One such line, without the number of others, for each that had not ended. Allocates.
    [[nodiscard]] std::string details() const;

    /// Made by the library: the same, with that many senders, of which so many have pushed nothing, and others there last.
    [[nodiscard]] still_running with_senders(std::size_t open, std::size_t silent,
                                             std::vector<std::source_location> last) && noexcept;
    /// Made by the library: of several, which is not empty, the first with the others.
    [[nodiscard]] static still_running all(std::vector<still_running> several);

  private:
    std::string worker_;
    std::string channel_;
    std::optional<item_range> items_;
    inquest::cause known_;
    std::chrono::nanoseconds waited_;
    inquest::activity activity_;
    std::size_t senders_ = 0, silent_ = 0;
    std::vector<std::source_location> last_pushes_;
    std::vector<still_running> others_;
};

}} // namespace inquest::INQUEST_ABI
