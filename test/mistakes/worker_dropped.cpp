// warns: keep the worker: where it is destroyed, it is joined
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    inquest::spawn("reader", std::move(rx), [](auto&) {});
}
