// expect: returns_errno takes a function that returns a signed integer, of which a negative one is an error
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx), inquest::returns_errno([](auto&) { return true; }));
}
