#include <inquest/spdlog.hpp>

#include <spdlog/spdlog.h>

namespace inquest { inline namespace INQUEST_ABI {

void log_to(std::shared_ptr<spdlog::logger> logger) {
    if (!logger) return detail::set_log({});
    detail::set_log([logger = std::move(logger)](bool alarm, std::string_view line) {
        logger->log(alarm ? spdlog::level::err : spdlog::level::warn, "{}", line);
    });
}

}} // namespace inquest::INQUEST_ABI
