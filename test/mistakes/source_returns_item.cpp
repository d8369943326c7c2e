// expect: a source's function returns the next item as a std::optional, or a std::expected of that: an empty one is the end
#include <inquest/pipeline.hpp>

void count() {
    (void)inquest::make_pipeline("count", [n = 0]() mutable { return ++n; }).sink("forget", [](int) {}).run();
}
