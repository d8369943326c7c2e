// expect: a worker that returns this always looks successful: return std::expected<T, E>, or spawn returns_errno(fn), returns_status(fn), returns_bool(fn), returns_ok(fn) or returns_value(fn)
#include <inquest/inquest.hpp>

struct status {
    bool ok() const { return false; }
};

auto start() {
    return inquest::spawn("w", [] { return status(); });
}
