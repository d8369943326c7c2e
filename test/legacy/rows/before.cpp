// Converts a table of numbers to a gzip file, one member for each batch of rows, on several threads: in the style of the fwrite of
// data.table 1.12 (Rdatatable/data.table, 2019), in which each thread formats and compresses a batch, and writes it when it is its turn;
// with a queue for the batches and a std::future<void> for each thread.
//
// What goes wrong here, as it did there: a thread that fails sets a flag, and what failed is dropped with it, because it has to go on for
// the others, which wait for its turn, and for the reader, which waits for room. All that the program says is that one or more threads
// failed; which row of several million it was is for the user to find out. And all of the input is read to its end first.
//
// usage: rows [-t THREADS] [-b ROWS] INPUT OUTPUT
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <future>
#include <iostream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include <zlib.h>

struct Batch {
    std::size_t number = 0;
    std::size_t first_row = 0;
    std::vector<std::string> rows;
};

class BatchQueue {
  public:
    explicit BatchQueue(std::size_t capacity) : capacity_(capacity) {}
    void push(Batch batch) {
        std::unique_lock<std::mutex> lock(mutex_);
        not_full_.wait(lock, [this] { return batches_.size() < capacity_; });
        batches_.push_back(std::move(batch));
        not_empty_.notify_one();
    }
    bool pop(Batch& batch) {
        std::unique_lock<std::mutex> lock(mutex_);
        not_empty_.wait(lock, [this] { return closed_ || !batches_.empty(); });
        if (batches_.empty()) return false;
        batch = std::move(batches_.front());
        batches_.pop_front();
        not_full_.notify_one();
        return true;
    }
    void close() {
        const std::lock_guard<std::mutex> lock(mutex_);
        closed_ = true;
        not_empty_.notify_all();
    }

  private:
    const std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable not_full_, not_empty_;
    std::deque<Batch> batches_;
    bool closed_ = false;
};

// The output, to which batches are written in the order of their numbers.
class Output {
  public:
    explicit Output(const std::string& path) : file_(path, std::ios::binary) {
        if (!file_) throw std::runtime_error("cannot open " + path);
    }
    // Waits for its turn.
    void write(std::size_t number, const std::string& bytes) {
        std::unique_lock<std::mutex> lock(mutex_);
        turn_.wait(lock, [&] { return next_ == number; });
        ++next_; // also if it fails: others wait
        turn_.notify_all();
        if (bytes.empty()) return;
        if (!file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush())
            throw std::runtime_error("write error");
    }
    // Nothing is written for that batch.
    void skip(std::size_t number) { write(number, {}); }

  private:
    std::mutex mutex_;
    std::condition_variable turn_;
    std::ofstream file_;
    std::size_t next_ = 0;
};

std::string format(const Batch& batch) {
    std::ostringstream text;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        std::istringstream row(batch.rows[i]);
        std::string field;
        for (bool first = true; std::getline(row, field, ','); first = false) {
            char* end = nullptr;
            const double value = std::strtod(field.c_str(), &end);
            if (end == field.c_str() || *end != '\0')
                throw std::invalid_argument("row " + std::to_string(batch.first_row + i) +
                                            ": not a number: " + field);
            text << (first ? "" : "\t") << value;
        }
        text << '\n';
    }
    return text.str();
}

std::string gzip(const std::string& text) {
    z_stream z{};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("no memory for zlib");
    std::string bytes(deflateBound(&z, static_cast<uLong>(text.size())), '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(bytes.data());
    z.avail_out = static_cast<uInt>(bytes.size());
    const int result = deflate(&z, Z_FINISH);
    bytes.resize(z.total_out);
    deflateEnd(&z);
    if (result != Z_STREAM_END) throw std::runtime_error("compression error");
    return bytes;
}

std::size_t convert(std::istream& input, Output& output, std::size_t threads, std::size_t rows_per_batch) {
    BatchQueue queue(2 * threads);
    std::vector<std::future<void>> futures;
    std::atomic<bool> failed{false};
    for (std::size_t i = 0; i < threads; ++i)
        futures.push_back(std::async(std::launch::async, [&] {
            Batch batch;
            while (queue.pop(batch)) {
                if (failed) { // the others' turn must come all the same
                    output.skip(batch.number);
                    continue;
                }
                bool written = false;
                try {
                    const std::string bytes = gzip(format(batch));
                    written = true;
                    output.write(batch.number, bytes);
                } catch (...) {
                    failed = true;
                    if (!written) output.skip(batch.number);
                }
            }
        }));
    std::size_t rows = 0;
    Batch batch;
    const auto send = [&] {
        const std::size_t next = batch.number + 1;
        queue.push(std::exchange(batch, Batch{next, rows + 1, {}}));
    };
    batch.first_row = 1;
    for (std::string row; std::getline(input, row);) {
        ++rows;
        batch.rows.push_back(std::move(row));
        if (batch.rows.size() == rows_per_batch) send();
    }
    if (!batch.rows.empty()) send();
    queue.close();
    for (auto& future : futures) future.get();
    if (failed)
        throw std::runtime_error(
            "one or more threads failed to allocate buffers or there was a compression error");
    return rows;
}

int main(int argc, char** argv) {
    std::size_t threads = 2, rows_per_batch = 1000;
    std::vector<std::string> files;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if ((argument == "-t" || argument == "-b") && i + 1 < argc)
            (argument == "-t" ? threads : rows_per_batch) =
                static_cast<std::size_t>(std::max(1, std::atoi(argv[++i])));
        else
            files.push_back(argument);
    }
    if (files.size() != 2) {
        std::cerr << "usage: rows [-t THREADS] [-b ROWS] INPUT OUTPUT\n";
        return 2;
    }
    try {
        std::ifstream input(files[0]);
        if (!input) throw std::runtime_error("cannot open " + files[0]);
        Output output(files[1]);
        const std::size_t rows = convert(input, output, threads, rows_per_batch);
        std::cout << rows << " rows\n";
        return 0;
    } catch (const std::exception& e) {
        std::cerr << "rows: " << e.what() << '\n';
        return 1;
    }
}
