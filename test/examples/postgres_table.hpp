// A table in a PostgreSQL database. Used by one thread at a time.
#pragma once

#include "table_row.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <libpq-fe.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

class postgres_table {
  public:
    static constexpr std::string_view program = "store_postgres", place = "CONNINFO";

    /// `patience` is how long another session that stores rows here is waited for, but at least two seconds: it may be one that has lost
    /// its client and does not know that yet.
    postgres_table(std::string conninfo, std::chrono::seconds patience)
        : conninfo_(std::move(conninfo)), patience_(std::max(patience, std::chrono::seconds(2))) {}

    /// Opens a session, a new one if there was one before. When it is open, none before is left that could still commit.
    store_result open() {
        connection_.reset(PQconnectdb(conninfo_.c_str()));
        if (PQstatus(connection_.get()) != CONNECTION_OK) return std::unexpected(error(nullptr));
        PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
        // A server that has lost its client may only notice when it has committed what it was sent. It holds the session's lock until
        // then: so who has the lock finds all that earlier sessions have done. If the whole server has died, its processes may live on
        // for a moment, but a new server does not start while one of them is attached to the old one's memory.
        // (A pooler that passes one session from client to client would break this.)
        const std::string made =
            "create table if not exists stored_rows(key bigint primary key, text text not null);"
            "create table if not exists stored_batches(number bigint primary key,"
            "  rows_in_all bigint not null, last_key bigint not null);"
            "set lock_timeout = '" +
            std::to_string(patience_.count()) + "s'";
        if (auto done = run(made.c_str()); !done) return done;
        if (auto done = run("select pg_advisory_lock('stored_batches'::regclass::oid::bigint)"); !done) {
            done.error().text = "another session stores rows here: " + done.error().text;
            return done;
        }
        if (auto done = run("set lock_timeout = 0"); !done) return done;
        if (auto done = checked(PQprepare(connection_.get(), "batch",
                                          "insert into stored_batches values ($1, $2, $3)", 0, nullptr));
            !done)
            return done;
        return {};
    }

    /// The last batch that is committed.
    std::expected<milestone, store_error> committed() {
        const result last(PQexec(connection_.get(), "select number, rows_in_all, last_key from stored_batches"
                                                    "  order by number desc limit 1"));
        if (PQresultStatus(last.get()) != PGRES_TUPLES_OK) return std::unexpected(error(last.get()));
        milestone found;
        if (PQntuples(last.get()) == 0) return found;
        read(last, 0, found.batch);
        read(last, 1, found.rows);
        read(last, 2, found.last_key);
        return found;
    }

    /// Begins a transaction and puts the rows into it, and the number of their batch. After an error there is none.
    store_result put(std::span<const row> rows, const milestone& next) {
        if (auto begun = run("begin"); !begun) return begun;
        auto done = copy(rows);
        if (done) done = insert(next);
        if (!done) PQclear(PQexec(connection_.get(), "rollback"));
        return done;
    }

    /// Commits it. After an error it is not committed, or in doubt.
    store_result commit() {
        auto done = run("commit");
        if (!done) done.error().in_doubt = done.error().is_lost; // else that is the server's answer
        return done;
    }

  private:
    template <auto Free>
    struct freeing {
        void operator()(auto* it) const { Free(it); }
    };
    using result = std::unique_ptr<PGresult, freeing<PQclear>>;

    static void read(const result& from, int column, std::integral auto& into) {
        const std::string_view text = PQgetvalue(from.get(), 0, column);
        std::from_chars(text.data(), text.data() + text.size(), into);
    }

    /// By COPY in its binary format: as fast as an INSERT of two arrays, and faster in batches of 10 000; in batches of 1000 and more, INSERTs
    /// of single rows in a pipeline take two to four times as long.
    store_result copy(std::span<const row> rows) {
        const result ready(PQexec(connection_.get(), "copy stored_rows from stdin (format binary)"));
        if (PQresultStatus(ready.get()) != PGRES_COPY_IN) return std::unexpected(error(ready.get()));
        data_.assign("PGCOPY\n\377\r\n\0", 11);
        add(std::int32_t{0}); // no flags
        add(std::int32_t{0}); // no header extension
        for (const row& one : rows) {
            add(std::int16_t{2});
            add(std::int32_t{sizeof one.key});
            add(one.key);
            add(static_cast<std::int32_t>(one.text.size()));
            data_ += one.text;
        }
        add(std::int16_t{-1});
        if (PQputCopyData(connection_.get(), data_.data(), static_cast<int>(data_.size())) != 1 ||
            PQputCopyEnd(connection_.get(), nullptr) != 1)
            return std::unexpected(error(nullptr));
        store_result done;
        while (const result each{PQgetResult(connection_.get())})
            if (done) done = checked_status(each.get());
        return done;
    }
    /// In the byte order of the network.
    void add(std::signed_integral auto number) {
        if constexpr (std::endian::native == std::endian::little) number = std::byteswap(number);
        char bytes[sizeof number];
        std::memcpy(bytes, &number, sizeof number);
        data_.append(bytes, sizeof bytes);
    }
    store_result insert(const milestone& next) {
        const std::string values[] = {std::to_string(next.batch), std::to_string(next.rows),
                                      std::to_string(next.last_key)};
        const char* const texts[] = {values[0].c_str(), values[1].c_str(), values[2].c_str()};
        return checked(PQexecPrepared(connection_.get(), "batch", 3, texts, nullptr, nullptr, 0));
    }

    store_result run(const char* sql) { return checked(PQexec(connection_.get(), sql)); }
    store_result checked(PGresult* made) const {
        const result owned(made);
        return checked_status(made);
    }
    store_result checked_status(const PGresult* made) const {
        const auto status = PQresultStatus(made);
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return {};
        return std::unexpected(error(made));
    }
    /// Of that result, or of the connection if there is none.
    store_error error(const PGresult* made) const {
        const char* const state = made ? PQresultErrorField(made, PG_DIAG_SQLSTATE) : nullptr;
        // The server says that it closes the session before it does, and that it is not ready yet, in codes that begin so.
        const bool says_so = state && (std::string_view(state).starts_with("57P0"));
        return {.text = in_one_line(made ? PQresultErrorMessage(made) : PQerrorMessage(connection_.get())),
                .is_lost = says_so || PQstatus(connection_.get()) != CONNECTION_OK};
    }
    static std::string in_one_line(std::string_view text) {
        std::string line;
        for (const char c : text) {
            const bool is_space = c == ' ' || c == '\t' || c == '\n';
            if (!is_space)
                line += c;
            else if (!line.empty() && line.back() != ' ')
                line += ' ';
        }
        while (line.ends_with(' ')) line.pop_back();
        return line;
    }

    std::string conninfo_;
    std::chrono::seconds patience_;
    std::unique_ptr<PGconn, freeing<PQfinish>> connection_;
    std::string data_; // of a batch
};
