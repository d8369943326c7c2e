// expect: a member function needs its object: spawn a lambda that calls it
#include <inquest/inquest.hpp>

struct service {
    void run(inquest::receiver<int>& rx);
};

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx), &service::run);
}
