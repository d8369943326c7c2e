// expect: spawn takes the worker's name, then its ends (receiver<T>, sender<T> or channel<T>&), then
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn(std::move(rx), [](inquest::receiver<int>&) {});
}
