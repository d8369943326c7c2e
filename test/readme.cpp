// The README's samples, compiled and run. A lint test compares the texts.
#include "support/support.hpp"

#include <inquest/macros.hpp>

#include <doctest/doctest.h>

#include <iostream>
#include <sstream>

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
using job_worker = inquest::worker<void, int>;

auto with_expected(inquest::sender<job>& tx, job_worker& worker, const job& item)
    -> std::expected<void, inquest::failure<int>> {
    if (auto sent = tx.push(item); !sent) return std::unexpected(resolve(tx, worker, sent.error()));
    return {};
}

std::string logged;
void log_line(const std::string& line) { logged = line; }

bool with_bool(inquest::sender<job>& tx, job_worker& worker, const job& item) {
    if (auto sent = tx.push(item); !sent) return log_line(resolve(tx, worker, sent.error()).message()), false;
    return true;
}

int with_errno(inquest::sender<job>& tx, job_worker& worker, const job& item) {
    if (auto sent = tx.push(item); !sent) return resolve(tx, worker, sent.error()).error_or(-EPIPE);
    return 0;
}

void with_throw(inquest::sender<job>& tx, job_worker& worker, const job& item) {
    if (auto sent = tx.push(item); !sent)
        throw std::runtime_error(resolve(tx, worker, sent.error()).message());
}

int drain_jobs(inquest::receiver<job>& jobs) {
    while (auto next = jobs.pop())
        if (next->id == 2) return -EBADMSG;
    return 0;
}

job_worker start(inquest::receiver<job> rx) {
    return inquest::spawn("jobs", std::move(rx),
                          [](inquest::receiver<job>& jobs) -> std::expected<void, int> {
                              if (int r = drain_jobs(jobs); r < 0) return std::unexpected(r);
                              return {};
                          });
}

} // namespace

TEST_CASE("the same push stands in functions that return expected, bool or a negative errno, or throw") {
    const auto until_it_fails = [](auto push_one) {
        auto [tx, rx] = inquest::make_channel<job>(1);
        auto worker = start(std::move(rx));
        for (int id = 1; push_one(tx, worker, job{id}); ++id) {
        }
    };
    until_it_fails([](auto& tx, auto& worker, const job& item) {
        const auto sent = with_expected(tx, worker, item);
        if (!sent) CHECK(*sent.error().error() == -EBADMSG);
        return sent.has_value();
    });
    until_it_fails([](auto& tx, auto& worker, const job& item) { return with_bool(tx, worker, item); });
    CHECK(logged == "worker 'jobs' failed on item 2: Bad message (errno 74)");
    until_it_fails([](auto& tx, auto& worker, const job& item) {
        const int r = with_errno(tx, worker, item);
        CHECK((r == 0 || r == -EBADMSG));
        return r == 0;
    });
    until_it_fails([](auto& tx, auto& worker, const job& item) {
        try {
            with_throw(tx, worker, item);
            return true;
        } catch (const std::runtime_error& e) {
            CHECK(e.what() == std::string("worker 'jobs' failed on item 2: Bad message (errno 74)"));
            return false;
        }
    });
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
