// expect: a worker's function is called with its ends, as receiver<T>& and sender<T>&
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx), [](inquest::receiver<std::string>&) {});
}
