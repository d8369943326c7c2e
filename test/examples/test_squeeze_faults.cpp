// What `squeeze` does if the world fails it: disks, pipes, threads, signals; and how much memory it takes.
#include "../support/support.hpp"
#include "child.hpp"
#include "pipes.hpp"
#include "places.hpp"
#include "squeeze_samples.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

const std::string squeeze = support::from_build("SQUEEZE");
constexpr std::size_t block = gzip::block_size;

/// A program that is fed `input`, and no end of it.
struct silent_after {
    silent_after(const std::string& command, const std::string& input)
        : silent_after(command, input, make_pipe(), make_pipe(), make_pipe()) {}

    descriptor in, out, err; // our ends
    child its;
    std::jthread feeds;

  private:
    silent_after(const std::string& command, const std::string& input, pipe_ends&& to, pipe_ends&& from,
                 pipe_ends&& errors)
        : in(std::move(to.write)), out(std::move(from.read)), err(std::move(errors.read)),
          its({"/bin/sh", "-c", command, squeeze}, {to.read.fd(), from.write.fd(), errors.write.fd()}),
          feeds([fd = in.fd(), input] { write_all(fd, input); }) {}
};

/// A file of so many zeros that takes no room, and too long to be compressed before a signal comes.
std::string make_endless(const support::scratch& dir) {
    support::fill(dir.file("zeros"), "");
    std::filesystem::resize_file(dir.file("zeros"), std::uintmax_t{1} << 40);
    return dir.file("zeros");
}

std::size_t files_in(const support::scratch& dir) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir.path()), {}));
}

} // namespace

TEST_CASE("squeeze: an output that can't be written ends it at once, with the stage and the cause") {
    const auto text = some_text(20 * block);
    const auto packed = support::run({squeeze}, text).out, foreign = gzip_says("", text).out;
    const std::string full = " > write' failed on item 1: No space left on device\n";
    CHECK(in_shell(squeeze, "exec \"$0\" >/dev/full", text).err == "squeeze: worker 'read > deflate" + full);
    CHECK(in_shell(squeeze, "exec \"$0\" -d >/dev/full", packed).err ==
          "squeeze: worker 'read > inflate" + full);
    CHECK(in_shell(squeeze, "exec \"$0\" -d >/dev/full", foreign).err ==
          "squeeze: worker 'read > inflate" + full);
    CHECK(in_shell(squeeze, "exec \"$0\" >/dev/full", text).status == 1);
    CHECK(in_shell(squeeze, "exec \"$0\" >&-", text).err ==
          "squeeze: worker 'read > deflate > write' failed on item 1: Bad file descriptor\n");
}

TEST_CASE("squeeze: an output that nobody reads is a broken pipe, also while the input is silent") {
    const auto text = some_text(block);
    const std::string broken = "> write' failed on item 1: Broken pipe\n";
    for (const char* run_it : {"exec \"$0\" ", "trap '' PIPE; exec \"$0\" "}) {
        const auto check_broken = [&](const std::string& options, const std::string& input,
                                      const std::string& said) {
            silent_after run(run_it + options, input);
            run.out.close();
            CHECK(read_to_end(run.err.fd()) == said);
            CHECK(run.its.wait() == 1);
        };
        check_broken("", text, "squeeze: worker 'read > deflate " + broken);
        check_broken("-d", support::run({squeeze}, text).out, "squeeze: worker 'read > inflate " + broken);
        check_broken("-d", gzip_says("", text + text).out, "squeeze: worker 'read > inflate " + broken);
    }
}

TEST_CASE("squeeze: whatever is wrong with an input ends it at once, also if more may come") {
    auto own = support::run({squeeze}, some_text(2 * block)).out;
    const auto foreign = gzip_says("", "text").out;
    const auto check_ends = [&](const std::string& input, int status, const std::string& said) {
        silent_after run("exec \"$0\" -dp1", input);
        CHECK(read_to_end(run.err.fd()) == said);
        CHECK(run.its.wait() == status);
    };
    check_ends(some_text(block), 1,
               "squeeze: worker 'read > inflate' failed on item 1: not in gzip format\n");
    check_ends(foreign + some_noise(block), 2, "squeeze: decompression OK, trailing garbage ignored\n");
    check_ends(support::run({squeeze}, "text").out + foreign + some_noise(block), 2,
               "squeeze: decompression OK, trailing garbage ignored\n");
    own[100] = static_cast<char>(own[100] ^ 0x55);
    silent_after run("exec \"$0\" -dp1", own);
    CHECK(read_to_end(run.err.fd())
              .starts_with("squeeze: worker 'read > inflate' failed on item 1: corrupt: "));
    CHECK(run.its.wait() == 1);
}

TEST_CASE("squeeze: a file that can't grow is removed, and what it was to be made of stays") {
    const support::scratch dir;
    const auto text = some_noise(10 * block);
    support::fill(dir.file("a"), text);
    const auto run = support::run({squeeze, dir.file("a")}, {.largest_file = 4 * block});
    CHECK(run.status == 1);
    CHECK(run.err == "squeeze: worker 'read > deflate > write' failed on item 4: File too large\n");
    CHECK(files_in(dir) == 1);
    CHECK(support::contents(dir.file("a")) == text);
    CHECK(support::run({squeeze, dir.file("a")}).status == 0);
    CHECK(support::run({squeeze, "-d", dir.file("a.gz")}, {.largest_file = 4 * block + 1}).err ==
          "squeeze: worker 'read > inflate > write' failed on item 5: File too large\n");
    CHECK(files_in(dir) == 1);
    CHECK(std::filesystem::exists(dir.file("a.gz")));
}

TEST_CASE("squeeze: an input that can't be read, or a place that can't be written to") {
    const support::scratch dir;
    CHECK(support::run({squeeze, "-c", dir.path()}).err == "squeeze: worker 'read' failed: Is a directory\n");
    CHECK(support::run({squeeze, "-t", dir.path()}).err == "squeeze: worker 'read' failed: Is a directory\n");
    const auto closed = in_shell(squeeze, "exec \"$0\" <&-");
    CHECK(closed.status == 1);
    CHECK(closed.err == "squeeze: worker 'read' failed: Bad file descriptor\n");
    support::fill(dir.file("a"), "text");
    const auto nowhere = support::run({squeeze, "/proc/self/status"});
    CHECK(nowhere.status == 1);
    CHECK(nowhere.err == "squeeze: can't create '/proc/self/status.gz': No such file or directory\n");
}

#if !SUPPORT_SANITIZER // whose runtime wants to be loaded first
TEST_CASE("squeeze: a thread that is killed in the middle of zlib ends it with a sentence") {
    const auto killer = support::from_build("THREAD_KILLER");
    const support::scratch dir;
    const auto text = some_text(20 * block);
    const auto own = support::run({squeeze}, text).out, foreign = gzip_says("", text).out;
    for (const char* at : {"1", "2", "9", "20"})
        for (const auto& [name, bytes] : {std::pair("a", text), {"own.gz", own}, {"foreign.gz", foreign}}) {
            CAPTURE(at);
            CAPTURE(name);
            support::fill(dir.file(name), bytes);
            const bool packs = std::string(name) == "a";
            const auto run =
                support::run({"/usr/bin/env", "LD_PRELOAD=" + killer, std::string("THREAD_KILLER_AT=") + at,
                              squeeze, packs ? "-p3" : "-dp3", dir.file(name)});
            CHECK(run.status == 1);
            CHECK(run.err.starts_with(packs ? "squeeze: worker 'read > deflate-"
                                            : "squeeze: worker 'read > inflate"));
            CHECK(run.err.find(" failed on item ") != std::string::npos);
            CHECK(run.err.ends_with(": thread ended by pthread_exit or pthread_cancel\n"));
            CHECK(std::ranges::count(run.err, '\n') == 1);
            CHECK(files_in(dir) == 1);
            std::filesystem::remove(dir.file(name));
        }
    silent_after run("exec env LD_PRELOAD='" + killer + "' THREAD_KILLER_AT=1 \"$0\" -p1",
                     text.substr(0, block));
    CHECK(read_to_end(run.err.fd()) == "squeeze: worker 'read > deflate' failed on item 1: thread ended by "
                                       "pthread_exit or pthread_cancel\n");
    CHECK(run.its.wait() == 1);
}
#endif

TEST_CASE("squeeze: a signal that asks it to end removes what is not complete, and it dies by that signal") {
    const descriptor nothing("/dev/null");
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        for (const char* options : {"-p1", "-p8"}) {
            CAPTURE(signal);
            CAPTURE(options);
            const support::scratch dir;
            const auto file = make_endless(dir);
            auto [err_read, err_write] = make_pipe();
            child run({squeeze, options, file}, {nothing.fd(), nothing.fd(), err_write.fd()});
            err_write.close();
            support::wait_for("some output", [&] {
                std::error_code none;
                const auto size = std::filesystem::file_size(file + ".gz", none);
                return !none && size > 0;
            });
            using std::filesystem::perms;
            const auto rights = std::filesystem::status(file + ".gz").permissions();
            CHECK((rights & (perms::group_all | perms::others_all)) ==
                  perms::none); // until it has those of the file
            run.kill(signal);
            CHECK(run.wait() == 128 + signal);
            CHECK(read_to_end(err_read.fd()).empty());
            CHECK(files_in(dir) == 1);
            CHECK(std::filesystem::exists(file));
        }
}

TEST_CASE("squeeze: a signal ends it also while it waits for a silent input, or for somebody to read") {
    const auto noise = some_noise(40 * block);
    for (const auto& bytes : {support::run({squeeze}, noise).out, gzip_says("", noise).out}) {
        silent_after run("exec \"$0\" -dp1", bytes);
        support::wait_for("a full pipe", [&] {
            int ready = 0;
            return ioctl(run.out.fd(), FIONREAD, &ready) == 0 && ready == 65536;
        });
        run.its.kill(SIGTERM);
        CHECK(run.its.wait() == 128 + SIGTERM);
    }
    silent_after run("exec \"$0\"", some_text(block + 1000));
    char first = 0;
    REQUIRE(::read(run.out.fd(), &first, 1) ==
            1); // so it is at work, and waits for the rest of the second block
    run.its.kill(SIGINT);
    CHECK(run.its.wait() == 128 + SIGINT);
}

TEST_CASE("squeeze: a signal that whoever started it ignores stays ignored") {
    const auto text = some_text(block + 1);
    silent_after run("trap '' TERM; exec \"$0\"", text);
    char first = 0;
    REQUIRE(::read(run.out.fd(), &first, 1) == 1);
    run.feeds.join();
    run.its.kill(SIGTERM);
    run.in.close();
    const auto packed = first + read_to_end(run.out.fd());
    CHECK(run.its.wait() == 0);
    const bool the_same = gzip_says("-d", packed).out == text;
    CHECK(the_same);
}

TEST_CASE(
    "squeeze: no more of its workers work at once than there are places, and a failed one leaves its own") {
    support::rounds rounds(100);
    while (rounds.another()) {
        places two(2);
        std::atomic<int> inside{0}, entered{0}, most{0}, done{0};
        limited work(two, [&](int n) {
            const int now = ++inside;
            for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
            }
            if (++entered == 1) support::wait_for("another inside", [&] { return entered > 1; });
            std::this_thread::yield();
            --inside;
            if (n == 1) throw support::bad_frame("torn", n);
        });
        {
            std::vector<std::jthread> threads;
            for (int n = 0; n < 6; ++n)
                threads.emplace_back([work, n, &done]() mutable {
                    try {
                        work(n);
                    } catch (const support::bad_frame&) {
                    }
                    ++done;
                });
        }
        CHECK(done == 6);
        CHECK(most == 2);
    }
}

#if !SUPPORT_SANITIZER // they keep memory that is freed
TEST_CASE("squeeze: it takes no more memory for a long file than for a short one") {
    const descriptor nothing("/dev/null");
    // Looked at when it has read all of them and waits for more.
    const auto peak = [&](const std::string& options, const std::string& bytes, int times) {
        auto [read, write] = make_pipe();
        child its({squeeze, options}, {read.fd(), nothing.fd(), 2});
        for (int i = 0; i < times; ++i) write_all(write.fd(), bytes);
        support::wait_for("all to be read", [&] {
            int left = 0;
            return ioctl(write.fd(), FIONREAD, &left) == 0 && left == 0;
        });
        const auto kib = its.peak_kib();
        write.close();
        CHECK(its.wait() == 0);
        return kib;
    };
    const auto zeros = [](std::size_t size) { return std::string(size, '\0'); };
    constexpr long slack = 4096; // in KiB; how much is in flight, and when it is given back, is by chance
    CHECK(peak("-1p2", zeros(1'000'000), 150) < peak("-1p2", zeros(1'000'000), 10) + slack);
    const auto own = support::run({squeeze, "-1"}, zeros(10'000'000)).out;
    CHECK(peak("-dp2", own, 15) < peak("-dp2", own, 1) + slack);
    const auto few = foreign_member{.text = zeros(10'000'000), .level = 1}.bytes(),
               many = foreign_member{.text = zeros(150'000'000), .level = 1}.bytes();
    CHECK(peak("-dp2", many, 1) < peak("-dp2", few, 1) + slack);
}

TEST_CASE("squeeze: a length that is a lie makes it allocate nothing") {
    for (const auto& text : {std::string("little"), some_noise(20 * block)}) {
        const auto lie = member_that_says(0xffff'fff0, foreign_member{.text = text}.bytes());
        const auto run = in_shell(squeeze, "ulimit -v 2000000 && exec \"$0\" -dp2", lie);
        CHECK(run.err.empty());
        const bool the_same = run.out == text;
        CHECK(the_same);
    }
}
#endif
