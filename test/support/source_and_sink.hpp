// The ends of a pipeline whose items are numbers.
#pragma once

#include <optional>
#include <vector>

namespace support {

/// A source of the numbers from 1 to `last`.
inline auto counter(int last) {
    return [n = 0, last]() mutable { return n < last ? std::optional(++n) : std::nullopt; };
}
/// A sink that returns all it was given.
inline constexpr auto collect = [](auto& in) {
    std::vector<int> all;
    for (int item : in) all.push_back(item);
    return all;
};
} // namespace support
