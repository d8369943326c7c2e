// expect: spawn takes the worker's name, then its ends (receiver<T>, sender<T> or channel<T>&), then | it is used by reference: pass it by channel<T>&, without std::move
#include <inquest/inquest.hpp>

void start() {
    inquest::channel<int> queue(4);
    auto worker = inquest::spawn("reader", std::move(queue), [](inquest::receiver<int>&) {});
}
