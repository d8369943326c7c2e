// A parallel compressor and decompressor in the style of pzstd (facebook/zstd, contrib/pzstd), on zlib: a bounded work queue,
// a thread pool, a queue of queues that keeps the order, and an error holder that keeps the first message.
//
// What goes wrong here, as there (tried with the version of October 2024): an error is noted, and reaches no queue. Who has met
// it leaves, and the reader, blocked on a full queue, is never told. The thread pool's destructor waits for it: a corrupt gzip file,
// or a full disk, hangs the program.
//
// usage: pzip [-d] [-p THREADS] INPUT OUTPUT
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zlib.h>

using Buffer = std::string;

constexpr std::size_t chunkSize = 16 * 1024;
constexpr std::size_t blockSize = 16 * chunkSize;
constexpr char magic[] = "PZIP";

// Keeps the first error.
class ErrorHolder {
  public:
    bool check(bool predicate, const std::string& message) {
        if (!predicate && !error_.exchange(true)) {
            const std::lock_guard<std::mutex> lock(mutex_);
            message_ = message;
        }
        return predicate;
    }
    bool hasError() const { return error_.load(); }
    std::string getError() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return message_;
    }

  private:
    std::atomic<bool> error_{false};
    mutable std::mutex mutex_;
    std::string message_;
};

// Unbounded if its size is zero.
template <class T>
class WorkQueue {
  public:
    explicit WorkQueue(std::size_t maxSize = 0) : maxSize_(maxSize) {}
    bool push(T item) {
        {
            std::unique_lock<std::mutex> lock(mutex_);
            while (maxSize_ != 0 && queue_.size() >= maxSize_ && !done_) writerCv_.wait(lock);
            if (done_) return false;
            queue_.push(std::move(item));
        }
        readerCv_.notify_one();
        return true;
    }
    bool pop(T& item) {
        {
            std::unique_lock<std::mutex> lock(mutex_);
            while (queue_.empty() && !done_) readerCv_.wait(lock);
            if (queue_.empty()) return false;
            item = std::move(queue_.front());
            queue_.pop();
        }
        writerCv_.notify_one();
        return true;
    }
    void finish() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            done_ = true;
        }
        readerCv_.notify_all();
        writerCv_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable readerCv_, writerCv_;
    std::queue<T> queue_;
    bool done_ = false;
    std::size_t maxSize_;
};
using BufferQueue = WorkQueue<Buffer>;
using BlockQueue = WorkQueue<std::shared_ptr<BufferQueue>>;

struct FinishGuard {
    BufferQueue& queue;
    ~FinishGuard() { queue.finish(); }
};

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
        tasks_.finish();
        for (auto& thread : threads_) thread.join();
    }
    void add(std::function<void()> task) { tasks_.push(std::move(task)); }

  private:
    std::vector<std::thread> threads_;
    WorkQueue<std::function<void()>> tasks_;
};

struct Options {
    bool decompress = false;
    std::size_t numThreads = 2;
    std::string input, output;
};

// Pushes what zlib has made of `z`'s input so far. Returns zlib's last answer.
template <class Code>
int code(z_stream& z, BufferQueue& out, const Code& code) {
    int result = Z_OK;
    do {
        Buffer piece(chunkSize, '\0');
        z.next_out = reinterpret_cast<Bytef*>(piece.data());
        z.avail_out = static_cast<uInt>(piece.size());
        result = code();
        piece.resize(piece.size() - z.avail_out);
        if (!piece.empty()) out.push(std::move(piece));
    } while (result == Z_OK && z.avail_out == 0);
    return result;
}

void setInput(z_stream& z, Buffer& piece) {
    z.next_in = reinterpret_cast<Bytef*>(piece.data());
    z.avail_in = static_cast<uInt>(piece.size());
}

void compressBlock(ErrorHolder& errorHolder, BufferQueue& in, BufferQueue& out) {
    const FinishGuard guard{out};
    z_stream z{};
    if (!errorHolder.check(deflateInit(&z, Z_DEFAULT_COMPRESSION) == Z_OK, "no memory for zlib")) return;
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, deflateEnd);
    Buffer piece;
    while (in.pop(piece) && !errorHolder.hasError()) {
        setInput(z, piece);
        code(z, out, [&] { return deflate(&z, Z_NO_FLUSH); });
    }
    code(z, out, [&] { return deflate(&z, Z_FINISH); });
}

void decompressBlock(ErrorHolder& errorHolder, BufferQueue& in, BufferQueue& out) {
    const FinishGuard guard{out};
    z_stream z{};
    if (!errorHolder.check(inflateInit2(&z, 15 + 32) == Z_OK, "no memory for zlib")) return;
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
    int result = Z_OK;
    Buffer piece;
    while (in.pop(piece) && !errorHolder.hasError()) {
        setInput(z, piece);
        do { // gzip files may have several members
            if (result == Z_STREAM_END) inflateReset(&z);
            result = code(z, out, [&] { return inflate(&z, Z_NO_FLUSH); });
        } while (result == Z_STREAM_END && z.avail_in > 0);
        if (!errorHolder.check(result >= 0 || result == Z_BUF_ERROR, z.msg ? z.msg : "zlib failed")) return;
    }
    errorHolder.check(result == Z_STREAM_END, "incomplete block");
}

// Pushes the next `size` bytes of the input, or all that are left. Returns how many.
std::size_t readData(ErrorHolder& errorHolder, BufferQueue& queue, std::size_t size, std::FILE* input) {
    std::size_t total = 0;
    while (total < size) {
        Buffer piece(std::min(chunkSize, size - total), '\0');
        piece.resize(std::fread(piece.data(), 1, piece.size(), input));
        errorHolder.check(!std::ferror(input), "error reading input");
        if (piece.empty()) break;
        total += piece.size();
        queue.push(std::move(piece));
    }
    return total;
}

// What stands before each block that this program has compressed.
struct Header {
    char magic[4];
    std::uint32_t length;
};

// Reads the input, and has each block of it coded by the thread pool.
void readBlocks(ErrorHolder& errorHolder, BlockQueue& blocks, ThreadPool& executor, std::FILE* input,
                const Options& options) {
    for (bool more = true; more && !errorHolder.hasError();) {
        std::size_t size = blockSize;
        Buffer start;
        bool foreign = false;
        if (options.decompress) {
            start.resize(sizeof(Header));
            start.resize(std::fread(start.data(), 1, start.size(), input));
            errorHolder.check(!std::ferror(input), "error reading input");
            if (start.empty()) break;
            Header header{};
            if (start.size() == sizeof header) std::memcpy(&header, start.data(), sizeof header);
            foreign = std::memcmp(header.magic, magic, sizeof header.magic) != 0;
            size = foreign ? SIZE_MAX : header.length;
        }
        // What another program has compressed is one block of any size: what is read ahead of it is bounded.
        const auto in = std::make_shared<BufferQueue>(foreign ? 64 : 0);
        const auto out = std::make_shared<BufferQueue>(foreign ? 64 : 0);
        const FinishGuard guard{*in};
        executor.add([&errorHolder, in, out, code = options.decompress ? decompressBlock : compressBlock] {
            code(errorHolder, *in, *out);
        });
        blocks.push(out);
        if (foreign) in->push(std::move(start));
        more = readData(errorHolder, *in, size, input) == size;
    }
    blocks.finish();
}

bool writeData(ErrorHolder& errorHolder, const Buffer& data, std::FILE* output) {
    const bool done = std::fwrite(data.data(), 1, data.size(), output) == data.size();
    return errorHolder.check(done, std::string("failed to write: ") + std::strerror(errno));
}

void writeBlocks(ErrorHolder& errorHolder, BlockQueue& blocks, std::FILE* output, const Options& options) {
    std::shared_ptr<BufferQueue> block;
    while (blocks.pop(block)) {
        if (errorHolder.hasError()) continue;
        Buffer piece, whole;
        while (block->pop(piece) && !errorHolder.hasError()) {
            if (!options.decompress)
                whole += piece;
            else if (!writeData(errorHolder, piece, output))
                return;
        }
        Header header{{}, static_cast<std::uint32_t>(whole.size())};
        std::memcpy(header.magic, magic, sizeof header.magic);
        if (!options.decompress) whole.insert(0, reinterpret_cast<const char*>(&header), sizeof header);
        if (!writeData(errorHolder, whole, output)) return;
    }
}

void run(ErrorHolder& errorHolder, const Options& options) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> input(std::fopen(options.input.c_str(), "rb"),
                                                          std::fclose);
    if (!errorHolder.check(input != nullptr, "failed to open input file")) return;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(std::fopen(options.output.c_str(), "wb"),
                                                           std::fclose);
    if (!errorHolder.check(output != nullptr, "failed to open output file")) return;
    BlockQueue blocks(2 * options.numThreads); // outlives the thread pool
    {
        ThreadPool executor(options.numThreads + 1); // and one that reads
        executor.add([&] { readBlocks(errorHolder, blocks, executor, input.get(), options); });
        writeBlocks(errorHolder, blocks, output.get(), options);
    }
    errorHolder.check(std::fclose(output.release()) == 0,
                      std::string("failed to write: ") + std::strerror(errno));
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
    ErrorHolder errorHolder;
    run(errorHolder, options);
    if (!errorHolder.hasError()) return 0;
    std::fprintf(stderr, "pzip: %s: %s\n", options.input.c_str(), errorHolder.getError().c_str());
    return 1;
}
