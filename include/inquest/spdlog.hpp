// Handing over a logger. The only header that includes spdlog, and in a library of its own, inquest-spdlog.
#pragma once

#include <inquest/hook.hpp>

#include <spdlog/logger.h>

#include <memory>

namespace inquest { inline namespace INQUEST_ABI {

/// What no hook takes goes to `logger` instead of standard error: failures that nobody observed at level error,
/// long waits at level warn. Replaces the previous logger; a null one removes it. Any thread may call it; it
/// does not block. May throw std::bad_alloc.
void log_to(std::shared_ptr<spdlog::logger> logger);

}} // namespace inquest::INQUEST_ABI
