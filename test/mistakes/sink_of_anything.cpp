// expect: this function takes an item and the stream alike: give its parameter a type
#include <inquest/pipeline.hpp>

void run(int& n) {
    (void)inquest::make_pipeline("read", [] { return std::optional(1); }).sink("count", [&](const auto&) {
        ++n;
    });
}
