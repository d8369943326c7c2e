// expect: a stage's function returns what it makes of an item: use sink for one that returns nothing
#include <inquest/pipeline.hpp>

#include <optional>

void print() {
    (void)inquest::make_pipeline("count", [] { return std::optional(1); })
        .stage("print", [](int) {})
        .sink("forget", [](int) {})
        .run();
}
