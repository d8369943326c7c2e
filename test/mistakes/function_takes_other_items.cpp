// expect: the function of a worker that reads a channel<T> is called with (receiver<T>&) or (std::stop_token, receiver<T>&)
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx), [](inquest::receiver<std::string>&) {});
}
