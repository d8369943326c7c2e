// What a push that found no room says: which channel, and what its workers are doing.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace push_error {

using namespace std::chrono_literals;
using inquest::activity;
using inquest::channel;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;

namespace {

/// Keeps workers in their functions until it opens.
struct gate {
    std::atomic<int> waiting{0};
    std::atomic<bool> open{false};
    void wait() {
        ++waiting;
        support::look_for([this] { return open.load(); });
    }
    void wait_for(int count) {
        support::look_for([&] { return waiting == count; });
    }
};

} // namespace

TEST_CASE("full and timeout name the channel, and what its worker is doing when they are asked") {
    gate g;
    auto [tx, rx] = make_channel<int>({.capacity = 1, .name = "lines"});
    auto [out, in] = make_channel<int>({.capacity = 1, .name = "parsed"});
    auto w = spawn("parse", std::move(rx), [&](receiver<int>& lines) {
        CHECK(lines.pop());
        g.wait();
        CHECK(out.push(1));
        CHECK(out.push(2));
        while (lines.pop()) {
        }
    });
    CHECK(tx.push(1));
    g.wait_for(1); // the worker has it
    CHECK(tx.push(2));
    const auto full = tx.try_push(3).error();
    CHECK(full.status() == status::full);
    const auto place = std::string(full.where().file_name()) + ':' + std::to_string(full.where().line());
    CHECK(full.message() == "full, push at " + place + ": channel 'lines', worker 'parse' running on item 1");
    const auto late = tx.push_for(3, 1ms).error();
    CHECK(late.status() == status::timeout);
    CHECK(late.message().starts_with("timeout, push at "));
    CHECK(late.message().ends_with(": channel 'lines', worker 'parse' running on item 1"));
    g.open = true;
    support::wait_for_blocked(out);
    REQUIRE(full.workers().size() == 1); // asked later, it says what is so then
    CHECK(full.workers().front().worker() == "parse");
    CHECK(full.workers().front().activity() == activity::pushing);
    CHECK(full.message().ends_with("worker 'parse' waiting in push of 'parsed' on item 1"));
    CHECK(in.pop());
    CHECK(in.pop());
    tx.finish();
    CHECK(w.join());
    CHECK(full.workers().empty());
    CHECK(full.message() == "full, push at " + place + ": channel 'lines'");
    out.finish();
}

TEST_CASE("a channel without a name and workers adds nothing, and need not be there any more") {
    auto queue = std::make_unique<channel<int>>(1);
    CHECK(queue->push(1));
    const auto full = queue->try_push(2).error();
    const auto text = full.message();
    CHECK(text.ends_with(".cpp:" + std::to_string(full.where().line())));
    CHECK(full.workers().empty());
    queue.reset();
    CHECK(full.workers().empty());
    CHECK(full.message() == text);
}

TEST_CASE("of many workers the first are named, and the rest counted") {
    gate g;
    auto [tx, rx] = make_channel<int>(1);
    std::list<inquest::worker<void, inquest::no_error>> workers;
    const auto announced = rx.announce_workers(6);
    for (int i = 0; i < 6; ++i) workers.push_back(spawn("w", rx, [&](receiver<int>&) { g.wait(); }));
    g.wait_for(6);
    CHECK(tx.push(1));
    const auto full = tx.try_push(2).error();
    CHECK(full.workers().size() == 6);
    CHECK(
        full.message().ends_with(": worker 'w-1' running, worker 'w-2' running, worker 'w-3' running, worker "
                                 "'w-4' running, and 2 more"));
    g.open = true;
}

TEST_CASE("a push that was refused for good says why, and asks no worker") {
    auto [tx, rx] = make_channel<int>({.capacity = 1, .name = "lines"});
    gate g;
    auto w = spawn("w", rx, [&](receiver<int>& in) {
        in.close();
        g.wait();
    });
    support::look_for([&] { return tx.is_closed(); });
    const auto closed = tx.push(1).error();
    CHECK(closed.workers().empty());
    CHECK(closed.message().starts_with("channel 'lines' closed by worker 'w' at "));
    g.open = true;
}

TEST_CASE("in a forked child, where the channel's locks may be held for ever, nothing is asked") {
    gate g;
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", rx, [&](receiver<int>&) { g.wait(); });
    CHECK(tx.push(1));
    const auto full = tx.try_push(2).error();
    CHECK(full.workers().size() == 1);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(full.workers().empty() ? 0 : 1);
    REQUIRE(child > 0);
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    g.open = true;
}

} // namespace push_error
