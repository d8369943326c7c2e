// Handing over a logger. The only header that includes spdlog; built where the option `spdlog` is enabled.
#pragma once

#include <inquest/hook.hpp>

#include <spdlog/logger.h>

#include <memory>

namespace inquest::inline INQUEST_ABI {

/// Failures that nobody looked at go to `logger`, at level error, instead of standard error. Replaces the
/// failure hook and returns the one before; a null logger restores the default. Any thread may call it.
failure_hook log_failures_to(std::shared_ptr<spdlog::logger> logger);

} // namespace inquest::inline INQUEST_ABI
