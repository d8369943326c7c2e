// `squeeze` at a terminal.
#include "pipes.hpp"
#include "squeeze_samples.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fcntl.h>
#include <string>

namespace {

const std::string squeeze = support::from_build("SQUEEZE");
constexpr std::size_t block = gzip::block_size;

/// A terminal that nobody sits at, and the name of its other side.
struct terminal {
    terminal() : own(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
        REQUIRE(grantpt(own.fd()) == 0);
        REQUIRE(unlockpt(own.fd()) == 0);
        char text[100];
        REQUIRE(ptsname_r(own.fd(), text, sizeof text) == 0);
        name = text;
    }
    descriptor own;
    std::string name;
};

} // namespace

TEST_CASE("squeeze: compressed data are neither written to a terminal nor read from one") {
    const terminal one;
    const support::scratch dir;
    support::fill(dir.file("a"), "text");
    const std::string refused = "squeeze: compressed data are not written to a terminal\n";
    const auto out = in_shell(squeeze, "exec \"$0\" >" + one.name, "text");
    CHECK(out.status == 1);
    CHECK(out.err == refused);
    CHECK(in_shell(squeeze, "exec \"$0\" -c " + dir.file("a") + " >" + one.name).err == refused);
    const auto in = in_shell(squeeze, "exec \"$0\" -d <" + one.name);
    CHECK(in.status == 1);
    CHECK(in.err == "squeeze: compressed data are not read from a terminal\n");
    // Data themselves are.
    support::fill(dir.file("a.gz"), support::run({squeeze}, "text").out);
    CHECK(in_shell(squeeze, "exec \"$0\" -dc " + dir.file("a.gz") + " >" + one.name).status == 0);
    CHECK(read_to_end(one.own.fd()) == "text");
}

TEST_CASE("squeeze: at a terminal the end of the input is typed once") {
    const terminal one;
    write_all(one.own.fd(), "text\n\4");
    const auto run = in_shell(squeeze, "exec \"$0\" <" + one.name);
    CHECK(run.status == 0);
    CHECK(gzip_says("-d", run.out).out == "text\n");
}

TEST_CASE("squeeze: its progress is shown on a terminal only, in one line, which is gone at the end") {
    const support::scratch dir;
    support::fill(dir.file("a"), some_text(30 * block));
    const terminal one;
    CHECK(in_shell(squeeze, "exec \"$0\" " + dir.file("a") + " 2>" + one.name).status == 0);
    auto shown = read_to_end(one.own.fd());
    CHECK(shown.starts_with('\r'));
    CHECK(shown.find("100%, ") != std::string::npos);
    CHECK(shown.find(" MB/s, slowest: ") != std::string::npos);
    CHECK(shown.find('\n') == std::string::npos);
    REQUIRE(shown.ends_with('\r'));
    shown.pop_back();
    const auto last = shown.substr(shown.rfind('\r') + 1);
    CHECK(last.size() > 20);
    CHECK(last.find_first_not_of(' ') == std::string::npos);

    // Of a pipe nobody knows how long it is; and a failure is said on a line that is empty.
    const terminal two;
    CHECK(in_shell(squeeze, "exec \"$0\" -t 2>" + two.name, "no gzip file").status == 1);
    const auto failed = read_to_end(two.own.fd());
    CHECK(failed.find('%') == std::string::npos);
    CHECK(failed.find("MB/s") != std::string::npos);
    CHECK(failed.ends_with(" \rsqueeze: worker 'read > inflate' failed on item 1: not in gzip format\r\n"));
}
