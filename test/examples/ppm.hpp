// Binary PPM images (P6) one after another, as `ffmpeg -f image2pipe -c:v ppm` writes them.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

/// An image that is cut off, or none.
struct bad_frame : std::runtime_error {
    bad_frame(std::string_view what, std::size_t number, std::uint64_t begin)
        : std::runtime_error("frame " + std::to_string(number) + ": " + std::string(what)), frame(number),
          offset(begin) {}
    std::size_t frame;    ///< which one, counted from 1
    std::uint64_t offset; ///< where it begins: all bytes before it are good
};

struct frame_size {
    std::uint32_t width = 0, height = 0;
    std::uint64_t pixels() const { return std::uint64_t{width} * height; }
};

struct frame_totals {
    std::size_t frames = 0;
    frame_size smallest, largest;
    std::uint64_t samples = 0;
    double light = 0; ///< the sum of all samples, each from 0 to 1
};

/// Parses images out of pieces of any length. Keeps no pixels, so a header can't make it allocate anything.
class ppm_parser {
  public:
    /// The next piece. Throws bad_frame.
    void feed(std::string_view bytes) {
        while (!bytes.empty()) {
            const bool pixels = left_ > 0;
            const auto now = bytes.substr(0, pixels ? std::min<std::uint64_t>(left_, bytes.size()) : 1);
            if (pixels)
                take_samples(now);
            else
                take_header(now.front());
            offset_ += now.size();
            bytes.remove_prefix(now.size());
        }
    }
    /// There is no next piece. Throws bad_frame where an image has begun and not ended.
    void end() const {
        if (left_ > 0) fail("cut off, bytes missing: " + std::to_string(left_));
        if (fields_ > 0 || !field_.empty()) fail("cut off in the header");
    }
    const frame_totals& totals() const { return totals_; }

  private:
    static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

    [[noreturn]] void fail(std::string_view what) const { throw bad_frame(what, totals_.frames + 1, begin_); }

    // The fields "P6", width, height and maxval. Exactly one byte of whitespace stands behind the last.
    void take_header(char c) {
        if (fields_ == 0 && field_.empty() && !is_space(c)) begin_ = offset_;
        if (comment_ && c != '\n' && c != '\r') return;
        comment_ = c == '#' && (fields_ > 0 || !field_.empty()); // its line's end counts as whitespace
        if (comment_) return;
        if (!is_space(c)) {
            field_ += c;
            if (fields_ == 0 && !std::string_view("P6").starts_with(field_)) fail("no image begins here");
            if (field_.size() > 20) fail("a field of the header is too long");
            return;
        }
        if (field_.empty()) return;
        switch (fields_++) {
        case 0:
            if (field_ != "P6") fail("no image begins here");
            break;
        case 1:
            size_.width = number("width", ~std::uint32_t{0});
            break;
        case 2:
            size_.height = number("height", ~std::uint32_t{0});
            break;
        default:
            maxval_ = number("maxval", 65535);
            begin_samples();
        }
        field_.clear();
    }

    std::uint32_t number(std::string_view name, std::uint32_t most) const {
        std::uint32_t value = 0;
        const char* const end = field_.data() + field_.size();
        const auto [stop, error] = std::from_chars(field_.data(), end, value);
        if (stop != end) fail(std::string(name) + " is not a number");
        if (error != std::errc() || value > most) fail(std::string(name) + " is too large");
        if (value == 0) fail(std::string(name) + " is 0");
        return value;
    }

    void begin_samples() {
        const unsigned bytes_per_pixel = maxval_ > 255 ? 6 : 3;
        if (__builtin_mul_overflow(size_.pixels(), bytes_per_pixel, &left_))
            fail("width * height is too large");
        sum_ = 0;
        high_ = 0;
        is_high_ = maxval_ > 255;
    }

    void take_samples(std::string_view bytes) {
        for (const char c : bytes) {
            const std::uint32_t byte = static_cast<unsigned char>(c);
            if (is_high_) { // of two bytes: the other may come with the next piece
                high_ = byte << 8;
                is_high_ = false;
                continue;
            }
            const std::uint32_t sample = high_ | byte;
            if (sample > maxval_) fail("a sample is larger than maxval");
            sum_ += sample;
            is_high_ = maxval_ > 255;
        }
        left_ -= bytes.size();
        if (left_ == 0) end_frame();
    }

    void end_frame() {
        if (totals_.frames == 0 || size_.pixels() < totals_.smallest.pixels()) totals_.smallest = size_;
        if (totals_.frames == 0 || size_.pixels() > totals_.largest.pixels()) totals_.largest = size_;
        ++totals_.frames;
        totals_.samples += 3 * size_.pixels();
        totals_.light += static_cast<double>(sum_) / maxval_;
        fields_ = 0;
    }

    frame_totals totals_;
    std::uint64_t offset_ = 0; // of the byte that comes next
    std::uint64_t begin_ = 0;  // of this frame's first byte
    std::string field_;
    int fields_ = 0; // of this header, complete
    bool comment_ = false;
    frame_size size_;
    std::uint32_t maxval_ = 0;
    std::uint64_t left_ = 0; // bytes of samples; 0 in a header
    std::uint64_t sum_ = 0;
    std::uint32_t high_ = 0;
    bool is_high_ = false;
};
