// A table in an SQLite database. Used by one thread at a time.
#pragma once

#include "table_row.hpp"

#include <chrono>
#include <memory>
#include <span>
#include <sqlite3.h>
#include <string>
#include <string_view>

class sqlite_table {
  public:
    static constexpr std::string_view program = "store_sqlite", place = "DATABASE";

    /// A call waits so long for a database that another process has locked.
    sqlite_table(std::string path, std::chrono::seconds patience)
        : path_(std::move(path)), patience_(patience) {}

    store_result open() {
        sqlite3* opened = nullptr;
        const int status = sqlite3_open(path_.c_str(), &opened);
        db_.reset(opened);
        if (status != SQLITE_OK) return failed();
        sqlite3_busy_timeout(opened, static_cast<int>(patience_.count() * 1000));
        // With a write-ahead log a commit is one sync, and `full` makes it wait for that one.
        if (auto made = run("pragma journal_mode = wal; pragma synchronous = full;"
                            "create table if not exists stored_rows("
                            "  key integer primary key, text text not null);"
                            "create table if not exists stored_batches("
                            "  number integer primary key, rows_in_all integer not null,"
                            "  last_key integer not null)");
            !made)
            return made;
        insert_row_ = prepared("insert into stored_rows values (?, ?)");
        insert_batch_ = prepared("insert into stored_batches values (?, ?, ?)");
        if (!insert_row_ || !insert_batch_) return failed();
        return {};
    }

    /// The last batch that is committed.
    std::expected<milestone, store_error> committed() {
        const auto last = prepared("select number, rows_in_all, last_key from stored_batches"
                                   "  order by number desc limit 1");
        const int status = last ? sqlite3_step(last.get()) : SQLITE_ERROR;
        if (status == SQLITE_DONE) return milestone();
        if (status != SQLITE_ROW) return std::unexpected(error());
        const auto column = [&](int i) { return sqlite3_column_int64(last.get(), i); };
        return milestone{.batch = static_cast<std::uint64_t>(column(0)),
                         .rows = static_cast<std::uint64_t>(column(1)),
                         .last_key = column(2)};
    }

    /// Begins a transaction and puts the rows into it, and the number of their batch. After an error there is none.
    store_result put(std::span<const row> rows, const milestone& next) {
        if (auto begun = run("begin immediate"); !begun) return begun;
        for (const row& one : rows) {
            auto* const insert = insert_row_.get();
            sqlite3_bind_int64(insert, 1, one.key);
            sqlite3_bind_text64(insert, 2, one.text.data(), one.text.size(), SQLITE_STATIC, SQLITE_UTF8);
            if (!step(insert)) return given_up(error(" at row " + std::to_string(one.number)));
        }
        auto* const insert = insert_batch_.get();
        sqlite3_bind_int64(insert, 1, static_cast<sqlite3_int64>(next.batch));
        sqlite3_bind_int64(insert, 2, static_cast<sqlite3_int64>(next.rows));
        sqlite3_bind_int64(insert, 3, next.last_key);
        if (!step(insert)) return given_up(error());
        return {};
    }

    /// Commits it. After an error it is not committed, or in doubt.
    store_result commit() {
        if (auto done = run("commit"); !done) {
            // If the log was written but could not be synced, it may be found whole by whoever opens the database next.
            done.error().in_doubt = sqlite3_errcode(db_.get()) != SQLITE_BUSY;
            return given_up(std::move(done.error()));
        }
        return {};
    }

  private:
    template <auto Free>
    struct freeing {
        void operator()(auto* it) const { Free(it); }
    };
    using statement = std::unique_ptr<sqlite3_stmt, freeing<sqlite3_finalize>>;

    statement prepared(std::string_view sql) {
        sqlite3_stmt* made = nullptr;
        sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &made, nullptr);
        return statement(made);
    }
    static bool step(sqlite3_stmt* it) {
        sqlite3_step(it);
        return sqlite3_reset(it) == SQLITE_OK; // which says what the step has said
    }
    store_result run(const char* sql) {
        if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failed();
        return {};
    }
    store_result given_up(store_error why) {
        if (!sqlite3_get_autocommit(db_.get())) // else the error has rolled it back already
            sqlite3_exec(db_.get(), "rollback", nullptr, nullptr, nullptr);
        return std::unexpected(std::move(why));
    }
    store_error error(const std::string& where = {}) const {
        return {.text = sqlite3_errmsg(db_.get()) + where};
    }
    store_result failed() const { return std::unexpected(error()); }

    std::string path_;
    std::chrono::seconds patience_;
    std::unique_ptr<sqlite3, freeing<sqlite3_close_v2>> db_;
    statement insert_row_, insert_batch_; // of it: they go first
};
