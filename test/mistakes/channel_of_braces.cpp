// expect: compiles
#include <inquest/inquest.hpp>

void start() {
    auto ends = inquest::make_channel<int>({4, "name"});
    inquest::channel<int> queue({.capacity = 2, .spin = 0});
}
