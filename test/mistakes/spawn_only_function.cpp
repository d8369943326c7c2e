// expect: spawn takes the worker's name, then the receiver<T> or channel<T>& if it reads one, then its function
#include <inquest/inquest.hpp>

void start() {
    auto worker = inquest::spawn([] {});
}
