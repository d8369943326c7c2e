// What a project that uses inquest might be: ends with 0 if the cause came through.
#include <inquest/inquest.hpp>
#include <inquest/macros.hpp>

#include <cstdio>
#include <string>

static std::expected<int, inquest::failure<std::string>> produce() {
    auto [tx, rx] = inquest::make_channel<int>(2);
    auto worker = inquest::spawn("consumer", std::move(rx),
                                 [](inquest::receiver<int>& items) -> std::expected<void, std::string> {
                                     for (const int item : items)
                                         if (item == 3) return std::unexpected("three is too many");
                                     return {};
                                 });
    for (int i = 1;; ++i) INQUEST_PUSH(tx, worker, i);
}

int main() {
    const auto result = produce();
    std::puts(result.error().message().c_str());
    return result.error().message() == "worker 'consumer' failed on item 3: three is too many" ? 0 : 1;
}
