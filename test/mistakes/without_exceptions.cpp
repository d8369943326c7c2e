// expect: inquest needs exceptions: compile without -fno-exceptions
// flags: -fno-exceptions
#include <inquest/inquest.hpp>
