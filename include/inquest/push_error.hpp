// Why one push or one pop failed.
#pragma once

#include <inquest/cause.hpp>
#include <inquest/status.hpp>
#include <inquest/still_running.hpp>

#include <cstddef>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

namespace detail {

class channel_base;

} // namespace detail

/// Why a push did not happen, or a push_range not to its end. What was not accepted is untouched. Nothing here
/// blocks but what says so.
class push_error {
  public:
    /// Made by the library.
    push_error(inquest::status why, inquest::cause behind, std::source_location where,
               std::size_t accepted = 0, bool early = false, std::size_t undelivered = 0,
               std::weak_ptr<const detail::channel_base> channel = {}) noexcept
        : cause_(std::move(behind)), channel_(std::move(channel)), where_(where), accepted_(accepted),
          undelivered_(undelivered), status_(why), early_(early) {}
    /// Shares all.
    push_error(const push_error& other) noexcept;
    /// Leaves `other` with the empty cause.
    push_error(push_error&& other) noexcept = default;
    /// Shares all.
    push_error& operator=(const push_error& other) noexcept;
    /// Leaves `other` with the empty cause.
    push_error& operator=(push_error&& other) noexcept;
    ~push_error();

    /// `full`, `closed`, `stopped`, `timeout` or `interrupted`.
    [[nodiscard]] inquest::status status() const noexcept { return status_; }
    /// What is known of the reason now, without waiting for anybody: empty if nothing failed so far.
    /// `resolve` asks further, and joins.
    [[nodiscard]] const inquest::cause& cause() const noexcept { return cause_; }
    /// Where the push stands in the source.
    [[nodiscard]] const std::source_location& where() const noexcept { return where_; }
    /// How many items of a push_range went in before; 0 for a single push.
    [[nodiscard]] std::size_t accepted() const noexcept { return accepted_; }
    /// True if the channel closed because its last worker had returned success: it wanted no more.
    [[nodiscard]] bool finished_early() const noexcept { return early_; }
    /// Items that were queued when the push failed.
    [[nodiscard]] std::size_t undelivered() const noexcept { return undelivered_; }
    /// What the workers that read the channel are doing, at the moment of this call. Allocates, and blocks for the channel's lock.
    /// Only after `full` and `timeout`, which they may be the reason of; else empty. Nobody has waited for them, so `waited` is 0.
    [[nodiscard]] std::vector<still_running> workers() const;
    /// One line: the status, and the cause if one is known; after `full` and `timeout` the channel's name, and what its workers are
    /// doing at the moment of this call. Allocates, and then blocks for the channel's lock.
    [[nodiscard]] std::string message() const;
    /// Only the status, and where the push stands. Allocates.
    [[nodiscard]] std::string brief() const;

  private:
    inquest::cause cause_;
    std::weak_ptr<const detail::channel_base> channel_; // of a push that found no room
    std::source_location where_;
    std::size_t accepted_;
    std::size_t undelivered_;
    inquest::status status_;
    bool early_;
};

/// Why a pop gave no item. Nothing here blocks.
class pop_error {
  public:
    /// Made by the library.
    explicit pop_error(inquest::status why, inquest::cause behind = {}) noexcept
        : cause_(std::move(behind)), status_(why) {}

    /// `empty`, `complete`, `closed`, `truncated`, `aborted`, `stopped`, `timeout` or `interrupted`.
    [[nodiscard]] inquest::status status() const noexcept { return status_; }
    /// What broke the stream; empty if nothing did.
    [[nodiscard]] const inquest::cause& cause() const noexcept { return cause_; }
    /// One line: the status, and the cause if one is known. Allocates.
    [[nodiscard]] std::string message() const;

  private:
    inquest::cause cause_;
    inquest::status status_;
};

}} // namespace inquest::INQUEST_ABI
