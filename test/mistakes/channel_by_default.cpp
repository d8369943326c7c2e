// expect: a channel<T> is made with its capacity: for later, keep a std::optional of it
#include <inquest/inquest.hpp>

void start() { inquest::channel<int> queue; }
