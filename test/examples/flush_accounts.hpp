// What the tests of `flush` share: the records as they must be, and the check that none is lost.
#pragma once

#include "../support/program.hpp"
#include "../support/scratch.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <regex>
#include <string>

/// The records from number `first` to number `last`, as `flush` must write them.
inline std::string records(std::size_t first, std::size_t last) {
    std::string text;
    for (auto n = first; n <= last; ++n) {
        char number[32];
        std::snprintf(number, sizeof number, "record %07zu ", n);
        text += number;
        text.append(n * 7 % 50, "abcdefghijklmnopqrstuvwxyz"[n % 26]);
        text += '\n';
    }
    return text;
}

/// The length of a file with the records 1 to `last`.
inline std::size_t end_of(std::size_t last) { return records(1, last).size(); }

struct accounts {
    std::size_t item, complete, handed_back, produced;
};

/// Checks that `run` failed for `reason`, that its numbers add up, and that what it handed back is every
/// record behind those it calls complete.
inline accounts check_accounts(const support::outcome& run, const std::string& reason,
                               const std::string& remark = {}) {
    INFO(run.err);
    CHECK(run.status == 1);
    const std::regex expected(
        "flush: worker 'flush' failed (?:on|after) (?:item|items \\d+ to) (\\d+): " + reason +
        "\nflush: (\\d+) records complete on disk, (\\d+) handed back, (\\d+) produced\n" + remark);
    std::smatch found;
    REQUIRE(std::regex_match(run.err, found, expected));
    const accounts told{std::stoul(found[1]), std::stoul(found[2]), std::stoul(found[3]),
                        std::stoul(found[4])};
    CHECK(told.complete + told.handed_back == told.produced);
    CHECK(told.item > told.complete);
    CHECK(told.item <= told.produced);
    const bool all_came_back = run.out == records(told.complete + 1, told.produced); // too long to be shown
    CHECK(all_came_back);
    return told;
}

/// The same, and that the file has exactly the records that are called complete.
inline accounts check_accounts_and_file(const support::outcome& run, const std::string& reason,
                                        const std::string& file) {
    const auto told = check_accounts(run, reason);
    const std::string on_disk = support::contents(file);
    CHECK(on_disk.size() == end_of(told.complete));
    const bool all_whole = on_disk == records(1, told.complete);
    CHECK(all_whole);
    return told;
}
