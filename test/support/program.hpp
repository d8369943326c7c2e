// Running a program as a user would: its arguments, its standard input, and what it printed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

namespace support {

struct outcome {
    int status = -1; ///< the exit status, or 128 + the signal that ended it
    std::string out, err;
};

/// What a program is run with, beside its arguments.
struct surroundings {
    std::string input{};                  ///< fed to its standard input
    int input_from = -1;                  ///< a descriptor that is its standard input, instead
    std::optional<rlim_t> largest_file{}; ///< no file can grow beyond: RLIMIT_FSIZE
    std::function<void(pid_t)>
        meanwhile{}; ///< called while it runs, with its process, which is not waited for before that returns
};

/// Runs the program at `arguments[0]` to its end.
outcome run(const std::vector<std::string>& arguments, const surroundings& with);
/// The same, feeding it `input`.
outcome run(const std::vector<std::string>& arguments, const std::string& input = {});

/// The value of an environment variable that the build sets; fails the test if it is missing.
std::string from_build(const char* variable);

} // namespace support
