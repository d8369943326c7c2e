// expect: a deadline is a time point of std::chrono::steady_clock: write steady_clock::now() + ..., or use the _for form
#include <inquest/inquest.hpp>

bool ended(inquest::worker<void, int>& worker) {
    return bool(worker.join_until(std::chrono::system_clock::now()));
}
