// What the tests of `squeeze` share: data to compress, and gzip to compare with.
#pragma once

#include "../support/program.hpp"
#include "../support/scratch.hpp"
#include "gzip_header.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <zlib.h>

/// Text that can be compressed, but in which no two blocks are alike.
inline std::string some_text(std::size_t size) {
    std::string text;
    text.reserve(size + 40);
    std::mt19937 random(7);
    while (text.size() < size) {
        text += "item " + std::to_string(random() % 10000) + (random() % 3 == 0 ? " failed\n" : " passed: ");
        text += static_cast<char>('a' + random() % 26);
    }
    text.resize(size);
    return text;
}

/// What can't be compressed.
inline std::string some_noise(std::size_t size) {
    std::mt19937_64 random(11);
    std::string noise;
    noise.reserve(size + 8);
    while (noise.size() < size) {
        const std::uint64_t eight = random();
        noise.append(reinterpret_cast<const char*>(&eight), sizeof eight);
    }
    noise.resize(size);
    return noise;
}

/// The system's gzip.
inline support::outcome gzip_says(const std::string& options, const std::string& input) {
    return support::run({"/bin/sh", "-c", "exec gzip " + options}, input);
}

/// A command of the shell, in which $0 is a program.
inline support::outcome in_shell(const std::string& program, const std::string& command,
                                 const std::string& input = {}) {
    return support::run({"/bin/sh", "-c", command, program}, input);
}

/// One member, as zlib makes it, with these fields.
struct foreign_member {
    std::string text{};
    int level = 6;
    std::string name{}, comment{}, extra{};
    bool header_checked = false;

    [[nodiscard]] std::string bytes() const {
        z_stream z{};
        deflateInit2(&z, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
        gz_header fields{};
        const auto field = [](const std::string& its) {
            return its.empty() ? nullptr : reinterpret_cast<Bytef*>(const_cast<char*>(its.c_str()));
        };
        fields.name = field(name);
        fields.comment = field(comment);
        fields.extra = field(extra);
        fields.extra_len = static_cast<uInt>(extra.size());
        fields.hcrc = header_checked ? 1 : 0;
        deflateSetHeader(&z, &fields);
        z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
        z.avail_in = static_cast<uInt>(text.size());
        std::string made(deflateBound(&z, static_cast<uLong>(text.size())), '\0');
        z.next_out = reinterpret_cast<Bytef*>(made.data());
        z.avail_out = static_cast<uInt>(made.size());
        deflate(&z, Z_FINISH);
        made.resize(z.total_out);
        deflateEnd(&z);
        return made;
    }
};

/// A member with a header of `squeeze` that says it is so long.
inline std::string member_that_says(std::size_t length, const std::string& member) {
    const auto header = gzip::make_header(length, gzip::effort::usual);
    return std::string(header.data(), header.size()) + member.substr(10); // behind gzip's plain one
}
