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

} // namespace

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
