// expect: inconsistent types | 'auto' in return type deduced as
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx), [](auto& rx) {
        if (!rx.pop()) return std::unexpected(1);
        return 2L;
    });
}
