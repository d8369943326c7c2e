// Being told of a failure that nobody looked at.
#pragma once

#include <inquest/cause.hpp>

#include <functional>

namespace inquest::inline INQUEST_ABI {

/// Called with the cause of a failure that nobody looked at, when the worker object goes.
using failure_hook = std::function<void(const cause&)>;

/// Replaces the process-wide hook and returns the one before; an empty hook restores the default, which
/// writes one line to standard error. The hook runs outside every lock of the library, on the thread that
/// destroys the worker; it may be called by several threads at once. What it throws is reported on standard
/// error and goes no further. Any thread may call this; it does not block on a hook that is running.
failure_hook set_failure_hook(failure_hook hook);

namespace detail {

/// Tells the hook. Never throws.
void report_unobserved(const cause& why) noexcept;

} // namespace detail

} // namespace inquest::inline INQUEST_ABI
