// What a worker may be doing.
#pragma once

#include <inquest/detail/config.hpp>

namespace inquest { inline namespace INQUEST_ABI {

/// What a worker was seen doing.
enum class activity : unsigned char {
    running, ///< its own code, or a wait that is not this library's
    pushing, ///< it waits in a push, for room
    popping, ///< it waits in a pop, for an item
    ending,  ///< its outcome is recorded; what its function captured is being destroyed
};

}} // namespace inquest::INQUEST_ABI
