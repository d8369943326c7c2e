#include "../support/scratch.hpp"
#include "store_input.hpp"

#include <filesystem>
#include <regex>
#include <sqlite3.h>

namespace {

/// A database in a folder of its own, and the program on it.
class database {
  public:
    /// Runs the program with these arguments, `more` before the database.
    support::outcome store_in(const support::surroundings& with, std::vector<std::string> more) const {
        more.insert(more.begin(), support::from_build("STORE_SQLITE"));
        more.push_back(path());
        return support::run(more, with);
    }
    support::outcome store(std::vector<std::string> more, const std::string& input) const {
        return store_in({.input = input}, std::move(more));
    }
    std::string path() const { return folder_.file(); }
    std::string file(std::string_view name) const { return folder_.file(name); }

    /// What it answers, columns separated by '|'; "" if there is no row, or no table.
    std::string ask(const char* sql) const { return session(*this).ask(sql); }

    class session {
      public:
        explicit session(const database& in) {
            REQUIRE(sqlite3_open(in.path().c_str(), &db_) == SQLITE_OK);
            sqlite3_busy_timeout(db_, 60'000);
        }
        ~session() { sqlite3_close(db_); }
        session(const session&) = delete;
        session& operator=(const session&) = delete;
        std::string ask(const char* sql) const {
            sqlite3_stmt* made = nullptr;
            if (sqlite3_prepare_v2(db_, sql, -1, &made, nullptr) != SQLITE_OK) return "";
            std::string answer;
            if (sqlite3_step(made) == SQLITE_ROW)
                for (int i = 0; i < sqlite3_column_count(made); ++i) {
                    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(made, i));
                    answer += (i > 0 ? "|" : "") + std::string(text ? text : "null");
                }
            sqlite3_finalize(made);
            return answer;
        }

      private:
        sqlite3* db_ = nullptr;
    };

  private:
    support::scratch folder_;
};

constexpr const char* batches = "select count(*), max(number), max(rows_in_all) from stored_batches";

/// Options by which batches are full, however slowly rows come.
std::vector<std::string> way(bool plain) {
    if (plain) return {"--plain"};
    return {"--linger", "100000"};
}

/// How many rows are committed, by the table of batches; 0 as long as there is none.
int committed(const database& in) {
    const auto text = in.ask("select coalesce(max(rows_in_all), 0) from stored_batches");
    return text.empty() ? 0 : std::stoi(text);
}

/// How often the thread of that name has gone to sleep; -1 if there is none.
int naps(pid_t process, const std::string& name) {
    std::error_code ended;
    const std::filesystem::path tasks = "/proc/" + std::to_string(process) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks, ended))
        if (status_field(task.path(), "Name") == name)
            return std::stoi(status_field(task.path(), "voluntary_ctxt_switches"));
    return -1;
}

} // namespace

TEST_CASE(
    "store_sqlite: a million rows, by a flusher and plainly, and nothing twice when it is started again") {
    const int n = support::stress(1'000'000);
    for (const bool plain : {false, true}) {
        CAPTURE(plain);
        const database db;
        support::fill(db.file("rows"), rows(1, n));
        std::vector<std::string> command{support::from_build("STORE_SQLITE"), "--linger", "100000", db.path(),
                                         db.file("rows")};
        if (plain) command.insert(command.begin() + 1, "--plain");
        for (int round = 0; round < 2; ++round) {
            const auto run = support::run(command);
            CHECK(run.err == "store_sqlite: " + std::to_string(n) + " rows are stored\n");
            CHECK(run.status == 0);
            CHECK(db.ask(sums) == all_of(n));
            const auto each = std::to_string(n / 1000);
            CHECK(db.ask(batches) == each + '|' + each + '|' + std::to_string(n));
        }
    }
}

TEST_CASE("store_sqlite goes on with an input that has grown, with batches of another size") {
    const database db;
    CHECK(db.store({"--batch", "10", "--linger", "100000"}, rows(1, 95)).status == 0);
    CHECK(db.ask(batches) == "10|10|95");
    CHECK(db.store({"--batch", "50", "--capacity", "1", "--linger", "100000"}, rows(1, 200)).status == 0);
    CHECK(db.ask(batches) == "13|13|200");
    CHECK(db.store({"--batch", "7", "--plain"}, rows(1, 210)).status == 0);
    CHECK(db.ask(batches) == "15|15|210");
    CHECK(db.ask(sums) == all_of(210));
}

TEST_CASE("store_sqlite refuses another input, and stores nothing of it") {
    const database db;
    CHECK(db.store({}, rows(1, 10)).status == 0);
    const auto other = db.store({}, rows(2, 30));
    CHECK(other.status == 1);
    CHECK(other.err ==
          "store_sqlite: the database has rows of another input: the key of row 10 was 10 and is "
          "11\nstore_sqlite: 10 rows are stored\n");
    const auto shorter = db.store({}, rows(1, 9));
    CHECK(shorter.status == 1);
    CHECK(shorter.err == "store_sqlite: the database has rows of another input: it had 10 rows and has 9\n"
                         "store_sqlite: 10 rows are stored\n");
    CHECK(db.ask(sums) == all_of(10));
}

TEST_CASE("store_sqlite names the line that is no row, and stores what was before it") {
    const std::pair<const char*, const char*> bad[] = {
        {"no tab", "no tab"},
        {"", "no tab"},
        {"1x\ttext", "the key is no number of 64 bits"},
        {"\ttext", "the key is no number of 64 bits"},
        {" 1\ttext", "the key is no number of 64 bits"},
        {"9223372036854775808\ttext", "the key is no number of 64 bits"},
    };
    for (const auto& [line, why] : bad)
        for (const bool plain : {false, true}) {
            if (plain && *line) continue; // once is enough
            CAPTURE(plain);
            CAPTURE(line);
            const database db;
            const auto run = db.store(way(plain), rows(1, 1500) + line + '\n' + rows(1501, 1600));
            CHECK(run.status == 1);
            CHECK(run.err == "store_sqlite: line 1501 is no row: " + std::string(why) +
                                 "\nstore_sqlite: 1500 rows are stored\n");
            CHECK(db.ask(sums) == all_of(1500));
            CHECK(db.store({}, rows(1, 1600)).status == 0);
            CHECK(db.ask(sums) == all_of(1600));
        }
}

TEST_CASE("store_sqlite stores any text and key, a last line without its end, and nothing of nothing") {
    const database db;
    CHECK(db.store({}, "").err == "store_sqlite: 0 rows are stored\n");
    const std::string zeros(3, '\0');
    const auto run =
        db.store({}, "-9223372036854775808\t\n9223372036854775807\ta\tb'\"\\ \n0\t" + zeros + "\n1\tthe end");
    CHECK(run.status == 0);
    CHECK(db.ask("select group_concat(key || '=' || hex(text), ' ')"
                 "  from (select * from stored_rows order by key)") ==
          "-9223372036854775808= 0=000000 1=74686520656E64 9223372036854775807=61096227225C20");
}

TEST_CASE(
    "store_sqlite: a key that is there already fails its batch, which is named; what was before is stored") {
    const std::string twice = rows(1, 4999) + "17\tagain\n" + rows(5001, 9000);
    const std::string why = "rows 4001-5000: UNIQUE constraint failed: stored_rows.key at row 5000\n";
    const std::string after = "store_sqlite: 4000 rows are stored\n";
    for (const bool plain : {false, true}) {
        CAPTURE(plain);
        const database db;
        const auto run = db.store(way(plain), twice);
        CHECK(run.status == 1);
        if (plain) {
            CHECK(run.err == "store_sqlite: " + why + after);
        } else {
            const std::regex told("store_sqlite: worker 'store' failed on items 4001 to 5000: " + why +
                                  "store_sqlite: 1000 rows of batch 5 are handed back, and \\d+ that were in "
                                  "no batch yet\n" +
                                  after);
            CHECK_MESSAGE(std::regex_match(run.err, told), run.err);
        }
        CHECK(db.ask(sums) == all_of(4000));
        CHECK(db.ask(batches) == "4|4|4000");
        CHECK(db.store(way(plain), rows(1, 9000)).status == 0);
        CHECK(db.ask(sums) == all_of(9000));
    }
}

TEST_CASE("store_sqlite: a full disk is named, and what is committed is whole; with more room it goes on "
          "from there") {
    const std::string input = rows(1, 20'000);
    int in_doubt = 0, part_stored = 0;
    for (int kilobytes = 64; kilobytes <= 1024; kilobytes += 160)
        for (const bool plain : {false, true}) {
            CAPTURE(kilobytes);
            CAPTURE(plain);
            const database db;
            const auto run = db.store_in(
                {.input = input, .largest_file = static_cast<rlim_t>(kilobytes) * 1024}, way(plain));
            const std::regex told(
                std::string("store_sqlite: ") +
                (plain ? "" : "worker 'store' failed on items \\d+ to \\d+: ") +
                "rows \\d+-\\d+: (disk I/O error|database or disk is full)( at row \\d+)?\n" +
                (plain ? ""
                       : "store_sqlite: \\d+ rows of batch \\d+ are handed back(, in doubt whether they are "
                         "stored)?, and \\d+ that were in no batch yet\n") +
                "store_sqlite: (\\d+) rows are stored\n");
            if (run.status == 0) continue; // there was room
            CHECK(run.status == 1);
            CHECK_MESSAGE(std::regex_match(run.err, told), run.err);
            const int stored = committed(db);
            CHECK(db.ask(sums) == all_of(stored));
            CHECK(run.err.ends_with(": " + std::to_string(stored) + " rows are stored\n"));
            in_doubt += run.err.find(", in doubt ") != std::string::npos;
            part_stored += stored > 0;
            CHECK(db.store(way(plain), input).status == 0);
            CHECK(db.ask(sums) == all_of(20'000));
        }
    CHECK(in_doubt > 0);
    CHECK(part_stored > 0);
}

TEST_CASE("store_sqlite: a database that another process has locked is named, or waited for") {
    const database db;
    CHECK(db.store({}, rows(1, 5)).status == 0);
    const database::session other(db);
    other.ask("begin immediate");
    const auto refused = db.store({"--batch", "5", "--linger", "100000"}, rows(1, 10));
    CHECK(refused.status == 1);
    CHECK(refused.err ==
          "store_sqlite: worker 'store' failed on items 1 to 5: rows 6-10: database is locked\n"
          "store_sqlite: 5 rows of batch 2 are handed back, and 0 that were in no batch yet\n"
          "store_sqlite: 5 rows are stored\n");
    CHECK(db.store({"--plain"}, rows(1, 10)).err == "store_sqlite: rows 6-10: database is locked\n"
                                                    "store_sqlite: 5 rows are stored\n");
    const open_input silent(rows(1, 10)); // whose reader learns of the failure all the same
    CHECK(db.store_in({.input_from = silent.fd()}, {"--linger", "1"}).err == refused.err);
    const auto unlock = [&](pid_t store) {
        // It naps between its attempts, and has nothing else to do so often.
        wait_while_running(store, "naps", [&] { return naps(store, "store") > 20; });
        other.ask("rollback");
    };
    const auto waited = db.store_in({.input = rows(1, 10), .meanwhile = unlock}, {"--retry", "1000"});
    CHECK(waited.status == 0);
    CHECK(db.ask(sums) == all_of(10));
}

TEST_CASE("store_sqlite, killed again and again and started again, stores each row once") {
    const database db;
    const int n = support::stress(200'000), killings = 8;
    for (int i = 1; i <= killings; ++i) {
        const open_input input(rows(1, n));
        const auto kill_later = [&](pid_t store) {
            wait_while_running(store, "rows", [&] { return committed(db) >= n / (killings + 2) * i; });
            ::kill(store, SIGKILL);
        };
        const auto run = db.store_in({.input_from = input.fd(), .meanwhile = kill_later},
                                     {"--batch", "100", "--retry", "60"}); // for a lock of who looks
        CHECK(run.status == 128 + SIGKILL);
        CHECK(db.ask(sums) == all_of(committed(db)));
    }
    CHECK(db.store({}, rows(1, n)).status == 0);
    CHECK(db.ask(sums) == all_of(n));
}

TEST_CASE("store_sqlite stores a row that is alone as soon as it has lingered, and not before") {
    for (const bool is_long : {false, true}) {
        CAPTURE(is_long);
        const database db;
        const open_input input(rows(1, 1));
        int stored = 0;
        const auto end_it = [&](pid_t store) {
            input.wait_until_read();
            const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
            wait_while_running(store, "the row", [&] {
                stored = committed(db);
                return stored == 1 || (is_long && std::chrono::steady_clock::now() > until);
            });
            ::kill(store, SIGTERM);
        };
        const auto run = db.store_in({.input_from = input.fd(), .meanwhile = end_it},
                                     {"--linger", is_long ? "1000000" : "1", "--retry", "60"});
        CHECK(run.status == 128 + SIGTERM);
        CHECK(stored == (is_long ? 0 : 1));
        CHECK(db.ask(sums) == all_of(1));
    }
}

TEST_CASE("store_sqlite, stopped, stores what it has read and ends by the signal") {
    for (const int signal : {SIGINT, SIGTERM})
        for (const bool plain : {false, true}) {
            CAPTURE(signal);
            CAPTURE(plain);
            const database db;
            const open_input input(rows(1, 2500) + "2501\tcut o");
            const auto end_it = [&](pid_t store) {
                input.wait_until_read();
                ::kill(store, signal);
            };
            const auto run = db.store_in({.input_from = input.fd(), .meanwhile = end_it}, way(plain));
            CHECK(run.status == 128 + signal);
            CHECK(run.err == std::string("store_sqlite: 2500 rows are stored\nstore_sqlite: stopped by ") +
                                 (signal == SIGINT ? "SIGINT\n" : "SIGTERM\n"));
            CHECK(db.ask(sums) == all_of(2500));
        }
}

TEST_CASE("store_sqlite, stopped while it can't write, ends at once by a second signal") {
    const database db;
    CHECK(db.store({}, rows(1, 5)).status == 0);
    const database::session other(db);
    other.ask("begin immediate");
    const open_input input(rows(1, 10));
    const auto end_it = [&](pid_t store) {
        input.wait_until_read();
        ::kill(store, SIGTERM);
        wait_while_running(store, "the first", [&] { return has_taken(store, SIGTERM); });
        ::kill(store, SIGTERM);
    };
    const auto run = db.store_in({.input_from = input.fd(), .meanwhile = end_it}, {"--retry", "1000"});
    CHECK(run.status == 128 + SIGTERM);
    CHECK(run.err.empty());
    other.ask("rollback");
    CHECK(db.ask(sums) == all_of(5));
}

TEST_CASE("store_sqlite: bad usage ends with 2 and says what is wrong; --help with 0; no database with 1") {
    const auto store = support::from_build("STORE_SQLITE");
    const std::string usage =
        "usage: store_sqlite [--batch N] [--linger MS] [--capacity N] [--retry SECONDS] "
        "[--plain] DATABASE [FILE]\n";
    const database db;
    const std::pair<std::vector<std::string>, std::string> bad[] = {
        {{}, "missing: DATABASE"},
        {{"a", "b", "c"}, "too many arguments: c"},
        {{"--batch"}, "no number after: --batch"},
        {{"--batch", "0", db.path()}, "not a number from 1 to 1000000: 0"},
        {{"--batch", "1000001", db.path()}, "not a number from 1 to 1000000: 1000001"},
        {{"--capacity", "0", db.path()}, "not a number from 1 to 1000000: 0"},
        {{"--linger", "-1", db.path()}, "not a number from 0 to 1000000: -1"},
        {{"--retry", "1s", db.path()}, "not a number from 0 to 1000000: 1s"},
        {{"--sort", "1", db.path()}, "no such option: --sort"},
        {{db.path(), db.file("none")}, "can't read '" + db.file("none") + "': No such file or directory"},
    };
    for (const auto& [arguments, why] : bad) {
        CAPTURE(why);
        auto command = arguments;
        command.insert(command.begin(), store);
        const auto run = support::run(command);
        CHECK(run.status == 2);
        CHECK(run.err == "store_sqlite: " + why + '\n' + usage);
    }
    CHECK_FALSE(std::filesystem::exists(db.path()));
    const auto help = support::run({store, "--help"});
    CHECK(help.status == 0);
    CHECK(help.err.empty());
    CHECK(help.out.starts_with(usage));
    CHECK(help.out.find("at least once") != std::string::npos);
    CHECK(support::run({store, db.path(), "/"}).err ==
          "store_sqlite: can't read: Is a directory\nstore_sqlite: 0 rows are stored\n");
    const auto nowhere = support::run({store, db.file("none/db")});
    CHECK(nowhere.status == 1);
    CHECK(nowhere.err == "store_sqlite: unable to open database file\n");
}
