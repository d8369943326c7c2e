#include <inquest/spdlog.hpp>

#include <spdlog/spdlog.h>

namespace inquest::inline INQUEST_ABI {

failure_hook log_failures_to(std::shared_ptr<spdlog::logger> logger) {
    if (!logger) return set_failure_hook({});
    return set_failure_hook([logger = std::move(logger)](const cause& why) {
        logger->error("nobody looked at a failure: {}", why.message());
    });
}

} // namespace inquest::inline INQUEST_ABI
