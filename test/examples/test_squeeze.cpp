// What `squeeze` makes of whole files, and of its command line.
#include "squeeze_samples.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace {

const std::string squeeze = support::from_build("SQUEEZE");
constexpr std::size_t block = gzip::block_size;

std::string compressed(const std::string& text, const std::string& level = "-6",
                       const std::string& threads = "2") {
    const auto run = support::run({squeeze, level, "-p", threads}, text);
    CHECK(run.err.empty());
    CHECK(run.status == 0);
    return run.out;
}
void check_it_is(const support::outcome& run, const std::string& text) {
    CHECK(run.err.empty());
    CHECK(run.status == 0);
    const bool the_same = run.out == text; // too long to be shown
    CHECK(the_same);
}
void check_failed(const support::outcome& run, const std::string& message) {
    CHECK(run.status == 1);
    CHECK(run.err == "squeeze: " + message + '\n');
}

std::size_t members_in(std::string_view file) {
    std::size_t members = 0;
    for (; !file.empty(); ++members) file.remove_prefix(gzip::stated_length(file).value());
    return members;
}

} // namespace

TEST_CASE("squeeze: what it compresses gzip and it decompress to the same bytes, whatever their number") {
    for (const std::size_t size : {0UL, 1UL, block - 1, block, block + 1, 9 * block + 777})
        for (const bool is_text : {true, false}) {
            const auto text = is_text ? some_text(size) : some_noise(size);
            std::string first;
            for (const char* threads : {"1", "2", "8"}) {
                CAPTURE(size);
                CAPTURE(is_text);
                CAPTURE(threads);
                const auto packed = compressed(text, "-6", threads);
                if (first.empty()) first = packed;
                const bool the_same = packed == first;
                CHECK(the_same);
                CHECK(members_in(packed) == std::max<std::size_t>(1, (size + block - 1) / block));
                check_it_is(support::run({squeeze, "-d", "-p", threads}, packed), text);
            }
            check_it_is(gzip_says("-d", first), text);
        }
}

TEST_CASE("squeeze: each level, and a higher one makes less") {
    const auto text = some_text(3 * block + 5);
    std::size_t sizes[10] = {};
    for (int level = 1; level <= 9; ++level) {
        CAPTURE(level);
        const auto packed = compressed(text, "-" + std::to_string(level));
        sizes[level] = packed.size();
        check_it_is(gzip_says("-d", packed), text);
        check_it_is(support::run({squeeze, "-d"}, packed), text);
        CHECK(packed[8] == (level == 9 ? 2 : level == 1 ? 4 : 0));
        const auto noise = some_noise(block);
        check_it_is(support::run({squeeze, "-d"}, compressed(noise, "-" + std::to_string(level))), noise);
    }
    CHECK(sizes[9] <= sizes[6]);
    CHECK(sizes[6] < sizes[1]);
    const auto run = support::run({squeeze}, text);
    CHECK(run.out.size() == sizes[6]);
}

TEST_CASE("squeeze: any gzip file is decompressed") {
    const auto text = some_text(2 * block + 99), noise = some_noise(block + 3);
    check_it_is(support::run({squeeze, "-d"}, gzip_says("-9", text).out), text);
    check_it_is(support::run({squeeze, "-d"}, gzip_says("-1", noise).out), noise);
    const std::string stored = foreign_member{.text = text, .level = 0}.bytes(),
                      nothing = foreign_member{.text = ""}.bytes();
    check_it_is(support::run({squeeze, "-d"}, stored), text);
    check_it_is(support::run({squeeze, "-d"}, nothing), "");
    std::string all, all_text;
    for (unsigned fields = 0; fields < 16; ++fields) {
        const std::string part = "part " + std::to_string(fields) + some_text(fields * 1000);
        const auto member = foreign_member{.text = part,
                                           .level = static_cast<int>(fields % 10),
                                           .name = fields & 1 ? "a name" : "",
                                           .comment = fields & 2 ? "a comment" : "",
                                           .extra = fields & 4 ? std::string("BC\2\0\7\0", 6) : "",
                                           .header_checked = (fields & 8) != 0}
                                .bytes();
        check_it_is(support::run({squeeze, "-d"}, member), part);
        all += member;
        all_text += part;
    }
    check_it_is(support::run({squeeze, "-d"}, all), all_text);
    // Its own members, then others, then its own.
    const auto own = compressed(text);
    check_it_is(support::run({squeeze, "-d"}, own + own), text + text);
    check_it_is(support::run({squeeze, "-d"}, own + all + own + nothing + stored),
                text + all_text + text + text);
    check_it_is(support::run({squeeze, "-d"}, all + own), all_text + text);
}

TEST_CASE("squeeze: a piece of a file may end anywhere") {
    const auto text = some_text(30000);
    std::string packed;
    for (std::size_t at = 0; at < text.size(); at += 3000)
        packed += foreign_member{.text = text.substr(at, 3000), .name = "n"}.bytes();
    // A member before them moves each byte of two of them across the end of the first piece that is read.
    for (std::size_t more = 0; more < 1200; more += 31) {
        CAPTURE(more);
        const auto noise = some_noise(block - 1200 + more);
        const auto first = foreign_member{.text = noise, .level = 0}.bytes();
        check_it_is(support::run({squeeze, "-d"}, first + packed), noise + text);
    }
}

TEST_CASE(
    "squeeze: zeros behind the last member are accepted, anything else is ignored with gzip's warning") {
    const auto text = some_text(block + 9);
    for (const auto& packed : {compressed(text), gzip_says("", text).out}) {
        for (const std::size_t zeros : {1U, 100U, 1'000'000U}) {
            check_it_is(support::run({squeeze, "-d"}, packed + std::string(zeros, '\0')), text);
            check_it_is(support::run({squeeze, "-t"}, packed + std::string(zeros, '\0')), "");
        }
        for (const auto& garbage :
             {std::string("x"), std::string("garbage"), std::string("\0x", 2), std::string("\x1f\0", 2),
              std::string("\x1fx"), std::string("\0\x1f\x8b", 3), some_noise(1'000'000)}) {
            const auto run = support::run({squeeze, "-d"}, packed + garbage);
            CHECK(run.status == 2);
            CHECK(run.err == "squeeze: decompression OK, trailing garbage ignored\n");
            const bool the_same = run.out == text;
            CHECK(the_same);
        }
    }
    const support::scratch dir;
    support::fill(dir.file("a.gz"), compressed(text) + "garbage");
    CHECK(support::run({squeeze, "-d", dir.file("a.gz")}).status == 2);
    CHECK(support::contents(dir.file("a")) == text);
    CHECK(!std::filesystem::exists(dir.file("a.gz"))); // as gzip does
}

TEST_CASE("squeeze: what is not a gzip file is refused") {
    for (const std::string text : {"x", "no gzip file", "\x1f", "\x1fx", "PK\3\4"}) {
        CAPTURE(text);
        const bool cut = text == "\x1f";
        check_failed(support::run({squeeze, "-d"}, text),
                     std::string("worker 'read > inflate' failed") +
                         (cut ? " after item 1: unexpected end of file" : " on item 1: not in gzip format"));
    }
    check_failed(support::run({squeeze, "-d"}, std::string(100, '\0')),
                 "worker 'read > inflate' failed on item 1: not in gzip format");
    check_failed(support::run({squeeze, "-d"}, ""), "worker 'read > inflate' failed: unexpected end of file");
}

TEST_CASE(
    "squeeze: a file becomes another, which has its rights and times, and is removed unless it is kept") {
    const support::scratch dir;
    const auto text = some_text(2 * block);
    const std::string file = dir.file("notes"), packed = dir.file("notes.gz");
    const timespec times[2] = {{1'000'000'000, 123'456'789}, {1'234'567'890, 987'654'321}};
    const auto check_like_it = [&](const std::string& made, mode_t rights) {
        struct stat its{};
        REQUIRE(stat(made.c_str(), &its) == 0);
        CHECK((its.st_mode & 07777) == rights);
        CHECK(its.st_atim.tv_sec == times[0].tv_sec);
        CHECK(its.st_mtim.tv_sec == times[1].tv_sec);
        CHECK(its.st_mtim.tv_nsec == times[1].tv_nsec);
    };
    for (const mode_t rights : {0640U, 0755U, 0400U, 0666U}) {
        CAPTURE(rights);
        support::fill(file, text);
        REQUIRE(chmod(file.c_str(), rights) == 0);
        REQUIRE(utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
        check_it_is(support::run({squeeze, file}), "");
        CHECK(!std::filesystem::exists(file));
        check_like_it(packed, rights);
        check_it_is(gzip_says("-dc '" + packed + "'", ""), text);
        REQUIRE(utimensat(AT_FDCWD, packed.c_str(), times, 0) == 0);
        check_it_is(support::run({squeeze, "-d", packed}), "");
        CHECK(!std::filesystem::exists(packed));
        check_like_it(file, rights);
        const bool the_same = support::contents(file) == text;
        CHECK(the_same);
        std::filesystem::remove(file);
    }
    support::fill(file, text);
    check_it_is(support::run({squeeze, "-k", file}), "");
    CHECK(support::contents(file).size() == text.size());
    CHECK(support::contents(packed) == compressed(text));
    std::filesystem::remove(file);
    check_it_is(support::run({squeeze, "-dk", packed}), "");
    const bool both_there = support::contents(file) == text && support::contents(packed) == compressed(text);
    CHECK(both_there);
}

TEST_CASE("squeeze: -c writes to standard output, -t nowhere, and both leave the file") {
    const support::scratch dir;
    const auto text = some_text(2 * block);
    support::fill(dir.file("plain"), text);
    const auto run = support::run({squeeze, "-c", dir.file("plain")});
    const bool as_ever = run.out == compressed(text);
    CHECK(as_ever);
    support::fill(dir.file("packed"), run.out); // no suffix is needed here
    check_it_is(support::run({squeeze, "-dc", dir.file("packed")}), text);
    check_it_is(support::run({squeeze, "-t", dir.file("packed")}), "");
    check_it_is(support::run({squeeze, "-d"}, run.out), text);
    check_it_is(support::run({squeeze, "-d", "-"}, run.out), text);
    CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 2);
}

TEST_CASE("squeeze: nothing is overwritten, and what has a wrong name or kind is refused") {
    const support::scratch dir;
    support::fill(dir.file("a"), "new");
    support::fill(dir.file("a.gz"), "old");
    const auto a = dir.file("a"), packed = dir.file("a.gz");
    check_failed(support::run({squeeze, a}), "'" + packed + "' exists, and is not overwritten");
    check_failed(support::run({squeeze, "-d", packed}), "'" + a + "' exists, and is not overwritten");
    check_failed(support::run({squeeze, packed}), "'" + packed + "' already has the suffix .gz");
    check_failed(support::run({squeeze, "-d", a}),
                 "'" + a + "' is not the name of a file with the suffix .gz");
    CHECK(support::contents(a) == "new");
    CHECK(support::contents(packed) == "old");
    check_failed(support::run({squeeze, dir.path()}), "'" + dir.path() + "' is not a regular file");
    check_failed(support::run({squeeze, dir.file("none")}),
                 "can't open '" + dir.file("none") + "': No such file or directory");
    support::fill(dir.file(".gz"), "x");
    check_failed(support::run({squeeze, "-d", dir.file(".gz")}),
                 "'" + dir.file(".gz") + "' is not the name of a file with the suffix .gz");
    check_failed(support::run({"/bin/sh", "-c", "cd '" + dir.path() + "' && exec \"$0\" -d .gz", squeeze}),
                 "'.gz' is not the name of a file with the suffix .gz");
    std::filesystem::create_symlink(a, dir.file("link"));
    check_failed(support::run({squeeze, dir.file("link")}),
                 "can't open '" + dir.file("link") + "': Too many levels of symbolic links");
    CHECK(std::filesystem::exists(a));
    // A name that leads to nothing is there all the same.
    std::filesystem::create_symlink(dir.file("nothing"), dir.file("b.gz"));
    support::fill(dir.file("b"), "new");
    check_failed(support::run({squeeze, dir.file("b")}),
                 "'" + dir.file("b.gz") + "' exists, and is not overwritten");
    CHECK(!std::filesystem::exists(dir.file("nothing")));
}

TEST_CASE("squeeze: bad usage ends with 2 and says what is right; --help with 0") {
    const support::scratch dir;
    support::fill(dir.file("a"), "text");
    const std::string usage = "usage: squeeze [-c] [-d] [-t] [-k] [-p THREADS] [-1..-9] [FILE]\n";
    const auto check_bad = [&](const std::vector<std::string>& arguments, const std::string& why) {
        std::vector<std::string> command{squeeze};
        command.insert(command.end(), arguments.begin(), arguments.end());
        command.push_back(dir.file("a"));
        const auto run = support::run(command);
        CHECK(run.status == 2);
        CHECK(run.err == "squeeze: " + why + '\n' + usage);
        CHECK(run.out.empty());
    };
    check_bad({"-x"}, "unknown option: -x");
    check_bad({"-cx"}, "unknown option: -x");
    check_bad({"-0"}, "unknown option: -0");
    check_bad({"--fast"}, "unknown option: --fast");
    check_bad({"--", "b"}, "too many arguments: " + dir.file("a"));
    for (const char* threads : {"0", "-1", "x", "2x", "", "1025", "99999999999999999999"})
        check_bad({"-p", threads}, "not a number of threads from 1 to 1024: " + std::string(threads));
    CHECK(support::run({squeeze, "-p"}).err == "squeeze: option needs an argument: -p\n" + usage);
    CHECK(support::run({squeeze, ""}).status == 2);
    CHECK(support::contents(dir.file("a")) == "text");
    const auto help = support::run({squeeze, "--help"});
    CHECK(help.status == 0);
    CHECK(help.out.starts_with(usage));
    CHECK(help.err.empty());
    CHECK(support::run({squeeze, "-h"}).out == help.out);
}
