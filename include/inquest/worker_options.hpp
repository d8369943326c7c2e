// How a worker is started.
#pragma once

#include <inquest/detail/config.hpp>

#include <cstddef>
#include <string>

namespace inquest { inline namespace INQUEST_ABI {

/// The error type of a worker that reports by exception only: there is no value of it.
struct no_error {
    no_error() = delete;
};

/// What becomes of an exception that leaves a worker's function.
enum class on_exception : unsigned char {
    record,    ///< it is the worker's outcome, for `join` and `resolve` to rethrow
    terminate, ///< it is caught nowhere: std::terminate at the throw, and a core dump that shows its place
};

/// What a worker's destructor does while the function still runs. Either way it joins.
enum class on_destroy : unsigned char {
    drain, ///< if the channel that the worker reads has closed, what was pushed is delivered; else it requests stop
    stop, ///< it always requests stop: what is queued stays undelivered
};

/// By which rule the system gives threads their time.
enum class scheduling : unsigned char {
    inherited, ///< that of the thread that starts it, with its priority
    time_sharing, ///< shares the processors with others; the value is the nice value, from 19 (yields to others) to -20
    fifo,        ///< real-time, ahead of all time sharing, from 1 to 99 (first): runs until it blocks
    round_robin, ///< the same, but takes turns with others of that value
};

/// A thread's policy and priority.
struct thread_priority {
    scheduling policy = scheduling::inherited; ///< by which rule
    int value = 0;                             ///< a nice value, or a real-time priority
};

/// What the system is asked for a worker's thread. If it refuses one of these (a priority that needs a right, a processor that this
/// process may not use), the worker ends as `never_started` with the system's reason, before its function has run. What is not asked for
/// is as in the thread that starts the worker, and threads and processes that it starts itself have what it has. Stack size and real-time
/// priority need POSIX threads; processors and nice values, Linux.
///
/// A real-time worker should wait in channels with `.spin = 0`: while it spins, threads of lower priority can't run on its processor. Nor do
/// the channel's locks inherit priority.
struct thread_attributes {
    std::size_t stack_size =
        0; ///< in bytes, with thread-local storage; at least PTHREAD_STACK_MIN; 0: the system decides
    std::string processors{};   ///< the only ones that it may run on, as "0-3,8"; empty: as inherited
    thread_priority priority{}; ///< its policy and priority
};

/// How a worker is started.
struct worker_options {
    std::string name; ///< in messages, numbered if workers share it, and in the system's thread list
    inquest::on_exception on_exception = inquest::on_exception::record; ///< whether what it throws is caught
    inquest::on_destroy on_destroy = inquest::on_destroy::drain; ///< whether a closed stream is drained
    thread_attributes thread{};                                  ///< stack, processors and priority
};

}} // namespace inquest::INQUEST_ABI
