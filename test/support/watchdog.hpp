// Ends a test that hangs, and says where. No test waits by sleeping; a state that never comes is caught here.
#pragma once

#include <string>

namespace support {

/// The test case that runs now; an empty name stops the watch.
void watch(std::string test_case);
/// What the calling thread waits for, shown when the watch runs out.
void doing(const char* what);

} // namespace support
