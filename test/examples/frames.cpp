// Reads video frames as ffmpeg writes them to a pipe, and decodes them on a worker of its own. The worker fails
// by throwing; main catches that very exception, whether a push found the worker dead or the last join did.
#include "posix_file.hpp"
#include "ppm.hpp"

#include <inquest/inquest.hpp>

#include <iomanip>
#include <iostream>
#include <string>

namespace {

constexpr std::size_t chunk_size = 65536;

// It reports by exception only, and so has no error type.
using decoder = inquest::worker<frame_totals, inquest::no_error>;

frame_totals decode(inquest::receiver<std::string>& chunks) {
    ppm_parser parser;
    auto chunk = chunks.pop();
    for (; chunk; chunk = chunks.pop()) parser.feed(*chunk);
    // Only a complete stream can be judged: where it broke off, half a frame is nobody's fault. The totals are
    // then no success either; the library sees to that, as nothing here asks `chunks.ended()`.
    if (chunk.error().status() == inquest::status::complete) parser.end();
    return parser.totals();
}

std::expected<frame_totals, inquest::failure<inquest::no_error>>
read_frames(posix_file& in, const std::string& name, inquest::sender<std::string>& tx, decoder& worker) {
    for (;;) {
        std::string chunk(chunk_size, '\0');
        const auto size = in.read(chunk);
        if (!size) { // this is not the end of the input, and must not look like it: no finish()
            tx.close(inquest::cause("can't read " + name + ": " + size.error().message()));
            break;
        }
        if (*size == 0) {
            tx.finish();
            break;
        }
        chunk.resize(*size);
        if (auto sent = tx.push(std::move(chunk)); !sent)
            return std::unexpected(
                inquest::resolve(tx, worker, sent.error())); // throws what the worker threw
    }
    // What the worker finds in the last chunks, or missing behind them, comes after the last push.
    return worker.join();
}

void print(const frame_totals& all) {
    std::cout << all.frames << " frames";
    if (all.frames > 0)
        std::cout << ", " << all.smallest.width << 'x' << all.smallest.height << " to " << all.largest.width
                  << 'x' << all.largest.height << ", mean brightness " << std::fixed << std::setprecision(2)
                  << 100 * all.light / static_cast<double>(all.samples) << '%';
    std::cout << '\n';
}

int frames(posix_file in, const std::string& name) {
    auto [tx, rx] = inquest::make_channel<std::string>(16);
    auto worker = inquest::spawn("decode", std::move(rx), decode);
    try {
        const auto result = read_frames(in, name, tx, worker);
        if (!result) {
            std::cerr << "frames: " << result.error().message() << '\n';
            return 1;
        }
        print(*result);
        return 0;
    } catch (const bad_frame& e) {
        // The exception has what it was made with; who threw it, and on which item, the worker's report has.
        std::cerr << "frames: " << worker.report()->message() << '\n';
        std::cerr << "frames: good before it: " << e.frame - 1 << " frames, " << e.offset << " bytes\n";
        return 1;
    }
}

void print_usage(std::ostream& out) { out << "usage: frames [FILE]\n"; }

} // namespace

int main(int argc, char** argv) {
    const std::string argument = argc > 1 ? argv[1] : "";
    if (argument == "--help" || argument == "-h") {
        print_usage(std::cout);
        std::cout
            << "Reads binary PPM images (P6), one after another, and prints what they are.\n"
               "Reads standard input where no FILE is given. Exit status: 0 done, 1 failed, 2 bad usage.\n";
        return 0;
    }
    if (argc > 2) {
        std::cerr << "frames: too many arguments: " << argv[2] << '\n';
        print_usage(std::cerr);
        return 2;
    }
    if (argc < 2) return frames(posix_file(STDIN_FILENO), "standard input");
    auto file = posix_file::open(argv[1], O_RDONLY);
    if (!file) {
        std::cerr << "frames: can't open '" << argument << "': " << file.error().message() << '\n';
        return 2;
    }
    return frames(std::move(*file), '\'' + argument + '\'');
}
