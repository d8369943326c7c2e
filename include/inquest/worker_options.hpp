// How a worker is started.
#pragma once

#include <inquest/detail/config.hpp>

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

/// How a worker is started.
struct worker_options {
    std::string name; ///< in messages, numbered if workers share it, and in the system's thread list
    inquest::on_exception on_exception = inquest::on_exception::record; ///< whether what it throws is caught
    inquest::on_destroy on_destroy = inquest::on_destroy::drain; ///< whether a closed stream is drained
};

}} // namespace inquest::INQUEST_ABI
