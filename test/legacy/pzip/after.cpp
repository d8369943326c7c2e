// before.cpp on inquest: the queues are channels, the jobs of the pool and the reader are named, and the first of them that fails
// says to all others, and to whoever reads the message, what it was. Nobody is left waiting.
// Beside before.cpp: 142 lines removed, 83 added.
//
// usage: pzip [-d] [-p THREADS] INPUT OUTPUT
#include <inquest/inquest.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zlib.h>

using Buffer = std::string;

constexpr std::size_t chunkSize = 16 * 1024;
constexpr std::size_t blockSize = 16 * chunkSize;
constexpr char magic[] = "PZIP";

using BufferSender = inquest::sender<Buffer>;
using BufferReceiver = inquest::receiver<Buffer>;
using BlockSender = inquest::sender<BufferReceiver>;
using BlockReceiver = inquest::receiver<BufferReceiver>;
using Result = std::expected<void, std::string>;

// Pieces of a block that may be read ahead. If it fails, nobody wants them any more.
const inquest::channel_options ahead{.capacity = 64, .undelivered = inquest::undelivered::discard};

class ThreadPool {
  public:
    explicit ThreadPool(std::size_t numThreads) {
        for (std::size_t i = 0; i < numThreads; ++i)
            threads_.emplace_back([this] {
                std::function<void()> task;
                while (tasks_.pop(task)) task();
            });
    }
    ~ThreadPool() {
        tasks_.close();
        for (auto& thread : threads_) thread.join();
    }
    void add(std::function<void()> task) { (void)tasks_.push(std::move(task)); }

  private:
    std::vector<std::thread> threads_;
    inquest::channel<std::function<void()>> tasks_{64};
};

struct Options {
    bool decompress = false;
    std::size_t numThreads = 2;
    std::string input, output;
};

// Pushes what zlib has made of `z`'s input so far. Returns zlib's last answer.
template <class Code>
int code(z_stream& z, BufferSender& out, const Code& code) {
    int result = Z_OK;
    do {
        Buffer piece(chunkSize, '\0');
        z.next_out = reinterpret_cast<Bytef*>(piece.data());
        z.avail_out = static_cast<uInt>(piece.size());
        result = code();
        piece.resize(piece.size() - z.avail_out);
        if (!piece.empty() && !out.push(std::move(piece))) return Z_ERRNO; // it is not wanted any more
    } while (result == Z_OK && z.avail_out == 0);
    return result;
}

void setInput(z_stream& z, Buffer& piece) {
    z.next_in = reinterpret_cast<Bytef*>(piece.data());
    z.avail_in = static_cast<uInt>(piece.size());
}

Result compressBlock(BufferReceiver& in, BufferSender& out) {
    z_stream z{};
    if (deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK) return std::unexpected("no memory for zlib");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, deflateEnd);
    Buffer piece;
    while (in.pop(piece)) {
        setInput(z, piece);
        code(z, out, [&] { return deflate(&z, Z_NO_FLUSH); });
    }
    code(z, out, [&] { return deflate(&z, Z_FINISH); });
    return {};
}

Result decompressBlock(BufferReceiver& in, BufferSender& out) {
    z_stream z{};
    if (inflateInit2(&z, 15 + 32) != Z_OK) return std::unexpected("no memory for zlib");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
    int result = Z_OK;
    Buffer piece;
    while (in.pop(piece)) {
        setInput(z, piece);
        do { // gzip files may have several members
            if (result == Z_STREAM_END) inflateReset(&z);
            result = code(z, out, [&] { return inflate(&z, Z_NO_FLUSH); });
        } while (result == Z_STREAM_END && z.avail_in > 0);
        if (result == Z_ERRNO) return {};
        if (result < 0 && result != Z_BUF_ERROR) return std::unexpected(z.msg ? z.msg : "zlib failed");
    }
    if (result != Z_STREAM_END) return std::unexpected("incomplete block");
    return {};
}

// Pushes the next `size` bytes of the input, or all that are left. Returns how many.
std::size_t readData(BufferSender& queue, std::size_t size, std::FILE* input) {
    std::size_t total = 0;
    while (total < size) {
        Buffer piece(std::min(chunkSize, size - total), '\0');
        piece.resize(std::fread(piece.data(), 1, piece.size(), input));
        if (std::ferror(input)) (void)queue.close(inquest::cause("error reading input"));
        if (piece.empty()) break;
        total += piece.size();
        if (!queue.push(std::move(piece))) return 0;
    }
    queue.finish();
    return total;
}

// What stands before each block that this program has compressed.
struct Header {
    char magic[4];
    std::uint32_t length;
};

// Reads the input, and has each block of it coded by the thread pool.
Result readBlocks(BlockSender& blocks, ThreadPool& executor, std::FILE* input, const Options& options) {
    for (bool more = true; more;) {
        std::size_t size = blockSize;
        Buffer start;
        bool foreign = false;
        if (options.decompress) {
            start.resize(sizeof(Header));
            start.resize(std::fread(start.data(), 1, start.size(), input));
            if (std::ferror(input)) return std::unexpected("error reading input");
            if (start.empty()) break;
            Header header{};
            if (start.size() == sizeof header) std::memcpy(&header, start.data(), sizeof header);
            foreign = std::memcmp(header.magic, magic, sizeof header.magic) != 0;
            size = foreign ? SIZE_MAX : header.length;
        }
        auto [in, from] = inquest::make_channel<Buffer>(ahead);
        auto [to, out] = inquest::make_channel<Buffer>(ahead);
        executor.add([source = std::move(from), target = std::move(to), &options]() mutable {
            (void)inquest::run_job(options.decompress ? "decompress" : "compress", std::move(source),
                                   std::move(target), options.decompress ? decompressBlock : compressBlock);
        });
        if (!blocks.push(std::move(out))) break;
        if (foreign) (void)in.push(std::move(start));
        more = readData(in, size, input) == size;
    }
    return {};
}

Result writeData(const Buffer& data, std::FILE* output) {
    const bool done = std::fwrite(data.data(), 1, data.size(), output) == data.size();
    if (!done) return std::unexpected(std::string("failed to write: ") + std::strerror(errno));
    return {};
}

Result writeBlocks(BlockReceiver blocks, std::FILE* output, const Options& options) {
    BufferReceiver block;
    while (blocks.pop(block)) {
        Buffer piece, whole;
        while (block.pop(piece)) {
            if (!options.decompress)
                whole += piece;
            else if (auto written = writeData(piece, output); !written)
                return written;
        }
        if (const auto end = block.outcome(); !end) return std::unexpected(end.error().message());
        Header header{{}, static_cast<std::uint32_t>(whole.size())};
        std::memcpy(header.magic, magic, sizeof header.magic);
        if (!options.decompress) whole.insert(0, reinterpret_cast<const char*>(&header), sizeof header);
        if (auto written = writeData(whole, output); !written) return written;
    }
    if (const auto end = blocks.outcome(); !end) return std::unexpected(end.error().message());
    return {};
}

Result run(const Options& options) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> input(std::fopen(options.input.c_str(), "rb"),
                                                          std::fclose);
    if (input == nullptr) return std::unexpected("failed to open input file");
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(std::fopen(options.output.c_str(), "wb"),
                                                           std::fclose);
    if (output == nullptr) return std::unexpected("failed to open output file");
    auto [blocks, toWrite] = inquest::make_channel<BufferReceiver>(2 * options.numThreads);
    {
        ThreadPool executor(options.numThreads);
        const auto reader = inquest::spawn("read", std::move(blocks), [&](BlockSender& to) {
            return readBlocks(to, executor, input.get(), options);
        });
        if (auto written = writeBlocks(std::move(toWrite), output.get(), options); !written) return written;
    }
    if (std::fclose(output.release()) != 0)
        return std::unexpected(std::string("failed to write: ") + std::strerror(errno));
    return {};
}

int main(int argc, char** argv) {
    Options options;
    std::vector<std::string> files;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "-d")
            options.decompress = true;
        else if (argument == "-p" && i + 1 < argc)
            options.numThreads = static_cast<std::size_t>(std::max(1, std::atoi(argv[++i])));
        else
            files.push_back(argument);
    }
    if (files.size() != 2) {
        std::fprintf(stderr, "usage: pzip [-d] [-p THREADS] INPUT OUTPUT\n");
        return 2;
    }
    options.input = files[0];
    options.output = files[1];
    const auto done = run(options);
    if (done) return 0;
    std::fprintf(stderr, "pzip: %s: %s\n", options.input.c_str(), done.error().c_str());
    return 1;
}
