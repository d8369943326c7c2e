// Running a program as a user would: its arguments, its standard input, and what it printed.
#pragma once

#include <string>
#include <vector>

namespace support {

struct outcome {
    int status = -1; ///< the exit status, or 128 + the signal that ended it
    std::string out, err;
};

/// Runs the program at `arguments[0]` to its end, feeding it `input`.
outcome run(const std::vector<std::string>& arguments, const std::string& input = {});

/// The value of an environment variable that the build sets; fails the test where it is missing.
std::string from_build(const char* variable);

} // namespace support
