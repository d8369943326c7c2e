// What `squeeze` says of files that are damaged or cut: what gzip says of them, and never that wrong data are right.
#include "squeeze_samples.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <utility>

namespace {

const std::string squeeze = support::from_build("SQUEEZE");
constexpr std::size_t block = gzip::block_size;

/// One sentence that names the stage, or gzip's warning.
void check_one_sentence(const support::outcome& run) {
    CHECK(std::ranges::count(run.err, '\n') == 1);
    CHECK((run.err.starts_with("squeeze: worker 'read > inflate") ||
           (run.status == 2 && run.err == "squeeze: decompression OK, trailing garbage ignored\n")));
}

/// Checks it against gzip's answer, and that what was written is right as far as it goes. `may_fail`: it may know better than gzip.
void check_as_gzip_does(const std::string& file, const std::string& text, bool may_fail = false) {
    const auto run = support::run({squeeze, "-d"}, file);
    const auto gzip = gzip_says("-d", file);
    INFO(run.err);
    INFO(gzip.err);
    if (!may_fail || run.status == 0) CHECK(run.status == gzip.status);
    if (run.status != 0) check_one_sentence(run);
    const bool is_a_part = text.starts_with(run.out), is_what_gzip_wrote = run.out == gzip.out;
    if (run.status == 1)
        CHECK(is_a_part);
    else
        CHECK(is_what_gzip_wrote);
}

struct sample {
    std::string text, file;
    std::size_t second; // where its second member begins
};

/// Two members made by squeeze.
sample own_members() {
    auto text = some_text(block + 5000);
    auto file = support::run({squeeze}, text).out;
    const auto second = gzip::stated_length(file).value();
    return {std::move(text), std::move(file), second};
}
/// Two that have each a name, and the second a checked header, too.
sample foreign_members() {
    const auto first = some_text(20000), second = some_noise(3000);
    auto begin = foreign_member{.text = first, .name = "first"}.bytes();
    return {.text = first + second,
            .file = begin + foreign_member{.text = second, .name = "second", .header_checked = true}.bytes(),
            .second = begin.size()};
}

/// The first and the last bytes of both members, and some between.
std::set<std::size_t> places_in(const sample& its, std::size_t first_bytes, std::size_t last_bytes) {
    std::set<std::size_t> all;
    for (const auto& [begin, end] : {std::pair(std::size_t{0}, its.second), {its.second, its.file.size()}}) {
        for (std::size_t i = 0; i < first_bytes; ++i) all.insert(begin + i);
        for (std::size_t i = 1; i <= last_bytes; ++i) all.insert(end - i);
        for (std::size_t i = 1; i < 15; ++i) all.insert(begin + i * (end - begin) / 15);
    }
    return all;
}

void check_changed(const sample& its) {
    for (const auto at : places_in(its, 25, 10)) {
        CAPTURE(at);
        auto damaged = its.file;
        damaged[at] = static_cast<char>(damaged[at] ^ (at % 2 == 0 ? 0x01 : 0x80));
        const auto in_member = at < its.second ? at : at - its.second;
        check_as_gzip_does(damaged, its.text, in_member >= 16 && in_member < 20); // the length
    }
}

void check_cut(const sample& its) {
    for (const auto size : places_in(its, 30, 20)) {
        CAPTURE(size);
        const auto run = support::run({squeeze, "-d"}, its.file.substr(0, size));
        const bool is_a_part = its.text.starts_with(run.out);
        CHECK(is_a_part);
        if (size == its.second) {
            CHECK(run.status == 0);
            const bool is_the_first = run.out == gzip_says("-d", its.file.substr(0, size)).out;
            CHECK(is_the_first);
            continue;
        }
        CHECK(run.status == 1);
        check_one_sentence(run);
        CHECK(run.err.ends_with(": unexpected end of file\n"));
    }
}

} // namespace

TEST_CASE("squeeze: a changed byte of its own file is found, or does not matter to gzip either") {
    check_changed(own_members());
}
TEST_CASE("squeeze: a changed byte of another's file is found, or does not matter to gzip either") {
    check_changed(foreign_members());
}

TEST_CASE("squeeze: its own file that is cut ends with a sentence, and what was whole is written") {
    check_cut(own_members());
}
TEST_CASE("squeeze: another's file that is cut ends with a sentence, and what was whole is written") {
    check_cut(foreign_members());
}

TEST_CASE("squeeze: damage is said in words") {
    const auto [text, file, second] = own_members();
    const auto say = [&](std::size_t at, const std::string& bytes) {
        auto damaged = file;
        damaged.replace(at, bytes.size(), bytes);
        const auto run = support::run({squeeze, "-t", "-p", "1"}, damaged);
        CHECK(run.status == 1);
        return run.err;
    };
    const std::string first_failed = "squeeze: worker 'read > inflate' failed on item 1: corrupt: ",
                      second_failed = "squeeze: worker 'read > inflate' failed on item 2: corrupt: ";
    CHECK(say(second - 8, "oops") == first_failed + "incorrect data check\n");
    CHECK(say(file.size() - 8, "oops") == second_failed + "incorrect data check\n");
    CHECK(say(second - 4, "oops") == first_failed + "incorrect length check\n");
    CHECK(say(20, "\xff") == first_failed + "invalid block type\n");
    CHECK(say(second + 20, "\xff") == second_failed + "invalid block type\n");
    // Of a member that is not the first, a byte less or more.
    const auto length = file.size() - second;
    for (const std::size_t wrong : {length - 1, std::size_t{28}}) {
        const auto header = gzip::make_header(wrong, gzip::effort::usual);
        CHECK(say(second, std::string(header.data(), header.size())) ==
              second_failed + "a member is not as long as it says\n");
    }
    const auto longer = gzip::make_header(second + 1, gzip::effort::usual);
    CHECK(say(0, std::string(longer.data(), longer.size())) ==
          first_failed + "a member is not as long as it says\n");
}

TEST_CASE("squeeze: the file that is damaged stays, and nothing is made of it") {
    const support::scratch dir;
    auto [text, file, second] = own_members();
    file[second - 6] ^= 1;
    for (const auto& damaged :
         {file, file.substr(0, file.size() - 1), foreign_members().file.substr(0, 3000)}) {
        support::fill(dir.file("a.gz"), damaged);
        CHECK(support::run({squeeze, "-d", dir.file("a.gz")}).status == 1);
        CHECK(support::contents(dir.file("a.gz")) == damaged);
        CHECK(!std::filesystem::exists(dir.file("a")));
    }
}

TEST_CASE("squeeze: the length in a header is believed only if a member can be so long") {
    for (const std::size_t length : {28UL, 29UL, 70'000UL, gzip::longest_member}) {
        const auto header = gzip::make_header(length, gzip::effort::usual);
        CHECK(gzip::stated_length({header.data(), header.size()}) == length);
        CHECK(!gzip::stated_length({header.data(), header.size() - 1}));
        for (const std::size_t at : {0UL, 2UL, 3UL, 10UL, 12UL, 13UL, 14UL}) {
            auto other = header;
            other[at] ^= 1;
            CHECK(!gzip::stated_length({other.data(), other.size()}));
        }
    }
    for (const std::size_t length :
         {0UL, 1UL, 27UL, gzip::longest_member + 1, 0x7fff'ffffUL, 0xffff'ffffUL}) {
        const auto header = gzip::make_header(length, gzip::effort::usual);
        CHECK(!gzip::stated_length({header.data(), header.size()}));
    }
    // Incompressible blocks are not too long at any level, so that they are inflated in parallel, too.
    for (const char* level : {"-1", "-3", "-6", "-9"})
        CHECK(gzip::stated_length(support::run({squeeze, level}, some_noise(block)).out));
}

TEST_CASE("squeeze: a member with its own mark that holds more than a block is refused") {
    const auto whole = foreign_member{.text = some_text(block)}.bytes();
    const auto check_says = [](const std::string& file, const std::string& said) {
        CHECK(support::run({squeeze, "-t", "-p", "1"}, file).err == said);
    };
    check_says(member_that_says(whole.size() + 10, whole), "");
    const auto more = foreign_member{.text = some_text(block + 1)}.bytes();
    check_says(
        member_that_says(more.size() + 10, more),
        "squeeze: worker 'read > inflate' failed on item 1: corrupt: a member holds more than it should\n");
    const auto much = foreign_member{.text = std::string(100'000'000, '\0'), .level = 9}.bytes();
    REQUIRE(much.size() < gzip::longest_member);
    check_says(
        member_that_says(much.size() + 10, much),
        "squeeze: worker 'read > inflate' failed on item 1: corrupt: a member holds more than it should\n");
    // One that says it is longer than any can be is as good as one that says nothing.
    check_says(member_that_says(0xffff'ffff, whole), "");
    check_says(member_that_says(0xffff'ffff, more), "");
}
