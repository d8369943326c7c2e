// How a worker is started.
#pragma once

#include <inquest/detail/config.hpp>

#include <string>

namespace inquest::inline INQUEST_ABI {

/// The error type of a worker that reports by exception only: there is no value of it.
struct no_error {
    no_error() = delete;
};

/// What becomes of an exception that leaves a worker's function.
enum class on_exception : unsigned char {
    record,    ///< it is the worker's outcome, for `join` and `resolve` to rethrow
    terminate, ///< it is caught nowhere: std::terminate at the throw, and a core dump that shows its place
};

/// How a worker is started.
struct worker_options {
    std::string name; ///< in messages, numbered where workers share it, and in the system's thread list
    inquest::on_exception on_exception = inquest::on_exception::record; ///< whether what it throws is caught
};

} // namespace inquest::inline INQUEST_ABI
