// `store_postgres` on servers of the tests' own, which are killed at the worst moments. Without PostgreSQL the program ends with 77, which
// Meson counts as skipped.
#include "../support/postgres_proxy.hpp"
#include "../support/postgres_server.hpp"
#include "store_input.hpp"

#include <cstdlib>
#include <iostream>
#include <regex>

namespace {

constexpr int skipped = 77;

support::postgres_server& server() {
    static const auto programs = [] {
        auto found = support::postgres_server::installed();
        if (found) return *found;
        std::cout << "skipped: PostgreSQL's server is not installed" << std::endl;
        std::exit(skipped);
    }();
    static support::postgres_server only(programs);
    return only;
}

/// A database with nothing in it, and the program on it.
class database {
  public:
    database() { ask("drop table if exists stored_rows, stored_batches"); }

    /// Runs the program with these arguments, `more` before the database.
    support::outcome store_in(const support::surroundings& with, std::vector<std::string> more) const {
        more.insert(more.begin(), support::from_build("STORE_POSTGRES"));
        more.push_back(server().conninfo(reached_through_));
        return support::run(more, with);
    }
    support::outcome store(std::vector<std::string> more, const std::string& input) const {
        return store_in({.input = input}, std::move(more));
    }
    std::string ask(const std::string& sql) const { return server().ask(sql); }
    /// From now on the program connects to the socket in that folder.
    void reach_through(const std::string& folder) { reached_through_ = folder; }

  private:
    std::string reached_through_;
};

constexpr const char* batches = "select count(*), max(number), max(rows_in_all) from stored_batches";
/// How many batches of a thousand rows do not say how many there are with them: rows that went out of their order.
constexpr const char* out_of_order = "select count(*) from stored_batches where rows_in_all <> number * 1000";

/// How many rows are committed, by the table of batches; 0 as long as there is none.
int committed(const database& in) {
    if (in.ask("select to_regclass('stored_batches')").empty()) return 0;
    return std::stoi(in.ask("select coalesce(max(rows_in_all), 0) from stored_batches"));
}

/// Options by which batches are full, however slowly rows come.
std::vector<std::string> way(bool plain) {
    if (plain) return {"--plain"};
    return {"--linger", "100000"};
}

/// What becomes of a COMMIT when the server, or the program, is killed.
enum class fate { carried_out, lost };
constexpr fate fates[] = {fate::carried_out, fate::lost};

const std::string closed =
    "server closed the connection unexpectedly This probably means the server terminated "
    "abnormally before or while processing the request.";

} // namespace

TEST_CASE("store_postgres: a million rows, and nothing twice when it is started again") {
    const int n = support::stress(1'000'000);
    const database db;
    const auto input = rows(1, n);
    for (int round = 0; round < 2; ++round) {
        const auto run = db.store(way(false), input);
        CHECK(run.err == "store_postgres: " + std::to_string(n) + " rows are stored\n");
        CHECK(run.status == 0);
        CHECK(db.ask(sums) == all_of(n));
        const auto each = std::to_string(n / 1000);
        CHECK(db.ask(batches) == each + '|' + each + '|' + std::to_string(n));
    }
}

TEST_CASE("store_postgres stores the same plainly, and any key and text") {
    const database db;
    CHECK(db.store({"--plain", "--batch", "70"}, rows(1, 1000)).status == 0);
    CHECK(db.ask(sums) == all_of(1000));
    CHECK(db.ask(batches) == "15|15|1000");
    const database other;
    const std::string extremes = "-9223372036854775808\t\n9223372036854775807\ta\tb'\"\\N\\ ,{}\n0\t\xc3\xa4";
    CHECK(other.store({}, extremes).status == 0);
    CHECK(
        other.ask("select string_agg(key || '=' || encode(convert_to(text, 'UTF8'), 'hex'), ' ' order by key)"
                  "  from stored_rows") ==
        "-9223372036854775808= 0=c3a4 9223372036854775807=61096227225c4e5c202c7b7d");
}

TEST_CASE("store_postgres: rows that the server refuses fail their batch, and its own words say why") {
    struct {
        const char *bad, *why;
    } const cases[] = {
        {"17\tagain\n",
         "duplicate key value violates unique constraint \"stored_rows_pkey\" DETAIL: Key (key)=(17) "
         "already exists. CONTEXT: COPY stored_rows, line 1000"},
        {"5000\t\xff\n",
         "invalid byte sequence for encoding \"UTF8\": 0xff CONTEXT: COPY stored_rows, line 1000, "
         "column text"},
    };
    for (const auto& [bad, why] : cases)
        for (const bool plain : {false, true}) {
            CAPTURE(bad);
            CAPTURE(plain);
            const database db;
            const auto run = db.store(way(plain), rows(1, 4999) + bad + rows(5001, 9000));
            CHECK(run.status == 1);
            const std::string told = std::string("rows 4001-5000: ERROR: ") + why + "\n";
            const std::string after = "store_postgres: 4000 rows are stored\n";
            if (plain) {
                CHECK(run.err == "store_postgres: " + told + after);
            } else {
                CHECK(run.err.starts_with(
                    "store_postgres: worker 'store' failed on items 4001 to 5000: " + told +
                    "store_postgres: 1000 rows of batch 5 are handed back, and "));
                CHECK(run.err.ends_with(" that were in no batch yet\n" + after));
            }
            CHECK(db.ask(sums) == all_of(4000));
            CHECK(db.store(way(plain), rows(1, 9000)).status == 0);
            CHECK(db.ask(sums) == all_of(9000));
        }
}

TEST_CASE(
    "store_postgres: a server killed at a COMMIT leaves the batch in doubt; what it says is what is so") {
    for (const auto what : fates)
        for (const bool goes_on : {false, true})
            for (const bool plain : {false, true}) {
                if (plain && (goes_on || what == fate::lost)) continue;
                CAPTURE(static_cast<int>(what));
                CAPTURE(goes_on);
                CAPTURE(plain);
                database db;
                std::atomic<bool> is_killed{false};
                const support::postgres_proxy proxy(server().folder(), 3, 3, [&](auto& commit) {
                    if (what == fate::carried_out) commit.carry_out();
                    server().kill();
                    is_killed = true;
                });
                db.reach_through(proxy.folder());
                const auto wait = [&](pid_t) {
                    support::wait_for("the kill", [&] { return is_killed.load(); });
                    if (goes_on) server().start();
                };
                auto options = way(plain);
                if (goes_on) options.insert(options.end(), {"--retry", "60"});
                const auto run = db.store_in({.input = rows(1, 9000), .meanwhile = wait}, options);
                if (!goes_on) server().start();
                const std::string why = "rows 2001-3000: " + closed + '\n';
                if (plain) {
                    CHECK(run.err.starts_with("store_postgres: " + why));
                } else {
                    CHECK(run.err.starts_with(
                        "store_postgres: worker 'store' failed on items 2001 to 3000: " + why +
                        "store_postgres: 1000 rows of batch 3 are handed back, in doubt "
                        "whether they are stored, and "));
                }
                if (goes_on) {
                    CHECK(run.status == 0);
                    CHECK(run.err.ends_with(
                        std::string("store_postgres: connected again; batch 3 is ") +
                        (what == fate::carried_out ? "stored\n" : "not stored, and is written again\n") +
                        "store_postgres: 9000 rows are stored\n"));
                } else {
                    CHECK(run.status == 1);
                    CHECK(db.ask(sums) == all_of(what == fate::carried_out ? 3000 : 2000));
                    CHECK(db.store(way(plain), rows(1, 9000)).status == 0);
                }
                CHECK(db.ask(sums) == all_of(9000));
                CHECK(db.ask(batches) == "9|9|9000");
                CHECK(db.ask(out_of_order) == "0");
            }
}

TEST_CASE(
    "store_postgres: a session that lives on without its client is waited for, whatever it still does") {
    for (const auto what : fates) {
        CAPTURE(static_cast<int>(what));
        database db;
        const support::postgres_proxy proxy(server().folder(), 3, 3, [&](auto& commit) {
            commit.drop_client();
            support::wait_for("the program to wait for that session", [&] {
                return db.ask("select count(*) from pg_locks where locktype = 'advisory' and not granted") ==
                       "1";
            });
            if (what == fate::carried_out) commit.carry_out();
        });
        db.reach_through(proxy.folder());
        const auto run = db.store({"--linger", "100000", "--retry", "60"}, rows(1, 9000));
        CHECK(run.status == 0);
        CHECK(run.err.ends_with(
            std::string("store_postgres: connected again; batch 3 is ") +
            (what == fate::carried_out ? "stored\n" : "not stored, and is written again\n") +
            "store_postgres: 9000 rows are stored\n"));
        CHECK(db.ask(sums) == all_of(9000));
        CHECK(db.ask(batches) == "9|9|9000");
        CHECK(db.ask(out_of_order) == "0");
    }
}

TEST_CASE("store_postgres, killed at a COMMIT and started again, stores each row once") {
    for (const auto what : fates)
        for (const bool plain : {false, true}) {
            CAPTURE(static_cast<int>(what));
            CAPTURE(plain);
            database db;
            std::atomic<pid_t> process{0};
            const support::postgres_proxy proxy(server().folder(), 3, 3, [&](auto& commit) {
                support::wait_for("its number", [&] { return process != 0; });
                if (what == fate::carried_out) commit.carry_out();
                ::kill(process, SIGKILL);
            });
            db.reach_through(proxy.folder());
            const auto run = db.store_in(
                {.input = rows(1, 9000), .meanwhile = [&](pid_t store) { process = store; }}, way(plain));
            CHECK(run.status == 128 + SIGKILL);
            CHECK(db.store(way(plain), rows(1, 9000)).status == 0);
            CHECK(db.ask(sums) == all_of(9000));
            CHECK(db.ask(batches) == "9|9|9000");
            CHECK(db.ask(out_of_order) == "0");
        }
}

TEST_CASE("store_postgres, with its server killed again and again, stores each row once") {
    const database db;
    const int n = support::stress(100'000), killings = 6;
    const open_input input(rows(1, n));
    const auto kill_again_and_again = [&](pid_t store) {
        for (int i = 1; i <= killings; ++i) {
            wait_while_running(store, "rows", [&] { return committed(db) >= n / (killings + 1) * i; });
            if (i % 2 == 0)
                server().kill();
            else
                server().kill_first(); // the program's session lives on for a moment
            server().start();
        }
        wait_while_running(store, "all rows", [&] { return committed(db) == n; });
        ::kill(store, SIGTERM);
    };
    const auto run = db.store_in({.input_from = input.fd(), .meanwhile = kill_again_and_again},
                                 {"--batch", "100", "--linger", "5", "--retry", "60"});
    CHECK_MESSAGE(run.status == 128 + SIGTERM, run.err);
    CHECK(run.err.find("worker 'store' ") != std::string::npos);
    CHECK(run.err.find("worker 'store-") == std::string::npos); // each flusher after the one before
    CHECK(db.ask(sums) == all_of(n));
    const auto each = db.ask("select count(*) from stored_batches");
    CHECK(db.ask(batches) == each + '|' + each + '|' + std::to_string(n));
}

TEST_CASE("store_postgres goes on after its session was ended by the server") {
    const database db;
    const open_input input(rows(1, 6000));
    const auto end_sessions = [&](pid_t store) {
        for (int i = 1; i <= 3; ++i) {
            wait_while_running(store, "rows", [&] { return committed(db) >= 1500 * i; });
            db.ask("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted");
        }
        wait_while_running(store, "all rows", [&] { return committed(db) == 6000; });
        ::kill(store, SIGINT);
    };
    const auto run = db.store_in({.input_from = input.fd(), .meanwhile = end_sessions},
                                 {"--batch", "10", "--linger", "5", "--retry", "60"});
    CHECK_MESSAGE(run.status == 128 + SIGINT, run.err);
    CHECK(db.ask(sums) == all_of(6000));
}

TEST_CASE("store_postgres: a COMMIT that the server refuses leaves no doubt") {
    const database db;
    CHECK(db.store({}, "").status == 0);
    db.ask("create or replace function refuse() returns trigger language plpgsql as"
           "  $$ begin raise exception 'not today'; end $$");
    db.ask("create constraint trigger refuses after insert on stored_batches deferrable initially deferred"
           "  for each row execute function refuse()");
    const auto run = db.store(way(false), rows(1, 10));
    CHECK(run.status == 1);
    const std::regex told(
        "store_postgres: worker 'store' failed on items 1 to 10: rows 1-10: ERROR: not today CONTEXT: "
        "[^\n]*\nstore_postgres: 10 rows of batch 1 are handed back, and 0 that were in no batch "
        "yet\nstore_postgres: 0 rows are stored\n");
    CHECK_MESSAGE(std::regex_match(run.err, told), run.err);
    CHECK(db.ask(sums) == all_of(0));
}

TEST_CASE("store_postgres takes no harm from a server that goes and comes while there is nothing to write") {
    const database db;
    const open_input input(rows(1, 10));
    const auto restart = [&](pid_t store) {
        wait_while_running(store, "rows", [&] { return committed(db) == 10; });
        server().kill();
        server().start();
        ::kill(store, SIGTERM);
    };
    const auto run = db.store_in({.input_from = input.fd(), .meanwhile = restart}, {"--linger", "1"});
    CHECK(run.status == 128 + SIGTERM);
    CHECK(run.err == "store_postgres: 10 rows are stored\nstore_postgres: stopped by SIGTERM\n");
}

TEST_CASE("store_postgres gives up on a server that does not come back, and says what it has in hand") {
    for (const bool is_stopped : {false, true}) {
        CAPTURE(is_stopped);
        database db;
        std::atomic<bool> is_killed{false};
        const support::postgres_proxy proxy(server().folder(), 3, 3, [&](auto&) {
            server().kill();
            is_killed = true;
        });
        db.reach_through(proxy.folder());
        const open_input input(rows(1, 9000));
        const auto stop = [&](pid_t store) {
            support::wait_for("the kill", [&] { return is_killed.load(); });
            if (is_stopped) ::kill(store, SIGTERM);
        };
        const auto run = db.store_in({.input_from = input.fd(), .meanwhile = stop},
                                     {"--linger", "100000", "--retry", is_stopped ? "1000" : "1"});
        server().start();
        CHECK(run.status == 1);
        const std::regex told(
            "store_postgres: worker 'store' failed on items 2001 to 3000: rows 2001-3000: " + closed +
            "\nstore_postgres: 1000 rows of batch 3 are handed back, in doubt whether they are stored, and "
            "\\d+ that "
            "were in no batch yet\nstore_postgres: " +
            "given up with --retry " + (is_stopped ? "1000" : "1") + ": [^\n]*" + closed +
            (is_stopped ? " \\(no longer waited for: SIGTERM\\)\n" : "\n"));
        CHECK_MESSAGE(std::regex_match(run.err, told), run.err);
    }
}

TEST_CASE("store_postgres gives up on a batch that is lost again and again") {
    for (const bool is_stopped : {false, true}) {
        CAPTURE(is_stopped);
        database db;
        std::atomic<int> lost{0};
        const support::postgres_proxy proxy(server().folder(), 3, 1'000'000, [&](auto&) { ++lost; });
        db.reach_through(proxy.folder());
        const auto stop = [&](pid_t store) {
            wait_while_running(store, "losses", [&] { return lost >= 3; });
            if (is_stopped) ::kill(store, SIGTERM);
        };
        const auto run = db.store_in({.input = rows(1, 9000), .meanwhile = stop},
                                     {"--linger", "100000", "--retry", is_stopped ? "1000" : "1"});
        CHECK(run.status == 1);
        CHECK(lost >= 3);
        CHECK(run.err.ends_with("store_postgres: given up: batch 3 is lost again and again\n"
                                "store_postgres: 2000 rows are stored\n"));
        CHECK(db.ask(sums) == all_of(2000));
    }
}

TEST_CASE("store_postgres: a second program on the same table is refused") {
    const database db;
    const open_input input(rows(1, 10));
    const auto another = [&](pid_t store) {
        wait_while_running(store, "rows", [&] { return committed(db) == 10; });
        const auto refused = db.store({}, rows(1, 20));
        CHECK(refused.status == 1);
        CHECK(refused.err ==
              "store_postgres: another session stores rows here: ERROR: canceling statement due to lock "
              "timeout\n");
        ::kill(store, SIGTERM);
    };
    const auto run = db.store_in({.input_from = input.fd(), .meanwhile = another}, {"--linger", "1"});
    CHECK(run.status == 128 + SIGTERM);
    CHECK(db.ask(sums) == all_of(10));
}

TEST_CASE("store_postgres: no server, or no database, ends with 1; bad usage with 2, --help with 0") {
    const auto store = support::from_build("STORE_POSTGRES");
    const support::scratch empty("/tmp");
    const auto nobody = support::run({store, server().conninfo(empty.path())});
    CHECK(nobody.status == 1);
    CHECK(nobody.err ==
          "store_postgres: connection to server on socket \"" + empty.file(".s.PGSQL.5432") +
              "\" failed: No such file or directory Is the server running locally and accepting "
              "connections on that socket?\n");
    const auto nothing = support::run({store, server().conninfo() + " dbname=nothing"});
    CHECK(nothing.status == 1);
    CHECK(nothing.err.find("FATAL: database \"nothing\" does not exist\n") != std::string::npos);
    CHECK(support::run({store}).status == 2);
    CHECK(support::run({store}).err.find("missing: CONNINFO\nusage: store_postgres ") != std::string::npos);
    CHECK(support::run({store, "--help"}).status == 0);
}
