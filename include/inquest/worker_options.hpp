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
    inherited,    ///< as the thread that starts it, with its priority
    time_sharing, ///< each its share, at a nice value: 19, which yields to the others, to -20
    fifo, ///< real-time, before all time-sharing ones: 1 to 99, the highest first; runs until it blocks
    round_robin, ///< the same, but takes turns with others of that value
};

/// How urgent a thread is beside others, in whole.
struct thread_priority {
    scheduling policy = scheduling::inherited; ///< by which rule
    int value = 0;                             ///< a nice value, or a real-time priority
};

/// What the system is asked for a worker's thread. What it does not grant (a priority that needs a right, a processor that is
/// not there) is how the worker ends, before its function has run: `never_started`, with the system's reason. Stack size and
/// real-time priority need POSIX threads; processors and nice values, Linux.
struct thread_attributes {
    std::size_t stack_size = 0; ///< in bytes, at least PTHREAD_STACK_MIN; 0: the system decides
    std::string processors{};   ///< the only ones that it may run on, as "0-3,8"; empty: as inherited
    thread_priority priority{}; ///< how urgent it is beside other threads
};

/// How a worker is started.
struct worker_options {
    std::string name; ///< in messages, numbered if workers share it, and in the system's thread list
    inquest::on_exception on_exception = inquest::on_exception::record; ///< whether what it throws is caught
    inquest::on_destroy on_destroy = inquest::on_destroy::drain; ///< whether a closed stream is drained
    thread_attributes thread{};                                  ///< stack, processors and priority
};

}} // namespace inquest::INQUEST_ABI
