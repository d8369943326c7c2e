// What `store_sqlite` and `store_postgres` read, and what their tables say.
#pragma once

#include <charconv>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

struct row {
    std::uint64_t number = 0; // of its line in the input, from 1
    std::int64_t key = 0;
    std::string text;
};

/// The row in a line "key<TAB>text"; if it is none, why.
inline std::expected<row, std::string> row_of(std::string_view line, std::uint64_t number) {
    const auto tab = line.find('\t');
    if (tab == std::string_view::npos) return std::unexpected("no tab");
    row made{.number = number, .text = std::string(line.substr(tab + 1))};
    const auto key = line.substr(0, tab);
    const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), made.key);
    if (error != std::errc() || stop != key.data() + key.size())
        return std::unexpected("the key is no number of 64 bits");
    return made;
}

/// What a table says of itself with each batch that it commits. Zero if there is none yet.
struct milestone {
    std::uint64_t batch = 0; // its number
    std::uint64_t rows = 0;  // of the input, committed with it and before
    std::int64_t last_key = 0;
};

struct store_error {
    std::string text;      // the database's own words, in one line
    bool is_lost = false;  // the session is over, so that only a new one can go on
    bool in_doubt = false; // of a commit: the batch may be written
    const std::string& message() const { return text; }
};

using store_result = std::expected<void, store_error>;
