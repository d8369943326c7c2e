// expect: a sink's function of an item returns nothing, or a std::expected<void, E>: anything else would be dropped
#include <inquest/pipeline.hpp>

#include <system_error>

void run() {
    (void)inquest::make_pipeline("read", [] { return std::optional(1); }).sink("store", [](int) {
        return std::error_code();
    });
}
