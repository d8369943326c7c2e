#include "support/support.hpp"

#include <inquest/spdlog.hpp>

#include <doctest/doctest.h>
#include <spdlog/sinks/base_sink.h>

namespace spdlog {

namespace {

std::expected<void, std::string> fails() { return std::unexpected("no"); }

struct lines_sink : spdlog::sinks::base_sink<std::mutex> {
    void sink_it_(const spdlog::details::log_msg& message) override {
        lines.push_back(fmt::format("{} {}", spdlog::level::to_string_view(message.level), message.payload));
        ++count;
    }
    void flush_() override {}
    std::vector<std::string> lines;
    std::atomic<int> count{0};
};

struct throwing_sink : spdlog::sinks::base_sink<std::mutex> {
    void sink_it_(const spdlog::details::log_msg&) override { throw std::runtime_error("sink"); }
    void flush_() override {}
};

} // namespace

TEST_CASE("what no hook takes goes to the logger that was handed over, and to it alone") {
    const auto sink = std::make_shared<lines_sink>();
    inquest::log_to(std::make_shared<spdlog::logger>("test", sink));
    {
        auto w = inquest::spawn("w", fails);
    }
    {
        support::caught_hook hook;
        auto w = inquest::spawn("hooked", fails);
    }
    const auto after = inquest::set_long_wait_threshold(std::chrono::milliseconds(1));
    std::atomic<bool> go{false};
    std::jthread opener([&] {
        support::wait_for("the long wait to be told", [&] { return sink->count >= 2; });
        go = true;
    });
    {
        auto w = inquest::spawn("slow {}", [&] { // a name is text, not a format
            while (!go) std::this_thread::yield();
        });
    }
    opener.join();
    inquest::set_long_wait_threshold(after);
    inquest::log_to(nullptr);
    CHECK(sink->lines[0] == "error unobserved failure: worker 'w' failed: no");
    CHECK(sink->lines[1].starts_with("warning long wait: worker 'slow {}' still running ("));
}

TEST_CASE("a logger that throws goes no further, and one taken away is let go") {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<throwing_sink>());
    logger->set_error_handler([](const std::string& what) { throw std::runtime_error(what); });
    inquest::log_to(logger);
    {
        auto w = inquest::spawn("w", fails);
    }
    CHECK(logger.use_count() == 2);
    inquest::log_to(nullptr);
    CHECK(logger.use_count() == 1);
}

} // namespace spdlog
