// expect: compiles
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker =
        inquest::spawn("reader", std::move(rx), [](const inquest::receiver<int>& rx) { (void)rx.size(); });
}
