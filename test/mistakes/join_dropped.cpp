// warns: it may be the worker's failure: look at it, or use wait()
#include <inquest/inquest.hpp>

int main() {
    auto w = inquest::spawn("w", []() -> std::expected<void, int> { return std::unexpected(1); });
    w.join();
}
