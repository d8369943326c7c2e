#include "shared.hpp"

namespace {

int written = 0; // a name that many files have

} // namespace

static worker<int, old_error> start_writer(inquest::channel<record>& queue) {
    return spawn("writer", queue, [](receiver<record>& records) -> expected<int, old_error> {
        while (auto next = records.pop()) {
            if (next->number == 3) return unexpected(old_bad_record);
            ++written;
        }
        return written;
    });
}

store::store() : writer(start_writer(queue)) {}

worker<long, no_error> start_throwing(receiver<record> from) {
    return spawn("thrower", std::move(from), [](receiver<record>& records) {
        for (auto& next : records)
            if (next.number == 2) throw bad_record(next.number);
        return 0L;
    });
}
