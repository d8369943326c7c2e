// One measurement of rows stored in a database, by a flusher or plainly by the thread that makes them: what flusher.py runs.
//
// usage: flusher-measure sqlite|postgres PLACE flusher|plain BATCH LINGER_MS ROWS_A_SECOND MS
//
// Makes rows for so many milliseconds, so many a second, or as many as are taken if that is 0. The tables of PLACE are dropped before.
// Prints an object with the rows that were stored a second, and the median and 99th percentile of their ages in nanoseconds: from when a
// row was to be made until it is committed.
#include "../test/examples/postgres_table.hpp"
#include "../test/examples/row_store.hpp"
#include "../test/examples/sqlite_table.hpp"
#include "figures.hpp"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace bench;

struct setting {
    std::string_view database, way;
    std::size_t batch;
    std::chrono::milliseconds linger;
    double a_second; // rows; 0: as many as are taken
    std::chrono::milliseconds time;
};

/// When each row was to be made, and how old it was when it was committed.
struct ages {
    std::vector<std::int64_t> made, all;

    void committed(std::span<const row> rows) {
        const auto at = now();
        for (const row& one : rows) all.push_back(at - made[one.number - 1]);
    }
};

[[noreturn]] void fail(const std::string& why) {
    std::cerr << "flusher-measure: " << why << '\n';
    std::exit(1);
}

/// Makes rows and passes them to `push`, at their times.
template <class Push>
void make_rows(const setting& its, ages& of, Push&& push) {
    const auto begun = now();
    const auto until = begun + std::chrono::nanoseconds(its.time).count();
    for (std::uint64_t number = 1;; ++number) {
        auto due = now();
        if (its.a_second > 0) {
            due = begun + static_cast<std::int64_t>(static_cast<double>(number) / its.a_second * 1e9);
            std::this_thread::sleep_until(steady::time_point(
                std::chrono::duration_cast<steady::duration>(std::chrono::nanoseconds(due))));
        }
        if (due > until) return;
        of.made[number - 1] = due;
        const auto key = static_cast<std::int64_t>(number);
        push(row{.number = number, .key = key, .text = "text of " + std::to_string(key)});
    }
}

template <class Table>
void by_flusher(Table& table, const setting& its, ages& of) {
    auto store = inquest::make_flusher<row>(
        {.name = "store", .capacity = 4000, .batch = its.batch, .linger = its.linger},
        [&](std::span<row> rows, inquest::batch_commit& commit) {
            auto done = store_batch(table, rows, commit);
            if (done) of.committed(rows);
            return done;
        });
    make_rows(its, of, [&](row&& one) {
        if (const auto sent = store.push(std::move(one)); !sent) fail(sent.error().message());
    });
    if (const auto done = store.finish(); !done) fail(done.error().message());
}

template <class Table>
void plainly(Table& table, const setting& its, ages& of) {
    std::vector<row> rows;
    std::uint64_t batch = 0;
    const auto store = [&] {
        inquest::batch_commit commit(++batch);
        if (const auto done = store_batch(table, rows, commit); !done) fail(done.error().text);
        of.committed(rows);
        rows.clear();
    };
    make_rows(its, of, [&](row&& one) {
        rows.push_back(std::move(one));
        if (rows.size() == its.batch) store();
    });
    if (!rows.empty()) store();
}

template <class Table>
void measure(const std::string& place, const setting& its) {
    Table table(place, std::chrono::seconds(10));
    if (const auto opened = table.open(); !opened) fail(opened.error().text);
    ages of;
    constexpr std::size_t most_a_second = 5'000'000;
    of.made.resize(most_a_second * static_cast<std::size_t>(its.time.count() + 1000) / 1000);
    of.all.reserve(of.made.size());
    const auto begun = now();
    if (its.way == "flusher")
        by_flusher(table, its, of);
    else
        plainly(table, its, of);
    const auto took = static_cast<double>(now() - begun) * 1e-9;
    const auto stored = table.committed();
    if (!stored || stored->rows != of.all.size()) fail("rows were lost");
    figures made;
    const auto rows = static_cast<double>(of.all.size());
    take_percentiles(made, of.all);
    std::printf("{\"rows\": %.0f, \"p50\": %.0f, \"p99\": %.0f}\n", rows / took, made.p50, made.p99);
}

void drop_tables(const std::string& conninfo) {
    PGconn* const session = PQconnectdb(conninfo.c_str());
    PQsetNoticeProcessor(session, [](void*, const char*) {}, nullptr);
    PQclear(PQexec(session, "drop table if exists stored_rows, stored_batches; checkpoint"));
    PQfinish(session);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 8) {
        std::cerr << "usage: flusher-measure sqlite|postgres PLACE flusher|plain BATCH LINGER_MS "
                     "ROWS_A_SECOND MS\n";
        return 2;
    }
    const setting its{.database = argv[1],
                      .way = argv[3],
                      .batch = std::stoul(argv[4]),
                      .linger = std::chrono::milliseconds(std::stoul(argv[5])),
                      .a_second = std::stod(argv[6]),
                      .time = std::chrono::milliseconds(std::stoul(argv[7]))};
    const std::string place = argv[2];
    if (its.database == "sqlite") {
        for (const char* each : {"", "-wal", "-shm"}) std::remove((place + each).c_str());
        measure<sqlite_table>(place, its);
    } else {
        drop_tables(place);
        measure<postgres_table>(place, its);
    }
}
