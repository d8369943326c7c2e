// Binary grey images (P5) one after another, as `ffmpeg -f image2pipe -c:v pgm` writes them.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

struct pgm_image {
    unsigned width = 0, height = 0;
    std::string pixels;

    struct point {
        unsigned x, y, value;
    };
    /// The first of several that are as bright.
    point brightest() const {
        const auto at =
            std::ranges::max_element(pixels, {}, [](char c) { return static_cast<unsigned char>(c); });
        const auto n = static_cast<std::size_t>(at - pixels.begin());
        return {static_cast<unsigned>(n % width), static_cast<unsigned>(n / width),
                static_cast<unsigned char>(*at)};
    }
};

/// Parses images out of pieces of any length. No comments, a byte for each pixel, and at most 64 MiB.
class pgm_parser {
  public:
    /// The next piece.
    void feed(std::string_view bytes) { left_ += bytes; }
    /// An image, if one is complete. Throws std::runtime_error if what comes next is none.
    std::optional<pgm_image> next() {
        const std::string_view all(left_);
        std::size_t at = 0;
        unsigned fields[3] = {};
        for (int i = -1; i < 3; ++i) {
            const auto begin = all.find_first_not_of(" \t\r\n", at);
            if (begin == all.npos) return std::nullopt;
            at = all.find_first_of(" \t\r\n", begin);
            const auto field = all.substr(begin, at == all.npos ? at : at - begin);
            if (i < 0 ? !std::string_view("P5").starts_with(field) : !is_number(field))
                fail("is no grey image");
            if (at == all.npos) return std::nullopt;
            if (i < 0 ? field != "P5" : !read(field, fields[i])) fail("is no grey image");
        }
        const auto [width, height, depth] = fields;
        if (depth > 255) fail("has more than a byte for each pixel");
        const std::size_t size = std::size_t{width} * height;
        if (size > (64U << 20)) fail("is too large");
        if (all.size() - at - 1 < size) return std::nullopt;
        pgm_image image{width, height, std::string(all.substr(at + 1, size))};
        left_.erase(0, at + 1 + size);
        ++frames_;
        return image;
    }
    /// There is no next piece. Throws std::runtime_error if an image has begun and not ended.
    void end() const {
        if (left_.find_first_not_of(" \t\r\n") != left_.npos) fail("is cut off");
    }

  private:
    static bool is_number(std::string_view field) {
        return field.size() <= 5 && field.find_first_not_of("0123456789") == field.npos;
    }
    static bool read(std::string_view field, unsigned& into) {
        std::from_chars(field.data(), field.data() + field.size(), into);
        return into > 0;
    }
    [[noreturn]] void fail(const std::string& what) const {
        throw std::runtime_error("frame " + std::to_string(frames_ + 1) + ' ' + what);
    }
    std::string left_;
    std::size_t frames_ = 0;
};
