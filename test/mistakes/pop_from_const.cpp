// expect: a const end neither pushes nor pops: pass it as sender<T>& or receiver<T>&, and make the lambda that captured it mutable
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker =
        inquest::spawn("reader", std::move(rx), [](const inquest::receiver<int>& rx) { (void)rx.pop(); });
}
