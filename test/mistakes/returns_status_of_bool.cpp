// expect: returns_status takes a function that returns an int: 0 is success, all else an error
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker =
        inquest::spawn("reader", std::move(rx), inquest::returns_status([](auto&) { return true; }));
}
