// expect: returns_ok takes a function that returns a status: a class with ok()
#include <inquest/inquest.hpp>

auto start() {
    return inquest::spawn("w", inquest::returns_ok([] { return true; }));
}
