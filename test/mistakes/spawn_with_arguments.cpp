// expect: spawn takes the worker's name, then its ends (receiver<T>, sender<T> or channel<T>&), then
#include <inquest/inquest.hpp>

void drain(inquest::receiver<int>& rx, int file);

void start(inquest::receiver<int> rx) { auto worker = inquest::spawn("reader", std::move(rx), drain, 3); }
