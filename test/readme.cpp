// The README's samples, compiled and run. A lint test compares the texts.
#include "support/support.hpp"

#include <inquest/macros.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <iostream>
#include <sstream>
#include <vector>

namespace readme {

namespace {

struct old_queue {
    bool push(const std::string&) { return false; }
};

int before(std::istream& in, old_queue& queue) {
    for (std::string line; std::getline(in, line);)
        if (!queue.push(line)) { // false: but why?
            std::cerr << "queue closed\n";
            return 1;
        }
    return 0;
}

std::expected<std::size_t, std::error_code> enrich_lines(inquest::receiver<std::string>& lines) {
    std::size_t n = 0;
    while (auto line = lines.pop()) {
        if (*line == "bad") return std::unexpected(std::make_error_code(std::errc::connection_refused));
        ++n;
    }
    return n;
}

std::expected<std::size_t, inquest::failure<std::error_code>> after(std::istream& in) {
    auto [tx, rx] = inquest::make_channel<std::string>(16);
    auto worker = inquest::spawn("enrich", std::move(rx), enrich_lines);
    for (std::string line; std::getline(in, line);)
        if (auto sent = tx.push(line); !sent) // the consumer is gone: ask why
            return std::unexpected(resolve(tx, worker, sent.error()));
    tx.finish(); // complete, not truncated
    return std::move(worker).join();
}

// The same push in functions of four kinds.

struct job {
    int id;
};
using job_worker = inquest::worker<int, int>;

std::expected<void, inquest::failure<int>> with_expected(inquest::sender<job>& tx, job_worker& worker,
                                                         const std::vector<job>& jobs) {
    for (const job& item : jobs)
        if (auto sent = tx.push(item); !sent) // in a function that returns std::expected
            return std::unexpected(resolve(tx, worker, sent.error()));
    return {};
}

std::string logged;
void log_line(const std::string& line) { logged = line; }

bool with_bool(inquest::sender<job>& tx, job_worker& worker, const std::vector<job>& jobs) {
    for (const job& item : jobs)
        if (auto sent = tx.push(item); !sent) // bool
            return log_line(resolve(tx, worker, sent.error()).message()), false;
    return true;
}

int with_errno(inquest::sender<job>& tx, job_worker& worker, const std::vector<job>& jobs) {
    for (const job& item : jobs)
        if (auto sent = tx.push(item); !sent) // a negative errno, as the worker's own error is
            return resolve(tx, worker, sent.error()).error_or(-EPIPE);
    return 0;
}

void with_throw(inquest::sender<job>& tx, job_worker& worker, const std::vector<job>& jobs) {
    for (const job& item : jobs)
        if (auto sent = tx.push(item); !sent) // or that throws
            throw std::runtime_error(resolve(tx, worker, sent.error()).message());
}

int drain_jobs(inquest::receiver<job>& jobs) {
    while (auto next = jobs.pop())
        if (next->id == 2) return -EBADMSG;
    return 0;
}
bool drain_well(inquest::receiver<job>& jobs) { return drain_jobs(jobs) == 0; }

job_worker start(inquest::receiver<job> rx) {
    auto worker = inquest::spawn("jobs", std::move(rx), inquest::returns_errno(drain_jobs));
    return worker;
}

} // namespace

TEST_CASE("the same push stands in functions that return expected, bool or a negative errno, or throw") {
    const std::vector<job> many(100, job{2});
    const std::string words = "worker 'jobs' failed on item 1: Bad message (errno 74)";
    const auto with_worker = [](auto ask) {
        auto [tx, rx] = inquest::make_channel<job>(1);
        auto worker = start(std::move(rx));
        ask(tx, worker);
    };
    with_worker(
        [&](auto& tx, auto& worker) { CHECK(*with_expected(tx, worker, many).error().error() == -EBADMSG); });
    with_worker([&](auto& tx, auto& worker) {
        CHECK(!with_bool(tx, worker, many));
        CHECK(logged == words);
    });
    with_worker([&](auto& tx, auto& worker) { CHECK(with_errno(tx, worker, many) == -EBADMSG); });
    with_worker([&](auto& tx, auto& worker) {
        CHECK_THROWS_WITH_AS(with_throw(tx, worker, many), words.c_str(), std::runtime_error);
    });
    auto [tx, rx] = inquest::make_channel<job>(1);
    auto worker = inquest::spawn("jobs", std::move(rx), inquest::returns_bool(drain_well));
    CHECK(tx.push(job{2}));
    CHECK(worker.join().error().message() == "worker 'jobs' failed on item 1: returned false");
}

TEST_CASE("the README's samples do what it says") {
    std::istringstream in("one\ntwo\n");
    old_queue queue;
    CHECK(before(in, queue) == 1);
    std::istringstream good("one\ntwo\n");
    CHECK(after(good).value() == 2);
    std::istringstream bad("one\nbad\n");
    CHECK(after(bad).error().message() == "worker 'enrich' failed on item 2: Connection refused");
    std::string many = "bad\n";
    for (int i = 0; i < 100; ++i) many += "more\n";
    std::istringstream blocked(many);
    CHECK(*after(blocked).error().error() == std::errc::connection_refused);
}

} // namespace readme
