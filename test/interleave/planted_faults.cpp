// The explorer finds what is broken on purpose: each fault by its program, within so many schedules, with as many
// preemptions as it needs and no fewer; and what it says replays the failure.
#include "../support/program.hpp"
#include "../support/support.hpp"
#include "breakages.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <regex>
#include <set>

namespace {

using interleave::breakage;
constexpr auto table = std::to_array(interleave::breakages);

support::outcome explore(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), support::from_build("EXPLORE"));
    return support::run(arguments);
}

std::vector<std::string> with(std::size_t fault, int preemptions) {
    return {"--program",     table[fault].program,       "--broken", std::to_string(fault), "--random", "0",
            "--preemptions", std::to_string(preemptions)};
}

} // namespace

TEST_CASE("there are enough breakages, of enough kinds, and enough that are hard to find") {
    std::set<std::string> kinds;
    for (const auto& one : table) kinds.insert(one.kind);
    CHECK(table.size() >= 15);
    CHECK(kinds.size() >= 8);
    CHECK(std::ranges::count_if(table, [](const breakage& one) { return one.preemptions >= 2; }) >= 5);
}

TEST_CASE("every breakage is found, and what is told replays it") {
    for (std::size_t i = 0; i < table.size(); ++i) {
        const breakage& one = table[i];
        support::doing(one.name);
        INFO(std::string(one.name));
        if (one.preemptions > 0) CHECK(explore(with(i, one.preemptions - 1)).status == 0);
        const auto found = explore(with(i, one.preemptions));
        CAPTURE(found.out);
        CHECK(found.status == 1);
        std::smatch said;
        const std::regex failure("FAILED \\w+, schedule (\\d+): (.*)\n");
        REQUIRE(std::regex_search(found.out, said, failure));
        CHECK(std::stoi(said[1]) <= one.schedules);
        const auto what = said[2].str();
        CHECK(what.starts_with(one.says));
        std::smatch how;
        REQUIRE(std::regex_search(found.out, how,
                                  std::regex("  replay: --program (\\w+) --replay ([0-9.*]*)\n")));
        const auto again =
            explore({"--program", one.program, "--broken", std::to_string(i), "--replay", how[2]});
        CAPTURE(again.out);
        CHECK(again.status == 1);
        CHECK(again.out.find(", schedule 1: ") != std::string::npos);
        const std::string line = std::string(one.name) + " (" + one.kind + "): " + one.program + ", " +
                                 std::to_string(one.preemptions) + " preemptions, schedule " + said[1].str() +
                                 ": " + what;
        MESSAGE(line);
    }
}

TEST_CASE("what is found by chance in the crowds is found there") {
    for (const auto& [name, program] : {std::pair{"callback_outlives_its_node", "crowd"},
                                        {"pop_wakes_nobody", "crowd"},
                                        {"no_rearm", "crowd"},
                                        {"item_taken_before_the_stop", "crowd"},
                                        {"number_drawn_early", "crowd_of_workers"},
                                        {"joined_without_the_mutex", "crowd_of_workers"}}) {
        support::doing(name);
        INFO(std::string(name));
        const auto at = std::ranges::find(table, std::string_view(name), &breakage::name);
        REQUIRE(at != table.end());
        const auto fault = std::to_string(at - table.begin());
        const auto found = explore({"--program", program, "--broken", fault, "--random", "2000"});
        CAPTURE(found.out);
        CHECK(found.status == 1);
        CHECK(found.out.starts_with("FAILED "));
    }
}

TEST_CASE("a trace says who did what, and bad usage is told") {
    const auto found = explore(with(0, 0));
    CAPTURE(found.out);
    CHECK(found.out.find("lost wake-up: queue has 1 of 1 queued, and a pop is blocked\n") !=
          std::string::npos);
    CHECK(found.out.find("    producer  # push 0: accepted\n") != std::string::npos);
    CHECK(found.out.find("    consumer  locks queue\n") != std::string::npos);
    CHECK(explore({"--program", "no_such"}).status == 2);
    CHECK(explore({"--preemptions"}).status == 2);
    CHECK(explore({"--random", "many"}).status == 2);
    CHECK(explore({"--replay", "0"}).status == 2);
    CHECK(explore({"--program", "one_each", "--replay", "x"}).status == 2);
    CHECK(explore({"--nonsense"}).status == 2);
    CHECK(explore({"--nonsense"}).err.starts_with("explore: unknown option '--nonsense'\nusage: "));
}
