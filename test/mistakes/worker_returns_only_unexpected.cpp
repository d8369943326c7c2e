// expect: a function that returns only std::unexpected does not say what success is: give it a return type
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx), [](auto&) { return std::unexpected("no"); });
}
