// Everything but the macro (macros.hpp) and the logger (spdlog.hpp).
#pragma once

#include <inquest/cause.hpp>
#include <inquest/channel.hpp>
#include <inquest/failure.hpp>
#include <inquest/hook.hpp>
#include <inquest/operations.hpp>
#include <inquest/push_error.hpp>
#include <inquest/resolve.hpp>
#include <inquest/returns.hpp>
#include <inquest/status.hpp>
#include <inquest/still_running.hpp>
#include <inquest/worker.hpp>
#include <inquest/worker_options.hpp>
