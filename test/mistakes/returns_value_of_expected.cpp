// expect: this function says by std::expected what is an error: spawn it as it is
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx),
                                 inquest::returns_value([](auto&) { return std::expected<void, int>(); }));
}
