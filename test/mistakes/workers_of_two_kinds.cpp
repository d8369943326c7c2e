// expect: workers in one variable or container return one type: give their functions the same std::expected<T, E>
#include <inquest/inquest.hpp>

void start(std::vector<inquest::worker<void, int>>& workers) {
    workers.push_back(inquest::spawn("other", []() -> std::expected<long, int> { return 1; }));
}
