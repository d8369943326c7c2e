// expect: spawn takes the worker's name, then the receiver<T> or channel<T>& if it reads one, then its function
#include <inquest/inquest.hpp>

void drain(inquest::receiver<int>& rx, int file);

void start(inquest::receiver<int> rx) { auto worker = inquest::spawn("reader", std::move(rx), drain, 3); }
