// A flusher that stores rows in a table, and goes on with another one if the database has gone away and come back.
#pragma once

#include "stop_signals.hpp"
#include "store_options.hpp"
#include "table_row.hpp"
#include "wake_up.hpp"

#include <inquest/flusher.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <iostream>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// A sentence for the user.
template <class Table>
void say(const std::string& what) {
    std::cerr << Table::program << ": " << what << '\n';
}

/// Puts a batch into the table, in one transaction with its number.
template <class Table>
store_result store_batch(Table& table, std::span<const row> rows, inquest::batch_commit& commit) {
    const auto named = [&](store_error why) {
        why.text = "rows " + std::to_string(rows.front().number) + "-" + std::to_string(rows.back().number) +
                   ": " + why.text;
        return std::unexpected(std::move(why));
    };
    // A row has the number of its line, so the last one's is how many rows there are with this batch.
    const milestone next{.batch = commit.number(), .rows = rows.back().number, .last_key = rows.back().key};
    if (auto put = table.put(rows, next); !put) return named(std::move(put.error()));
    commit.sent();
    auto done = table.commit();
    if (done || !done.error().in_doubt) commit.answered();
    if (!done) return named(std::move(done.error()));
    return {};
}

/// Opens the table, waiting no longer than that for a database that is away. What is committed there.
template <class Table>
std::expected<milestone, store_error> open_within(Table& table, std::chrono::steady_clock::duration limit,
                                                  const stop_signals& stop) {
    const auto until = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const auto opened = table.open();
        auto known = opened ? table.committed() : std::unexpected(opened.error());
        if (known || !known.error().is_lost || std::chrono::steady_clock::now() >= until) return known;
        if (stop.wait_for(std::chrono::milliseconds(50))) {
            known.error().text += std::string(" (no longer waited for: ") + stop.name() + ")";
            return known;
        }
    }
}

template <class Table>
class row_store {
  public:
    /// `from` is what the table holds. Both references are to outlive it.
    row_store(Table& table, const store_options& options, const milestone& from, const stop_signals& stop)
        : table_(table), batch_(options.batch), capacity_(options.capacity), linger_(options.linger),
          retry_(options.retry), stop_(stop) {
        start(from.batch + 1);
    }

    /// Passes the row to the flusher. False, and said, if it has failed for good.
    bool push(row&& next) {
        waiting_.push_back(std::move(next));
        return push_waiting();
    }
    /// True once all rows are stored. False, and said, if it has failed for good.
    bool finish() {
        while (push_waiting()) {
            const auto done = flusher_->finish();
            if (done) return true;
            if (!go_on(done.error())) break;
        }
        return false;
    }

    /// Readable once the flusher has failed: while nothing is pushed, nothing else says so.
    int failed() const { return failed_.fd(); }
    /// To be called then. False, and said, if it has failed for good.
    bool look_after() {
        const auto done = flusher_->flush();
        return done || (go_on(done.error()) && push_waiting());
    }

  private:
    using flusher = inquest::flusher<row, store_error>;

    void start(std::uint64_t first_batch) {
        flusher_.emplace(
            inquest::make_flusher<row>({.name = "store",
                                        .capacity = capacity_,
                                        .batch = batch_,
                                        .linger = linger_,
                                        .first_batch = first_batch},
                                       [this](std::span<row> rows, inquest::batch_commit& commit) {
                                           return store_batch(table_, rows, commit);
                                       }));
        on_close_.emplace(flusher_->on_close([this](const inquest::pop_error&) { failed_.wake(); }));
    }

    bool push_waiting() {
        while (!waiting_.empty()) {
            const auto sent = flusher_->push(std::move(waiting_.front())); // left there if it fails
            if (!sent && !go_on(sent.error())) return false;
            if (sent) waiting_.pop_front();
        }
        return true;
    }

    /// After a failure: waits until the database is there again, finds out what became of the batch in hand, and puts a new flusher in
    /// the place of the one that failed, with all that is not stored still to be pushed. False, and said, if that can't be done.
    bool go_on(const inquest::failure<store_error>& why) {
        auto left = flusher_->recover();
        flusher_.reset(); // its name is the next one's
        failed_.clear();
        say<Table>(why.message());
        say<Table>(std::to_string(left.batch.size()) + " rows of batch " + std::to_string(left.number) +
                   " are handed back" + (left.in_doubt ? ", in doubt whether they are stored" : "") +
                   ", and " + std::to_string(left.queued.size()) + " that were in no batch yet");
        if (!why.error() || !why.error()->is_lost || retry_ == retry_.zero()) return false;
        const auto now = std::chrono::steady_clock::now();
        // A batch that never gets through has no more time than one that does not get through once.
        const bool is_lost_again = std::exchange(lost_batch_, left.number) == left.number;
        if (!is_lost_again) give_up_at_ = now + retry_;
        if (is_lost_again && (now >= give_up_at_ || stop_.wait_for(std::chrono::milliseconds(50)))) {
            say<Table>("given up: batch " + std::to_string(left.number) + " is lost again and again");
            return false;
        }
        auto found = open_within(table_, give_up_at_ - now, stop_);
        if (!found) {
            say<Table>("given up with --retry " + std::to_string(retry_.count()) + ": " + found.error().text);
            return false;
        }
        const bool is_stored = left.in_doubt && found->batch == left.number;
        say<Table>("connected again; batch " + std::to_string(left.number) + " is " +
                   (is_stored ? "stored" : "not stored, and is written again"));
        take_back(std::move(left.queued));
        if (!is_stored) take_back(std::move(left.batch));
        start(found->batch + 1);
        return true;
    }
    void take_back(std::vector<row>&& rows) {
        waiting_.insert(waiting_.begin(), std::move_iterator(rows.begin()), std::move_iterator(rows.end()));
    }

    Table& table_;
    const std::size_t batch_, capacity_;
    const std::chrono::milliseconds linger_;
    const std::chrono::seconds retry_;
    const stop_signals& stop_;
    const wake_up failed_;
    std::deque<row> waiting_; // to be pushed, oldest first
    std::uint64_t lost_batch_ = 0;
    std::chrono::steady_clock::time_point give_up_at_{};
    std::optional<flusher> flusher_;
    std::optional<inquest::close_callback> on_close_; // of it
};
