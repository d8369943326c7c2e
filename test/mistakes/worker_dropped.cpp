// warns: keep the worker: it is joined when it is destroyed
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    inquest::spawn("reader", std::move(rx), [](auto&) {});
}
