#include "support/support.hpp"

#include <inquest/spdlog.hpp>

#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

TEST_CASE("a failure nobody looked at goes to the logger that was handed over, and to it alone") {
    std::ostringstream out;
    auto logger =
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
    logger->set_pattern("%l %v");
    inquest::log_failures_to(logger);
    {
        auto w =
            inquest::spawn("w", []() -> std::expected<void, std::string> { return std::unexpected("no"); });
    }
    inquest::log_failures_to(nullptr);
    CHECK(out.str() == "error nobody looked at a failure: worker 'w' failed: no\n");
}
