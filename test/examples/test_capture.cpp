#include "../support/program.hpp"
#include "open_input.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace {

const std::string capture = support::from_build("CAPTURE");

/// An image with one bright pixel.
std::string image(unsigned width, unsigned height, unsigned x, unsigned y) {
    std::string pixels(std::size_t{width} * height, '\x10');
    pixels[std::size_t{y} * width + x] = '\xc8';
    return "P5\n" + std::to_string(width) + ' ' + std::to_string(height) + "\n255\n" + pixels;
}

/// `n` of them, in which the pixel moves.
std::string images(unsigned n) {
    std::string all;
    for (unsigned i = 0; i < n; ++i) all += image(16, 8, i % 16, i % 8);
    return all;
}

/// A camera that goes on: its pipe is never closed while the program runs.
using camera = open_input;

} // namespace

TEST_CASE("capture shows where each frame is brightest") {
    const auto run = support::run({capture}, images(100));
    CHECK(run.err == "100 frames\n");
    CHECK(run.status == 0);
    std::string expected;
    for (unsigned i = 0; i < 100; ++i)
        expected +=
            std::to_string(i + 1) + ' ' + std::to_string(i % 16) + ' ' + std::to_string(i % 8) + " 200\n";
    CHECK(run.out == expected);
    CHECK(support::run({capture}, "").err == "0 frames\n");
}

TEST_CASE("a detect that throws on frame 50 ends capture and display at once, full or empty, and is named") {
    const std::string text = images(49) + image(8, 16, 0, 0);
    for (const char* room_for_frames : {"1", "100"})
        for (const char* room_for_spots : {"1", "100"})
            for (const char* shown_for : {"0", "1"})
                for (const bool goes_on : {false, true}) {
                    CAPTURE(room_for_frames);
                    CAPTURE(room_for_spots);
                    CAPTURE(shown_for);
                    CAPTURE(goes_on);
                    // Behind it the camera is silent for ever, or has more than fits anywhere.
                    const camera source(text + (goes_on ? images(5000) : ""));
                    const auto run = support::run({capture, room_for_frames, room_for_spots, shown_for},
                                                  {.input_from = source.fd()});
                    CHECK(run.status == 1);
                    CHECK(run.err ==
                          "capture: worker 'detect' failed on item 50: std::runtime_error: frame 50: the "
                          "camera has changed its size\n");
                    CHECK(run.out.ends_with("\n49 0 0 200\n")); // what was pushed before is shown
                }
}

TEST_CASE("a capture that fails is named, and what it had captured is shown") {
    const auto bad = support::run({capture}, images(10) + "P6 1 1 255\nabc");
    CHECK(bad.status == 1);
    CHECK(bad.err == "capture: worker 'capture' failed: std::runtime_error: frame 11 is no grey image\n");
    CHECK(bad.out.ends_with("\n10 9 1 200\n"));
    const auto cut = support::run({capture}, images(3) + image(4, 4, 1, 1).substr(0, 20));
    CHECK(cut.err == "capture: worker 'capture' failed: std::runtime_error: frame 4 is cut off\n");
    const int directory = ::open("/", O_RDONLY | O_CLOEXEC); // it can be polled, and not be read
    const auto unreadable = support::run({capture}, {.input_from = directory});
    ::close(directory);
    CHECK(unreadable.err == "capture: worker 'capture' failed: Is a directory\n");
}

TEST_CASE("a display that can't write ends capture, which waits for a silent camera, and is named") {
    const camera source(images(3));
    const auto run =
        support::run({"/bin/sh", "-c", "exec '" + capture + "' >/dev/full"}, {.input_from = source.fd()});
    CHECK(run.status == 1);
    CHECK(run.err ==
          "capture: worker 'display' failed on item 1: std::runtime_error: can't write to standard output\n");
}

TEST_CASE("capture: bad usage ends with 2 and says what is right; --help with 0") {
    for (const char* bad : {"0", "x", "-1", "4x"}) CHECK(support::run({capture, bad}).status == 2);
    CHECK(support::run({capture, "1", "1", "1", "1"}).err.starts_with("usage: capture "));
    CHECK(support::run({capture, "--help"}).status == 0);
}
