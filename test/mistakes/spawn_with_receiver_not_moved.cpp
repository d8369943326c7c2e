// expect: compiles
#include <inquest/inquest.hpp>

void start(inquest::receiver<int>& rx) {
    auto worker = inquest::spawn("reader", rx, [](auto&) {});
}
