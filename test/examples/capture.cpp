// Three stages, each on a thread of its own: capture reads grey images from a camera's pipe, detect finds the brightest spot
// of each, display prints where it is. When one of them fails the other two end at once, whatever they are waiting for, and the
// program says which it was. Capture waits for the camera in poll(), where no channel can reach it: a function of
// on_close wakes it there.
#include "pgm.hpp"
#include "posix_file.hpp"
#include "wake_up.hpp"

#include <inquest/inquest.hpp>

#include <charconv>
#include <chrono>
#include <iostream>
#include <poll.h>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>

namespace {

struct frame {
    std::size_t number;
    pgm_image image;
};

struct spot {
    std::size_t frame;
    unsigned x, y, brightness;
};

using io_result = std::expected<void, std::error_code>;

io_result capture(posix_file& camera, inquest::sender<frame>& frames) {
    const wake_up closed;
    const auto registered = frames.on_close([&](const inquest::pop_error&) { closed.wake(); });
    pgm_parser parser;
    std::size_t number = 0;
    std::string chunk;
    for (;;) {
        pollfd both[2] = {{camera.fd(), POLLIN, 0}, {closed.fd(), POLLIN, 0}};
        if (poll(both, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return std::unexpected(std::error_code(errno, std::generic_category()));
        }
        if (both[1].revents != 0) return {}; // the next push would have said so
        chunk.resize(65536);
        const auto size = camera.read(chunk);
        if (!size) return std::unexpected(size.error());
        if (*size == 0) {
            parser.end();
            return {};
        }
        parser.feed(std::string_view(chunk).substr(0, *size));
        while (auto image = parser.next())
            if (!frames.push({++number, *std::move(image)})) return {};
    }
}

void detect(inquest::receiver<frame>& frames, inquest::sender<spot>& spots) {
    // While it waits for a frame it would not see that nobody shows spots any more.
    const auto registered = spots.on_close([&](const inquest::pop_error& ending) {
        if (ending.cause()) frames.abort(ending.cause());
    });
    std::optional<pgm_image> first;
    for (const auto& [number, image] : frames) {
        if (!first) first = image;
        if (image.width != first->width || image.height != first->height)
            throw std::runtime_error("frame " + std::to_string(number) + ": the camera has changed its size");
        const auto brightest = image.brightest();
        if (!spots.push({number, brightest.x, brightest.y, brightest.value})) return;
    }
}

std::size_t display(inquest::receiver<spot>& spots, std::chrono::milliseconds pause) {
    std::size_t shown = 0;
    for (const auto& spot : spots) {
        std::cout << spot.frame << ' ' << spot.x << ' ' << spot.y << ' ' << spot.brightness << '\n';
        if (!std::cout.flush()) throw std::runtime_error("can't write to standard output");
        ++shown;
        std::this_thread::sleep_for(pause);
    }
    return shown;
}

int run(posix_file camera, std::size_t room_for_frames, std::size_t room_for_spots,
        std::chrono::milliseconds pause) {
    auto [frames_in, frames] = inquest::make_channel<frame>({.capacity = room_for_frames, .name = "frames"});
    auto [spots_in, spots] = inquest::make_channel<spot>({.capacity = room_for_spots, .name = "spots"});
    auto shows = inquest::spawn("display", std::move(spots),
                                [pause](inquest::receiver<spot>& in) { return display(in, pause); });
    auto detects = inquest::spawn("detect", std::move(frames), std::move(spots_in), detect);
    auto captures = inquest::spawn("capture", std::move(frames_in),
                                   [&](inquest::sender<frame>& out) { return capture(camera, out); });
    // The first that failed is the reason; the others ended because of that one.
    if (const auto failed = inquest::report(captures, detects, shows)) {
        std::cerr << "capture: " << failed->message() << '\n';
        return 1;
    }
    std::cerr << shows.join().value() << " frames\n";
    return 0;
}

std::optional<std::size_t> number(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

} // namespace

int main(int argc, char** argv) {
    std::size_t given[3] = {4, 4, 0}; // room for frames, room for spots, milliseconds a spot is shown
    const bool help = argc > 1 && std::string_view(argv[1]) == "--help";
    bool usable = argc <= 4 && !help;
    for (int i = 1; usable && i < argc; ++i)
        if (const auto value = number(argv[i]); value && (*value > 0 || i == 3))
            given[i - 1] = *value;
        else
            usable = false;
    if (!usable) {
        (help ? std::cout : std::cerr)
            << "usage: capture [ROOM_FOR_FRAMES [ROOM_FOR_SPOTS [MILLISECONDS_A_SPOT_IS_SHOWN]]]\n"
               "Reads binary grey images (P5) from standard input, and prints where each is brightest: its "
               "number,\n"
               "x, y and how bright it is there. Exit status: 0 done, 1 failed, 2 bad usage.\n";
        return help ? 0 : 2;
    }
    return run(posix_file(STDIN_FILENO), given[0], given[1], std::chrono::milliseconds(given[2]));
}
