// Four programs in the style of well-known ones, each before and after it was put on inquest: what is lost or hangs before, and what is
// said after. Meson runs the cases of one program at a time.
#include "../support/program.hpp"
#include "../support/scratch.hpp"
#include "../support/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using support::outcome;

constexpr int hangs = 128 + 9; // ended by `timeout`

std::string program(const char* name, const char* when) {
    return support::from_build("CONVERSIONS") + "/" + name + "-" + when;
}

/// Runs it, and ends it if that takes longer than any of these programs can take with what it is given.
outcome run_limited(std::vector<std::string> arguments, const char* seconds = "20",
                    const support::surroundings& with = {}) {
    support::doing(arguments.front().c_str());
    arguments.insert(arguments.begin(), {"/usr/bin/timeout", "-s", "KILL", seconds});
    return support::run(arguments, with);
}

std::string text_of_lines(int lines) {
    std::string text;
    for (int i = 1; i <= lines; ++i) text += std::to_string(i) + "," + std::to_string(i * 0.5) + "\n";
    return text;
}

std::string noise(std::size_t bytes) {
    std::string all(bytes, '\0');
    unsigned x = 1;
    for (char& c : all) c = static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
    return all;
}

} // namespace

TEST_CASE("pzip: before and after read what the other has written, and several gzip members") {
    const support::scratch dir;
    const std::string text = text_of_lines(200'000);
    support::fill(dir.file("text"), text);
    for (const char* writes : {"before", "after"}) {
        REQUIRE(
            run_limited({program("pzip", writes), "-p", "3", dir.file("text"), dir.file("packed")}).status ==
            0);
        CHECK(std::filesystem::file_size(dir.file("packed")) < text.size());
        for (const char* reads : {"before", "after"}) {
            CHECK(run_limited({program("pzip", reads), "-d", dir.file("packed"), dir.file("again")}).status ==
                  0);
            CHECK(support::contents(dir.file("again")) == text);
        }
    }
    support::fill(dir.file("rows"), "1,2\n3,4\n5,6\n");
    REQUIRE(
        run_limited({program("rows", "after"), "-b", "1", dir.file("rows"), dir.file("members.gz")}).status ==
        0);
    for (const char* when : {"before", "after"}) {
        CHECK(run_limited({program("pzip", when), "-d", dir.file("members.gz"), dir.file("again")}).status ==
              0);
        CHECK(support::contents(dir.file("again")) == "1\t2\n3\t4\n5\t6\n");
    }
}

TEST_CASE("pzip: a corrupt gzip file hangs it before, because its reader is blocked on a full queue") {
    const support::scratch dir;
    support::fill(dir.file("rows"), "1,2\n");
    REQUIRE(run_limited({program("rows", "after"), dir.file("rows"), dir.file("good.gz")}).status == 0);
    support::fill(dir.file("bad.gz"), support::contents(dir.file("good.gz")) + noise(4 << 20));
    const std::vector<std::string> arguments{"-d", dir.file("bad.gz"), dir.file("out")};

    const auto before =
        run_limited({program("pzip", "before"), "-d", dir.file("bad.gz"), dir.file("out")}, "2");
    CHECK(before.status == hangs);
    CHECK(before.err.empty());

    const auto after = run_limited({program("pzip", "after"), "-d", dir.file("bad.gz"), dir.file("out")});
    CHECK(after.status == 1);
    CHECK(after.err ==
          "pzip: " + dir.file("bad.gz") + ": worker 'decompress' failed on item 2: incorrect header check\n");
}

TEST_CASE("pzip: a full disk hangs it before, if its reader is ahead of its writer") {
    const support::scratch dir;
    support::fill(dir.file("noise"), noise(8 << 20));
    bool hung = false;
    for (int round = 0; round < 20 && !hung; ++round)
        hung = run_limited({program("pzip", "before"), dir.file("noise"), "/dev/full"}, "2").status == hangs;
    CHECK(hung);
    for (int round = 0; round < support::stress(20); ++round) {
        const auto after = run_limited({program("pzip", "after"), dir.file("noise"), "/dev/full"});
        CHECK(after.status == 1);
        CHECK(after.err == "pzip: " + dir.file("noise") + ": failed to write: No space left on device\n");
    }
}

TEST_CASE("pzip: what ends its reader is said, not that a block is incomplete") {
    const support::scratch dir;
    const auto after = run_limited({program("pzip", "after"), "-d", dir.path(), dir.file("out")});
    CHECK(after.status == 1);
    CHECK(after.err == "pzip: " + dir.path() + ": worker 'read' failed: error reading input\n");
}

TEST_CASE("buffer: it passes on what it reads") {
    const support::scratch dir;
    const std::string text = text_of_lines(100'000);
    for (const char* when : {"before", "after"}) {
        const auto run = run_limited(
            {program("buffer", when), "-s", "1000", "-b", "3", "-o", dir.file("out")}, "20", {.input = text});
        CHECK(run.status == 0);
        CHECK(support::contents(dir.file("out")) == text);
    }
}

// ThreadSanitizer loses track of a thread that is cancelled in `read`.
#if !SUPPORT_THREAD_SANITIZER
TEST_CASE("buffer: a cancelled input thread is a short output and success before") {
    const support::scratch dir;
    for (const std::string when : {"before", "after"}) {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        const std::string begun(5500, 'x'); // five blocks and a half, and the rest never comes
        REQUIRE(::write(ends[1], begun.data(), begun.size()) == static_cast<ssize_t>(begun.size()));
        const auto run = run_limited(
            {program("buffer", when.c_str()), "-q", "-s", "1000", "-W", "300", "-o", dir.file("out")}, "20",
            {.input_from = ends[0]});
        ::close(ends[0]);
        ::close(ends[1]);
        CHECK(support::contents(dir.file("out")) == begun);
        CHECK(run.status == (when == "before" ? 0 : 1));
        CHECK(run.err ==
              (when == "before"
                   ? ""
                   : "buffer: worker 'input' failed: thread ended by pthread_exit or pthread_cancel\n"));
    }
}

#endif

TEST_CASE("buffer: an error on either side is said once") {
    const support::scratch dir;
    const auto read =
        run_limited({program("buffer", "after"), "-q", "-i", dir.path(), "-o", dir.file("out")});
    CHECK(read.status == 1);
    CHECK(read.err == "buffer: worker 'input' failed: error reading at offset 0: Is a directory\n");
    const auto write = run_limited({program("buffer", "after"), "-q", "-o", "/dev/full"}, "20",
                                   {.input = text_of_lines(100'000)});
    CHECK(write.status == 1);
    CHECK(write.err ==
          "buffer: worker 'output' failed on item 1: error writing at offset 0: No space left on device\n");
}

TEST_CASE("rows: before and after write the same") {
    const support::scratch dir;
    support::fill(dir.file("in"), text_of_lines(10'000));
    for (const std::string when : {"before", "after"}) {
        const auto run = run_limited(
            {program("rows", when.c_str()), "-t", "3", "-b", "100", dir.file("in"), dir.file(when)});
        CHECK(run.status == 0);
        CHECK(run.out == "10000 rows\n");
    }
    CHECK(support::contents(dir.file("before")) == support::contents(dir.file("after")));
}

TEST_CASE("rows: one or more threads failed, before; after, the row is named") {
    const support::scratch dir;
    auto text = text_of_lines(10'000);
    text.insert(text.find("\n5000,") + 1, "1,x\n");
    support::fill(dir.file("bad"), text);
    const auto before = run_limited({program("rows", "before"), dir.file("bad"), dir.file("out")});
    CHECK(before.status == 1);
    CHECK(before.err ==
          "rows: one or more threads failed to allocate buffers or there was a compression error\n");
    for (int round = 0; round < support::stress(50); ++round) {
        const auto after = run_limited({program("rows", "after"), dir.file("bad"), dir.file("out")});
        CHECK(after.status == 1);
        CHECK(after.err == "rows: row 5000: not a number: x\n");
        CHECK(run_limited({program("rows", "after"), dir.file("bad"), "/dev/full"}).err ==
              "rows: write error\n");
    }
}

TEST_CASE("logger: all lines are there, and the oldest give way if that is asked for") {
    const support::scratch dir;
    for (const std::string when : {"before", "after"}) {
        CHECK(run_limited({program("logger", when.c_str()), "-t", "3", dir.file(when)}, "20",
                          {.input = text_of_lines(1000)})
                  .status == 0);
        const auto log = support::contents(dir.file(when));
        CHECK(std::ranges::count(log, '\n') == 1000);
        const auto run = run_limited({program("logger", when.c_str()), "-o", "-q", "2", dir.file(when + "2")},
                                     "20", {.input = text_of_lines(20'000)});
        CHECK(run.status == 0);
        const auto lines = std::ranges::count(support::contents(dir.file(when + "2")), '\n');
        const auto overrun = run.err.empty() ? 0 : std::stol(run.err.substr(run.err.find(' ')));
        CHECK(lines + overrun == 20'000);
    }
}

TEST_CASE("logger: on a full disk all is lost with success before, and the program fails after") {
    const auto input = text_of_lines(20'000);
    const std::string error = "Failed writing to file /dev/full: No space left on device\n";
    for (const std::string when : {"before", "after"}) {
        const auto run = run_limited({program("logger", when.c_str()), "/dev/full"}, "20", {.input = input});
        CHECK(run.status == (when == "before" ? 0 : 1));
        CHECK(run.err.starts_with("[*** LOG ERROR #0001 ***] [main] " + error));
        CHECK(run.err.ends_with("logger: " + error) == (when == "after"));
    }
}
