// An asynchronous logger in the style of spdlog (gabime/spdlog): a blocking ring queue, a thread pool whose messages are of three
// types, a file sink, an error handler that prints one line a second, and a destructor that drains.
//
// What goes wrong here, as there: a sink that fails is a line on standard error, once a second, and no more. Whoever logs is never
// told, `flush` posts a message and returns, and the destructor drains the queue into nothing: with the disk full the program ends
// with exit status 0 and an empty log.
//
// usage: logger [-o] [-q CAPACITY] [-t THREADS] LOG < LINES
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

enum class level { info, warn, err };
constexpr const char* level_names[] = {"info", "warning", "error"};

struct log_msg {
    level severity = level::info;
    std::chrono::system_clock::time_point time;
    std::string payload;
};

class file_sink {
  public:
    explicit file_sink(const std::string& path)
        : path_(path), file_(std::fopen(path.c_str(), "ab"), std::fclose) {
        if (!file_)
            throw std::runtime_error("Failed opening file " + path + " for writing: " + std::strerror(errno));
    }
    void log(const log_msg& msg) {
        const std::time_t seconds = std::chrono::system_clock::to_time_t(msg.time);
        std::tm parts{};
        localtime_r(&seconds, &parts);
        char stamp[32];
        std::strftime(stamp, sizeof stamp, "[%Y-%m-%d %H:%M:%S]", &parts);
        const std::string line = std::string(stamp) + " [" + level_names[static_cast<int>(msg.severity)] +
                                 "] " + msg.payload + '\n';
        if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size())
            fail("Failed writing to file ");
        if (msg.severity == level::err) flush();
    }
    void flush() {
        if (std::fflush(file_.get()) != 0) fail("Failed flush to file ");
    }

  private:
    void fail(const char* what) { throw std::runtime_error(what + path_ + ": " + std::strerror(errno)); }
    std::string path_;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

enum class overflow_policy { block, overrun_oldest };

template <class T>
class blocking_queue {
  public:
    explicit blocking_queue(std::size_t capacity) : ring_(capacity) {}
    void enqueue(T&& item) {
        {
            std::unique_lock<std::mutex> lock(mutex_);
            popped_.wait(lock, [this] { return size_ < ring_.size(); });
            put(std::move(item));
        }
        pushed_.notify_one();
    }
    void enqueue_nowait(T&& item) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (size_ == ring_.size()) {
                head_ = (head_ + 1) % ring_.size();
                --size_;
                ++overrun_;
            }
            put(std::move(item));
        }
        pushed_.notify_one();
    }
    void dequeue(T& item) {
        {
            std::unique_lock<std::mutex> lock(mutex_);
            pushed_.wait(lock, [this] { return size_ > 0; });
            item = std::move(ring_[head_]);
            head_ = (head_ + 1) % ring_.size();
            --size_;
        }
        popped_.notify_one();
    }
    std::size_t overrun_counter() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return overrun_;
    }

  private:
    void put(T&& item) {
        ring_[(head_ + size_) % ring_.size()] = std::move(item);
        ++size_;
    }
    std::mutex mutex_;
    std::condition_variable pushed_, popped_;
    std::vector<T> ring_;
    std::size_t head_ = 0, size_ = 0, overrun_ = 0;
};

class async_logger {
  public:
    async_logger(std::string name, std::unique_ptr<file_sink> sink, std::size_t capacity,
                 overflow_policy policy)
        : name_(std::move(name)), sink_(std::move(sink)), policy_(policy), queue_(capacity),
          thread_([this] { worker_loop(); }) {}
    ~async_logger() {
        queue_.enqueue(async_msg{msg_type::terminate, {}});
        thread_.join();
    }
    void log(level severity, std::string payload) {
        post({msg_type::log, {severity, std::chrono::system_clock::now(), std::move(payload)}});
    }
    // Posts a request.
    void flush() { post({msg_type::flush, {}}); }
    std::size_t overrun_counter() { return queue_.overrun_counter(); }

  private:
    enum class msg_type { log, flush, terminate };
    struct async_msg {
        msg_type type = msg_type::log;
        log_msg msg;
    };
    void post(async_msg&& msg) {
        if (policy_ == overflow_policy::block)
            queue_.enqueue(std::move(msg));
        else
            queue_.enqueue_nowait(std::move(msg));
    }
    void worker_loop() {
        async_msg incoming;
        while (true) {
            queue_.dequeue(incoming);
            try {
                if (incoming.type == msg_type::log) sink_->log(incoming.msg);
                if (incoming.type == msg_type::flush) sink_->flush();
                if (incoming.type == msg_type::terminate) {
                    sink_->flush();
                    return;
                }
            } catch (const std::exception& e) {
                err_handler(e.what());
                if (incoming.type == msg_type::terminate) return;
            }
        }
    }
    // At most one line a second.
    void err_handler(const std::string& what) {
        ++err_counter_;
        const auto now = std::chrono::steady_clock::now();
        if (err_counter_ > 1 && now - last_report_ < std::chrono::seconds(1)) return;
        last_report_ = now;
        std::fprintf(stderr, "[*** LOG ERROR #%04zu ***] [%s] %s\n", err_counter_, name_.c_str(),
                     what.c_str());
    }

    std::string name_;
    std::unique_ptr<file_sink> sink_;
    overflow_policy policy_;
    std::size_t err_counter_ = 0;
    std::chrono::steady_clock::time_point last_report_;
    blocking_queue<async_msg> queue_;
    std::thread thread_;
};

// Logs each line of the input, on several threads.
int main(int argc, char** argv) {
    overflow_policy policy = overflow_policy::block;
    std::size_t capacity = 128, threads = 1;
    std::string path;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "-o")
            policy = overflow_policy::overrun_oldest;
        else if ((argument == "-q" || argument == "-t") && i + 1 < argc)
            (argument == "-q" ? capacity : threads) = std::strtoul(argv[++i], nullptr, 0);
        else
            path = argument;
    }
    if (path.empty() || capacity == 0 || threads == 0) {
        std::cerr << "usage: logger [-o] [-q CAPACITY] [-t THREADS] LOG < LINES\n";
        return 2;
    }
    std::mutex input;
    std::size_t overrun = 0;
    try {
        async_logger logger("main", std::make_unique<file_sink>(path), capacity, policy);
        std::vector<std::thread> producers;
        for (std::size_t i = 0; i < threads; ++i)
            producers.emplace_back([&] {
                for (std::string line;;) {
                    {
                        const std::lock_guard<std::mutex> lock(input);
                        if (!std::getline(std::cin, line)) return;
                    }
                    logger.log(line.find("error") == std::string::npos ? level::info : level::err, line);
                }
            });
        for (auto& producer : producers) producer.join();
        logger.flush();
        overrun = logger.overrun_counter();
    } catch (const std::exception& e) {
        std::cerr << "logger: " << e.what() << '\n';
        return 1;
    }
    if (overrun > 0) std::cerr << "logger: " << overrun << " messages overrun\n";
    return 0;
}
