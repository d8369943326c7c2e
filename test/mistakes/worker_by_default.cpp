// expect: only spawn makes a worker: keep a std::optional<worker<T, E>> until it is started
#include <inquest/inquest.hpp>

struct service {
    inquest::worker<void, int> worker;
};

void start() { service mine; }
