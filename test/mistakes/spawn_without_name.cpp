// expect: spawn takes the worker's name, then the receiver<T> or channel<T>& if it reads one, then its function
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn(std::move(rx), [](inquest::receiver<int>&) {});
}
