// expect: inquest needs std::expected and std::jthread: compile with -std=c++23 (GCC 12, Clang 19 or later)
// flags: -std=c++17
#include <inquest/inquest.hpp>
