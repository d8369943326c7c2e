// expect: a worker that returns this always looks successful: return std::expected<T, E>, or spawn returns_errno(fn), returns_status(fn), returns_bool(fn), returns_ok(fn) or returns_value(fn)
#include <inquest/inquest.hpp>

void start(inquest::receiver<int> rx) {
    auto worker = inquest::spawn("reader", std::move(rx), [](auto& rx) { return rx.pop().has_value(); });
}
