// The long form of a failure: all that a person wants to know who has to act on it.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <regex>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace failure {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::failure;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;

namespace {

using outcome = std::expected<void, std::string>;

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

bool matches(const std::string& line, const std::string& pattern) {
    return std::regex_match(line, std::regex(pattern));
}

} // namespace

TEST_CASE("the long form says what, on which thread and when, and where the push was refused") {
    auto [tx, rx] = make_channel<int>(4);
    std::atomic<bool> filled{false};
    pid_t thread = 0;
    auto w = spawn("w", std::move(rx), [&](receiver<int>& in) -> outcome {
        thread = ::gettid();
        support::look_for([&] { return filled.load(); });
        CHECK(in.pop());
        return std::unexpected("no more");
    });
    for (int i = 0; i < 3; ++i) CHECK(tx.push(i));
    filled = true;
    w.wait();
    const auto refused = tx.push(4).error();
    const auto why = resolve(tx, w, refused);
    CHECK(why.cause().thread_id() == static_cast<std::uint64_t>(thread));
    REQUIRE(why.push_site());
    CHECK(why.push_site()->line() == refused.where().line());
    CHECK(why.undelivered() == 2);
    const auto lines = lines_of(why.details());
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == why.message());
    CHECK(matches(lines[1], "  on thread " + std::to_string(thread) + ", [0-9]+ ms ago"));
    CHECK(matches(lines[2], "  push refused at .*failure\\.cpp:" + std::to_string(refused.where().line()) +
                                ", 2 undelivered"));
}

TEST_CASE("it names who else failed, and marks what can only be a consequence") {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<bool> both_there{false};
    const auto fail = [&](receiver<int>&) -> outcome {
        support::look_for([&] { return both_there.load(); });
        return std::unexpected("broken");
    };
    const auto read_on = [&](receiver<int>& in) -> outcome {
        both_there = true;
        while (in.pop()) {
        }
        return std::unexpected("the stream broke");
    };
    std::vector<inquest::worker<void, std::string>> workers;
    const auto announced = rx.announce_workers(2);
    workers.push_back(spawn("first", rx, fail));
    workers.push_back(spawn("second", rx, read_on));
    const auto why = report(workers);
    REQUIRE(why);
    CHECK(!why->push_site());
    CHECK(why->undelivered() == 0);
    const auto lines = lines_of(why->details());
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == "worker 'first' failed: broken");
    CHECK(lines[2] == "  also failed: worker 'second' failed: the stream broke (a consequence)");
}

TEST_CASE("it names what is behind the cause, unless the message does") {
    auto pool =
        inquest::make_pool<int>({.name = "w", .capacity = 4}, [](receiver<int>& in) { CHECK(in.pop()); });
    CHECK(pool.push(1));
    support::look_for([&] { return pool.is_closed(); });
    CHECK(!pool.push(2)); // the worker has left
    const auto early = pool.push(2).error();
    CHECK(early.details().find("\n  behind it: ") == std::string::npos);

    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("own", rx, [](receiver<int>&) -> std::expected<void, failure<std::string>> {
        return std::unexpected(failure<std::string>(cause("the disk is full")));
    });
    const auto own = w.report();
    CHECK(own->message() == "worker 'own' failed: the disk is full");
    CHECK(lines_of(own->details()).size() == 2);

    std::atomic<bool> filled{false};
    auto stopped = inquest::make_pool<int>({.name = "s", .capacity = 4}, [&](receiver<int>&) {
        support::look_for([&] { return filled.load(); });
    });
    CHECK(stopped.push(1));
    filled = true;
    const auto left = stopped.finish().error();
    CHECK(left.message() == "all workers have ended, 1 undelivered");
    CHECK(left.details().find("\n  behind it: channel 's' closed by thread ") != std::string::npos);
}

TEST_CASE("a cause knows its age") {
    const cause why("here");
    const auto at_first = why.age();
    CHECK(at_first >= 0ns);
    CHECK(at_first < 1h);
    support::look_for([&] { return why.age() > at_first; });
    CHECK(cause().age() == 0ns);
    CHECK(cause().thread_id() == 0);
    CHECK(why.thread_id() == 0);
}

TEST_CASE("so does each cause that the library records, with the thread that it happened on") {
    const auto here = static_cast<std::uint64_t>(::gettid());
    const auto check = [&](const cause& its) {
        CHECK(its.age() > 0ns);
        CHECK(its.age() < 1h);
        CHECK(its.thread_id() == here);
    };
    auto [tx, rx] = make_channel<int>(1);
    CHECK(tx.push(1));
    {
        const auto abandoned = std::move(tx);
    }
    check(rx.cause());
    auto [tx2, rx2] = make_channel<int>(1);
    {
        const auto dropped = std::move(rx2);
    }
    check(tx2.push(1).error().cause());
    auto [tx3, rx3] = make_channel<int>(1);
    rx3.close();
    check(tx3.push(1).error().cause());
    std::expected<void, failure<std::string>> job =
        inquest::run_job("job", []() -> outcome { return std::unexpected("x"); });
    check(job.error().cause());
}

} // namespace failure
