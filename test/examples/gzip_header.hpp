// How a member of a gzip file (RFC 1952) begins that `squeeze` has made: an extra field states the member's length, so that a reader
// finds the next one without inflating it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace gzip {

/// What a member made here holds; the last one, less.
constexpr std::size_t block_size = 131072;
/// No member made here is longer: of what it can't compress deflate makes a little more.
constexpr std::size_t longest_member = block_size + block_size / 8;

constexpr std::size_t header_size = 20, trailer_size = 8;
using header_bytes = std::array<char, header_size>;

/// The deflated data that follow.
enum class effort : char { usual = 0, most = 2, least = 4 };

namespace detail {

// Deflated, with an extra field and nothing else, and no time.
constexpr std::array<char, 8> begin{'\x1f', '\x8b', 8, 4, 0, 0, 0, 0};
constexpr std::size_t effort_at = 8, system_at = 9, extra_at = 10, length_at = 16;
// The length of all extra fields, the letters of ours, and the length of what it says: the member's.
constexpr std::array<char, 6> extra{8, 0, 'I', 'Q', 4, 0};

constexpr bool has_at(std::string_view bytes, std::size_t at, const auto& what) {
    return bytes.substr(at).starts_with(std::string_view(what.data(), what.size()));
}

} // namespace detail

/// Of a member that is so long in all.
constexpr header_bytes make_header(std::size_t length, effort made_with) {
    header_bytes made{};
    std::ranges::copy(detail::begin, made.begin());
    made[detail::effort_at] = static_cast<char>(made_with);
    made[detail::system_at] = 3; // Unix
    std::ranges::copy(detail::extra, made.begin() + detail::extra_at);
    for (std::size_t i = 0; i < 4; ++i)
        made[detail::length_at + i] = static_cast<char>(length >> (8 * i) & 0xff);
    return made;
}

/// The length of the member that these are the first bytes of, if it says so and that can be.
constexpr std::optional<std::size_t> stated_length(std::string_view first) {
    if (first.size() < header_size || !detail::has_at(first, 0, detail::begin) ||
        !detail::has_at(first, detail::extra_at, detail::extra))
        return std::nullopt;
    std::size_t length = 0;
    for (std::size_t i = 4; i-- > 0;)
        length = length << 8 | static_cast<unsigned char>(first[detail::length_at + i]);
    if (length < header_size + trailer_size || length > longest_member) return std::nullopt;
    return length;
}

} // namespace gzip
