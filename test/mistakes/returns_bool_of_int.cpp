// expect: returns_bool takes a function that returns bool: false is an error
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx), inquest::returns_bool([](auto&) { return 0; }));
}
