// before.cpp on inquest: the ring and its semaphores are a channel. An input thread that fails, or is cancelled, leaves a stream that is
// truncated; the output thread is told, and so is whoever called the program.
// Beside before.cpp: 64 lines removed, 53 added.
//
// usage: buffer [-q] [-s BLOCKSIZE] [-b BLOCKS] [-W MILLISECONDS] [-i INPUT] [-o OUTPUT]
#include <inquest/inquest.hpp>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <expected>
#include <fcntl.h>
#include <pthread.h>
#include <string>
#include <unistd.h>
#include <vector>

static int In = 0, Out = 1, Quiet = 0, ErrorOccurred = 0;
static size_t Blocksize = 10240;
static int Numblocks = 64;
static long Timeout = 0; // of the watchdog
using Block = std::vector<char>;
using Failure = inquest::failure<std::string>;
using Result = std::expected<void, Failure>;
static std::atomic<unsigned long long> Numin = 0, Numout = 0; // bytes read and written
static inquest::worker<void, std::string> Reader;
static pthread_t Watchdog;

static void errormsg(const char* message, ...) {
    va_list values;
    va_start(values, message);
    fputs("buffer: ", stderr);
    vfprintf(stderr, message, values);
    va_end(values);
    ErrorOccurred = 1;
}

static std::string error(const char* what, unsigned long long offset) {
    return what + std::to_string(offset) + ": " + strerror(errno);
}

// Passes on what was read of it, also if the thread is cancelled.
struct PartialBlock {
    inquest::sender<Block>& output;
    Block block;
    size_t num = 0;
    bool pass() {
        block.resize(std::exchange(num, 0));
        return block.empty() || output.push(std::move(block));
    }
    ~PartialBlock() { (void)pass(); }
};

static Result inputThread(inquest::sender<Block>& output) {
    for (;;) {
        PartialBlock partial{output, Block(Blocksize)};
        size_t& num = partial.num;
        std::string failed;
        while (num < Blocksize) {
            const ssize_t in = read(In, partial.block.data() + num, Blocksize - num);
            if (in == -1 && errno == EINTR) continue;
            if (in == -1) failed = error("error reading at offset ", Numin);
            if (in <= 0) break;
            num += (size_t)in;
            Numin += (size_t)in;
        }
        const bool last = num < Blocksize;
        if (!partial.pass()) return {};
        if (!failed.empty()) return std::unexpected(failed);
        if (last) return {};
    }
}

static Result outputThread(inquest::receiver<Block>& input) {
    for (const Block& block : input)
        for (size_t done = 0; done < block.size();) {
            const ssize_t out = write(Out, block.data() + done, block.size() - done);
            if (out == -1 && errno == EINTR) continue;
            if (out == -1) return std::unexpected(error("error writing at offset ", Numout));
            done += (size_t)out;
            Numout += (size_t)out;
        }
    if (const auto end = input.outcome(); !end) return std::unexpected(Failure(end.error()));
    return {};
}

// Ends an input from which nothing has come for that long.
static void* watchdogThread(void*) {
    unsigned long long seen = 0;
    const struct timespec limit = {Timeout / 1000, Timeout % 1000 * 1000000};
    for (;;) {
        nanosleep(&limit, nullptr);
        const auto now = Reader.peek();
        const bool reads = !now && now.error().activity() == inquest::activity::running;
        if (Numin == seen && reads) pthread_cancel(Reader.native_handle());
        seen = Numin;
    }
}

static void summary(double seconds) {
    const double kib = (double)Numout / 1024;
    if (!Quiet) fprintf(stderr, "summary: %.0f kiByte in %.1fsec\n", kib, seconds);
}

int main(int argc, char** argv) {
    int option;
    while ((option = getopt(argc, argv, "qs:b:W:i:o:")) != -1) {
        switch (option) {
        case 'q':
            Quiet = 1;
            break;
        case 's':
            Blocksize = strtoul(optarg, nullptr, 0);
            break;
        case 'b':
            Numblocks = atoi(optarg);
            break;
        case 'W':
            Timeout = atol(optarg);
            break;
        case 'i':
            In = open(optarg, O_RDONLY);
            break;
        case 'o':
            Out = open(optarg, O_WRONLY | O_CREAT | O_TRUNC, 0666);
            break;
        default:
            return 2;
        }
        if (In == -1 || Out == -1) {
            errormsg("unable to open %s: %s\n", optarg, strerror(errno));
            return 1;
        }
    }
    if (Blocksize == 0 || Numblocks <= 0) {
        errormsg("there is no buffer\n");
        return 2;
    }
    auto [filled, toWrite] = inquest::make_channel<Block>((size_t)Numblocks);
    const time_t start = time(nullptr);
    auto writer = inquest::spawn("output", std::move(toWrite), outputThread);
    Reader = inquest::spawn("input", std::move(filled), inputThread);
    if (Timeout > 0) pthread_create(&Watchdog, nullptr, watchdogThread, nullptr);
    if (const auto& written = writer.join(); !written) errormsg("%s\n", written.error().message().c_str());
    if (Timeout > 0) {
        pthread_cancel(Watchdog);
        pthread_join(Watchdog, nullptr);
    }
    if (close(Out) == -1) errormsg("error closing the output: %s\n", strerror(errno));
    summary(difftime(time(nullptr), start));
    return ErrorOccurred;
}
