#include "../support/support.hpp"
#include "flush_accounts.hpp"

#include <filesystem>
#include <set>

namespace {

const std::string flush = support::from_build("FLUSH");

} // namespace

TEST_CASE("flush writes every record to a file with room for all") {
    const support::scratch dir;
    support::fill(dir.file(), records(1, 12000)); // of an earlier run: nothing of it may stay
    for (const std::size_t count : {10000U, 65U, 64U, 63U, 1U, 0U}) {
        CAPTURE(count);
        const auto run = support::run({flush, dir.file(), std::to_string(count)});
        CHECK(run.status == 0);
        CHECK(run.err.empty());
        CHECK(run.out == std::to_string(count) + " records complete on disk\n");
        const bool all_there = support::contents(dir.file()) == records(1, count);
        CHECK(all_there);
    }
}

TEST_CASE("flush writes 10000 records where no count is given") {
    const support::scratch dir;
    CHECK(support::run({flush, dir.file()}).out == "10000 records complete on disk\n");
    CHECK(support::contents(dir.file()).size() == end_of(10000));
}

TEST_CASE("flush fails where the file can't grow, with whole records in it and all others handed back") {
    const support::scratch dir;
    constexpr std::size_t count = 2000;
    std::set<std::size_t> limits{1};
    if (!SUPPORT_THREAD_SANITIZER) limits.insert(0); // its runtime writes a file of its own before main
    for (const std::size_t last : {1U, 63U, 64U, 65U, 700U, 1999U, 2000U})
        for (const std::size_t limit : {end_of(last) - 1, end_of(last), end_of(last) + 1})
            if (limit < end_of(count)) limits.insert(limit);
    for (const auto limit : limits) {
        CAPTURE(limit);
        const auto run = support::run({flush, dir.file(), std::to_string(count)}, {.largest_file = limit});
        const auto told = check_accounts_and_file(run, "File too large", dir.file());
        CHECK(end_of(told.complete) <= limit);
        CHECK(end_of(told.complete + 1) > limit); // all that there was room for
        CHECK(told.produced <= count);
    }
}

TEST_CASE("flush fits into a file that can grow exactly as far as needed") {
    const support::scratch dir;
    const auto run = support::run({flush, dir.file(), "2000"}, {.largest_file = end_of(2000)});
    CHECK(run.out == "2000 records complete on disk\n");
    CHECK(support::contents(dir.file()).size() == end_of(2000));
}

TEST_CASE("flush finds a failure that comes after the last push") {
    const support::scratch dir;
    const auto run = support::run({flush, dir.file(), "1"}, {.largest_file = 5});
    const auto told = check_accounts_and_file(run, "File too large", dir.file());
    CHECK(told.item == 1);
    CHECK(told.complete == 0);
    CHECK(told.handed_back == 1);
}

TEST_CASE("flush hands everything back where the device is full") {
    CHECK(check_accounts(support::run({flush, "/dev/full"}), "No space left on device").complete == 0);
}

TEST_CASE("flush counts nothing as complete that can't be synced") {
    // Takes all that is written, but can neither be synced nor cut.
    const auto run = support::run({flush, "/dev/null"});
    const auto told = check_accounts(run, "Invalid argument",
                                     "flush: more than that is left in the file: Invalid argument\n");
    CHECK(told.complete == 0);
}

TEST_CASE("flush says so where even the records handed back go nowhere") {
    const auto run = support::run({"/bin/sh", "-c", "\"$0\" /dev/full >/dev/full", flush});
    CHECK(run.status == 1);
    CHECK(run.err.find(" produced\nflush: the records handed back could not be written\n") !=
          std::string::npos);
}

TEST_CASE("flush: bad usage ends with 2 and says what is wrong; --help with 0") {
    const support::scratch dir;
    CHECK(support::run({flush}).status == 2);
    CHECK(support::run({flush}).err == "flush: no file given\nusage: flush FILE [COUNT]\n");
    for (const char* count :
         {"", "-1", "+1", " 1", "1 ", "x", "1x", "1e3", "10000000", "99999999999999999999"}) {
        const auto run = support::run({flush, dir.file(), count});
        CHECK(run.status == 2);
        CHECK(run.err == "flush: not a number from 0 to 9999999: " + std::string(count) +
                             "\nusage: flush FILE [COUNT]\n");
    }
    CHECK(support::run({flush, dir.file(), "1", "2"}).status == 2);
    CHECK_FALSE(std::filesystem::exists(dir.file())); // nothing is touched before the usage is good
    const auto directory = support::run({flush, dir.path()});
    CHECK(directory.status == 2);
    CHECK(directory.err == "flush: can't open '" + dir.path() + "': Is a directory\n");
    CHECK(support::run({flush, dir.file("none/file")}).status == 2);
    const auto help = support::run({flush, "--help"});
    CHECK(help.status == 0);
    CHECK(help.out.starts_with("usage: flush FILE [COUNT]\n"));
    CHECK(help.err.empty());
}
