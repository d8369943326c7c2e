// The whole of `store_sqlite` and `store_postgres` but for their tables.
#pragma once

#include "row_reader.hpp"
#include "row_store.hpp"
#include "store_options.hpp"

#include <csignal>
#include <expected>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

/// Stores row by row on the calling thread: the same statements without a flusher.
template <class Table>
class plain_store {
  public:
    plain_store(Table& table, const store_options& options, const milestone& from)
        : table_(table), batch_(options.batch), last_(from) {}

    bool push(row&& next) {
        rows_.push_back(std::move(next));
        return rows_.size() < batch_ || store();
    }
    bool finish() { return rows_.empty() || store(); }
    /// There is nothing to be polled: push says all.
    static int failed() { return -1; }
    static bool look_after() { return true; }

  private:
    bool store() {
        inquest::batch_commit next(last_.batch + 1);
        if (const auto done = store_batch(table_, rows_, next); !done) {
            say<Table>(done.error().text);
            return false;
        }
        last_.batch += 1;
        rows_.clear();
        return true;
    }

    Table& table_;
    std::size_t batch_;
    milestone last_;
    std::vector<row> rows_;
};

/// Passes what `store` does not have yet from the input to it. False, and said, if then not all of it is stored.
template <class Table, class Store>
bool pass_on(row_reader& input, Store& store, const milestone& before, const stop_signals& stop) {
    const auto is_other = [](const std::string& how) {
        say<Table>("the database has rows of another input: " + how);
        return false;
    };
    std::uint64_t rows = 0;
    bool is_read = true;
    for (;;) {
        if (!input.wait(store.failed())) {
            if (!store.look_after()) return false;
            continue;
        }
        auto next = input.next();
        if (!next) say<Table>(next.error());
        is_read = next.has_value();
        if (!is_read || !*next) break;
        if (++rows > before.rows) {
            if (!store.push(**std::move(next))) return false;
        } else if (rows == before.rows && (*next)->key != before.last_key) {
            return is_other("the key of row " + std::to_string(rows) + " was " +
                            std::to_string(before.last_key) + " and is " + std::to_string((*next)->key));
        }
    }
    if (is_read && rows < before.rows && stop.signal() == 0)
        return is_other("it had " + std::to_string(before.rows) + " rows and has " + std::to_string(rows));
    return store.finish() && is_read;
}

/// What `main` does.
template <class Table>
int store_rows(int argc, char** argv) {
    auto options = store_command_line(Table::program, Table::place).parse({argv + 1, argv + argc});
    if (!options) return options.error();
    std::signal(SIGXFSZ, SIG_IGN); // a file too large is then an error like others: EFBIG
    stop_signals stop;
    Table table(options->place, options->retry);
    const auto before = open_within(table, options->retry, stop);
    if (!before) {
        say<Table>(before.error().text);
        return 1;
    }
    row_reader input(options->file ? *std::move(options->file) : posix_file(STDIN_FILENO), stop);
    const auto run = [&](auto store) { return pass_on<Table>(input, store, *before, stop); };
    const bool all_stored = options->plain ? run(plain_store<Table>(table, *options, *before))
                                           : run(row_store<Table>(table, *options, *before, stop));
    auto after = table.committed();
    if (!after) after = open_within(table, std::chrono::seconds(0), stop); // the session may have ended since
    if (after) say<Table>(std::to_string(after->rows) + " rows are stored");
    if (!all_stored) return 1;
    if (stop.signal() != 0) {
        say<Table>(std::string("stopped by ") + stop.name());
        std::raise(stop.signal()); // as if it had not been caught
    }
    return 0;
}
