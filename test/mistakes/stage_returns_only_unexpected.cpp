// expect: a stage's function that returns only std::unexpected makes nothing: let it return a std::expected
#include <inquest/pipeline.hpp>

#include <expected>
#include <optional>

void refuse() {
    (void)inquest::make_pipeline("count", [] { return std::optional(1); })
        .stage("refuse", [](int n) { return std::unexpected(n); })
        .sink("forget", [](int) {})
        .run();
}
