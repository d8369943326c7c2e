// expect: a worker's error is kept in more than one place, so it must be copyable
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx),
                                 [](auto&) -> std::expected<void, std::unique_ptr<int>> { return {}; });
}
