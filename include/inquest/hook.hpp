// Hooks for failures that nobody observed, and for long waits.
//
// Each hook is process-wide. It is run outside every lock of the library, may be called by several threads at
// once, and what it throws goes no further: then, and if no hook is set, the line goes to the logger that was
// handed over (spdlog.hpp), and if there is none, or it throws too, to standard error. Any thread may set a
// hook; that does not block on one that is running, which may so be called once more.
#pragma once

#include <inquest/cause.hpp>
#include <inquest/still_running.hpp>

#include <chrono>
#include <functional>
#include <string_view>

namespace inquest { inline namespace INQUEST_ABI {

/// Called with the cause of a worker's failure, or with what was left in a channel.
using failure_hook = std::function<void(const cause&)>;
/// Called with what the worker that is waited for was doing.
using long_wait_hook = std::function<void(const still_running&)>;

/// Sets what is called with a failure that nobody observed, which is to say that was handed out to nobody: by `join` and
/// its kin, which return or rethrow it, in what `report`, `resolve` and `resolve_first` return, or with the worker's
/// future. What a push_error, a pop_error or a still_running says of it does not count, nor do the other failures if
/// `resolve_first` rethrows the first. A worker that only ended on the stream that a failure broke off (`broken_stream`) is not reported
/// if that failure was handed out before. It is called:
///   when its worker object is destroyed, or, if other workers passed the failure on, the last of all their objects; on
///   the thread that destroys it, or on the worker's own thread if it is destroyed there first;
///   with items that the last worker left in its channel, stopped or finished early but for the failure of another, and that nobody
///   recovered or was told of: when the channel's last handle is destroyed, on that thread, with a cause of kind `unexplained`.
///   with a failure that is no worker's and broke off a stream that was read in a loop, if nobody asked the receiver how it had
///   ended: when the receiver is destroyed, on that thread.
/// Returns the previous hook; an empty one restores the default. May throw std::bad_alloc.
failure_hook set_failure_hook(failure_hook hook);

/// Sets what is called with every worker's failure at once, on the dying worker's own thread, once the outcome
/// is recorded, but not again if another worker passes it on. There is none by default, and nothing else is written
/// for it. The failure is not observed by that. What it throws is reported on standard error and goes no further. Returns the
/// previous hook. May throw std::bad_alloc.
failure_hook set_eager_failure_hook(failure_hook hook);

/// Sets what is called if an untimed `join`, `wait`, `resolve` or `report`, or the destructor of a worker or a channel, has
/// waited for long: once the time of `set_long_wait_threshold` has passed, then each time it has doubled. It is given the worker that
/// is waited for, and if the call waits for several, those that have not ended either as its `others`. It is called on the waiting thread,
/// which goes on waiting. Returns the previous hook. May throw std::bad_alloc.
long_wait_hook set_long_wait_hook(long_wait_hook hook);

/// Sets how long a wait is long, for waits that begin from now on: a minute at first, at least a millisecond;
/// milliseconds::max() for never. Returns the previous threshold.
std::chrono::milliseconds set_long_wait_threshold(std::chrono::milliseconds after) noexcept;

namespace detail {

/// What the logger is given: `alarm` for a failure, not for a long wait.
using log_line = std::function<void(bool alarm, std::string_view line)>;
void set_log(log_line log);

// Each reports to the hook, else the logger, else standard error. None throws.
void report_unobserved(const cause& why) noexcept;
void report_eagerly(const cause& why) noexcept;
void report_long_wait(const still_running& who) noexcept;
/// How long a wait is long.
std::chrono::milliseconds long_wait() noexcept;

} // namespace detail

}} // namespace inquest::INQUEST_ABI
