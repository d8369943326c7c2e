// before.cpp on inquest: the queue is a channel, and its thread a worker. It still goes on when a message can't be written; but the first
// exception that the sink has thrown is the worker's outcome: `close` rethrows it, and if nobody calls that, it is reported.
// Beside before.cpp: 78 lines removed, 34 added.
//
// usage: logger [-o] [-q CAPACITY] [-t THREADS] LOG < LINES
#include <inquest/inquest.hpp>

#include <cerrno>
#include <chrono>
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

class async_logger {
  public:
    async_logger(std::string name, std::unique_ptr<file_sink> sink, std::size_t capacity,
                 overflow_policy policy)
        : name_(std::move(name)), sink_(std::move(sink)), policy_(policy),
          queue_({.capacity = capacity, .name = name_}),
          worker_(inquest::spawn("log", queue_,
                                 [this](inquest::receiver<async_msg>& queue) { worker_loop(queue); })) {}
    ~async_logger() { queue_.close(); } // and then the worker drains it
    // Returns once all is written; throws what the sink threw first.
    void close() {
        queue_.close();
        (void)worker_.join();
    }
    void log(level severity, std::string payload) {
        post({msg_type::log, {severity, std::chrono::system_clock::now(), std::move(payload)}});
    }
    // Posts a request.
    void flush() { post({msg_type::flush, {}}); }
    std::size_t overrun_counter() { return queue_.ledger().dropped; }

  private:
    enum class msg_type { log, flush };
    struct async_msg {
        msg_type type = msg_type::log;
        log_msg msg;
    };
    void post(async_msg&& msg) {
        if (policy_ == overflow_policy::block)
            (void)queue_.push(std::move(msg));
        else
            (void)queue_.push_or_drop_oldest(std::move(msg));
    }
    void worker_loop(inquest::receiver<async_msg>& queue) {
        std::exception_ptr first;
        const auto attempt = [&](const auto& action) {
            try {
                action();
            } catch (const std::exception& e) {
                err_handler(e.what());
                if (!first) first = std::current_exception();
            }
        };
        for (const async_msg& incoming : queue)
            attempt([&] {
                if (incoming.type == msg_type::log) sink_->log(incoming.msg);
                if (incoming.type == msg_type::flush) sink_->flush();
            });
        attempt([&] { sink_->flush(); });
        if (first) std::rethrow_exception(first);
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
    inquest::channel<async_msg> queue_;
    inquest::worker<void, inquest::no_error> worker_;
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
        if (const std::size_t overrun = logger.overrun_counter(); overrun > 0)
            std::cerr << "logger: " << overrun << " messages overrun\n";
        logger.close();
    } catch (const std::exception& e) {
        std::cerr << "logger: " << e.what() << '\n';
        return 1;
    }
    return 0;
}
