// Workers out of threads, futures and start routines that are there already.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

namespace adopt {

using inquest::outcome_of;
using inquest::returns_errno;
using inquest::returns_value;
using inquest::spawn;
using inquest::status;

namespace {

using outcome = std::expected<long, std::string>;

/// What C has: an item less than 0 is an error, and the thread returns a pointer to what it knows.
struct c_reader {
    inquest::channel<int>* queue;
    int error = 0;
    bool leaves_by_exit = false;
};

extern "C" void* read_all(void* argument) {
    auto* const its = static_cast<c_reader*>(argument);
    int item = 0;
    while (its->queue->pop(item))
        if (item < 0) {
            its->error = item;
            break;
        }
    if (its->leaves_by_exit) pthread_exit(argument);
    return argument;
}

/// As old code has them: a copy is as good as the first one.
class copied_thread {
  public:
    explicit copied_thread(pthread_t its) : its_(its) {}
    [[nodiscard]] bool joinable() const { return true; }
    void join() const {
        ++joins();
        pthread_join(its_, nullptr);
    }
    static std::atomic<int>& joins() {
        static std::atomic<int> n{0};
        return n;
    }

  private:
    pthread_t its_;
};

template <class... Args>
concept has_outcome = requires(Args... args) { outcome_of(std::move(args)...); };
static_assert(has_outcome<std::thread, std::future<long>>);
static_assert(!has_outcome<std::thread, std::packaged_task<void()>>, "its future has the result");
static_assert(!has_outcome<int, long (*)()>, "an int is no thread");

extern "C" void* wait_to_be_cancelled(void*) {
    for (;;) pause();
}

} // namespace

TEST_CASE("a future is a worker") {
    auto async = spawn("async", outcome_of(std::async(std::launch::async, []() -> outcome { return 5; })));
    static_assert(std::same_as<decltype(async), inquest::worker<long, std::string>>);
    CHECK(async.join().value() == 5);
    auto deferred =
        spawn("deferred", outcome_of(std::async(std::launch::deferred, [] { return std::string("x"); })));
    CHECK(deferred.join().value() == "x");
    auto nothing = spawn("nothing", outcome_of(std::async(std::launch::async, [] {})));
    CHECK(nothing.join());

    std::packaged_task<long()> task([]() -> long { throw support::bad_frame("torn", 7); });
    auto future = task.get_future();
    std::jthread thread(std::move(task));
    auto throws = spawn("task", outcome_of(std::move(future)));
    CHECK_THROWS_AS((void)throws.join(), support::bad_frame);
    CHECK(throws.report()->message() == "worker 'task' failed: support::bad_frame: torn");

    std::promise<outcome> promise;
    const auto shared = promise.get_future().share();
    promise.set_value(std::unexpected("disk full"));
    auto fails = spawn("shared", outcome_of(shared));
    CHECK(*fails.join().error().error() == "disk full");
    CHECK(shared.get().error() == "disk full"); // it is still there for others

    auto broken = spawn("broken", outcome_of(std::promise<long>().get_future()));
    CHECK_THROWS_AS((void)broken.join(), std::future_error);
    CHECK_THROWS_AS((void)outcome_of(std::future<long>()), std::invalid_argument);
    auto code =
        spawn("code", returns_errno(outcome_of(std::async(std::launch::async, [] { return -ENOSPC; }))));
    CHECK(code.join().error().message() == "worker 'code' failed: No space left on device (errno 28)");
}

TEST_CASE("a thread's failure closes the queue that it reads, and the producer is told it") {
    inquest::channel<int> queue(2);
    std::promise<void> promise;
    auto future = promise.get_future();
    std::thread thread([&, promise = std::move(promise)]() mutable { // as old code has it
        try {
            int item = 0;
            while (queue.pop(item))
                if (item == 3) throw std::runtime_error("corrupt block 3");
            promise.set_value();
        } catch (...) {
            promise.set_exception(std::current_exception());
        }
    });
    auto decoder = spawn("decode", queue, outcome_of(std::move(thread), std::move(future)));
    std::optional<inquest::push_error> refused;
    for (int i = 1; !refused; ++i)
        if (auto sent = queue.push(i); !sent) refused = sent.error();
    CHECK(refused->status() == status::closed);
    CHECK_THROWS_WITH_AS((void)resolve(queue, decoder, *refused), "corrupt block 3", std::runtime_error);
    CHECK(queue.cause().message() == "worker 'decode' failed: std::runtime_error: corrupt block 3");
}

TEST_CASE("a thread that leaves its result in a place is asked there, once it has ended") {
    int code = 0;
    std::atomic<bool> go{false};
    const auto body = [&] {
        support::wait_for("go", [&] { return go.load(); });
        code = -EIO;
    };
    SUBCASE("std::thread") {
        auto w = spawn("w", outcome_of(std::thread(body), returns_errno([&] { return code; })));
        CHECK(!w.is_done());
        go = true;
        CHECK(*w.join().error().error() == -EIO);
    }
    SUBCASE("std::jthread, which is asked to stop") {
        auto w =
            spawn("w", outcome_of(std::jthread([&](const std::stop_token& stop) {
                                      support::wait_for("the stop", [&] { return stop.stop_requested(); });
                                      code = -EINTR;
                                  }),
                                  returns_errno([&] { return code; })));
        CHECK(w.request_stop());
        CHECK(*w.join().error().error() == -EINTR);
    }
    SUBCASE("what is not called is joined all the same") {
        go = true;
        const auto never = outcome_of(std::thread(body), [] { return 1L; });
    }
    SUBCASE("a std::jthread that is not called is asked to stop") {
        const auto never =
            outcome_of(std::jthread([](const std::stop_token& stop) {
                           support::wait_for("the stop", [&] { return stop.stop_requested(); });
                       }),
                       [] { return 1L; });
    }
    SUBCASE("what the result needs is there until the thread has ended") {
        auto place = std::make_unique<std::atomic<int>>(0);
        std::atomic<int>& written = *place;
        go = true;
        const auto never =
            outcome_of(std::thread([&] {
                           for (int i = 0; i < 1000; ++i) ++written;
                       }),
                       [place = std::move(place)] { return static_cast<long>(place->load()); });
    }
    SUBCASE("of a class whose copies are as good as the first one, once") {
        pthread_t thread{};
        inquest::channel<int> queue(1);
        queue.close();
        c_reader reader{.queue = &queue};
        REQUIRE(pthread_create(&thread, nullptr, read_all, &reader) == 0);
        auto w = spawn("w", outcome_of(copied_thread(thread), returns_errno([&] { return reader.error; })));
        CHECK(w.join().value() == 0);
        CHECK(copied_thread::joins() == 1);
    }
    SUBCASE("an empty function") {
        go = true;
        CHECK_THROWS_AS((void)outcome_of(std::thread(body), std::function<long()>()), std::invalid_argument);
        void* (*const nowhere)(void*) = nullptr;
        CHECK_THROWS_AS((void)outcome_of(nowhere, nullptr, [] { return 1L; }), std::invalid_argument);
    }
    SUBCASE("a future without a state") {
        go = true;
        CHECK_THROWS_AS((void)outcome_of(std::thread(body), std::future<long>()), std::invalid_argument);
        CHECK(code == -EIO); // it was joined
    }
}

TEST_CASE("a thread of C is joined, and says what it returned") {
    inquest::channel<int> queue(8);
    c_reader reader{.queue = &queue};
    const auto error_in = [](void* its) { return static_cast<c_reader*>(its)->error; };
    SUBCASE("that is there") {
        pthread_t thread{};
        REQUIRE(pthread_create(&thread, nullptr, read_all, &reader) == 0);
        auto w = spawn("c", queue, outcome_of(thread, returns_errno(error_in)));
        for (const int item : {1, 2, -EPIPE}) CHECK(queue.push(item));
        CHECK(*w.join().error().error() == -EPIPE);
        CHECK(queue.push(4).error().cause().message() == "worker 'c' failed: Broken pipe (errno 32)");
    }
    SUBCASE("a start routine") {
        for (const bool leaves_by_exit : {false, true}) {
            inquest::channel<int> its(8);
            c_reader one{.queue = &its, .leaves_by_exit = leaves_by_exit};
            auto w = spawn("c", its, outcome_of(read_all, &one, returns_errno(error_in)));
            CHECK(its.push(1));
            its.close();
            CHECK(w.join().value() == 0);
        }
    }
    SUBCASE("a result that takes nothing") {
        queue.close();
        auto w = spawn("c", outcome_of(read_all, &reader, [&] { return static_cast<long>(reader.error); }));
        CHECK(w.join().value() == 0);
    }
    SUBCASE("one that is cancelled is a failure, whatever its result would say") {
        pthread_t thread{};
        REQUIRE(pthread_create(&thread, nullptr, wait_to_be_cancelled, nullptr) == 0);
        auto w = spawn("c", queue, outcome_of(thread, returns_errno(error_in)));
        CHECK(pthread_cancel(thread) == 0);
        CHECK_THROWS_AS((void)w.join(), inquest::thread_cancelled);
        CHECK(
            queue.push(1).error().cause().message().ends_with("thread_cancelled: the thread was cancelled"));
    }
    SUBCASE("one that is not called is joined") {
        queue.close();
        pthread_t thread{};
        REQUIRE(pthread_create(&thread, nullptr, read_all, &reader) == 0);
        const auto never = outcome_of(thread, returns_value(error_in));
    }
}

} // namespace adopt
