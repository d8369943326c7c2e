// Everything but pipelines (pipeline.hpp), flushers (flusher.hpp), the macros (macros.hpp), the logger (spdlog.hpp) and the bridge to older standards (bridge_to.hpp).
#pragma once

// First: a compiler lists the includes on the way to a header before what it has to say of it.
// clang-format off
#include <inquest/failure.hpp>
// clang-format on
#include <inquest/activity.hpp>
#include <inquest/adopt.hpp>
#include <inquest/cause.hpp>
#include <inquest/cause_kind.hpp>
#include <inquest/channel.hpp>
#include <inquest/channel_options.hpp>
#include <inquest/close_callback.hpp>
#include <inquest/hook.hpp>
#include <inquest/job.hpp>
#include <inquest/leasing_receiver.hpp>
#include <inquest/pop_operations.hpp>
#include <inquest/push_error.hpp>
#include <inquest/push_operations.hpp>
#include <inquest/recovery.hpp>
#include <inquest/resolve.hpp>
#include <inquest/returns.hpp>
#include <inquest/status.hpp>
#include <inquest/still_running.hpp>
#include <inquest/worker.hpp>
#include <inquest/worker_options.hpp>
#include <inquest/worker_pool.hpp>
