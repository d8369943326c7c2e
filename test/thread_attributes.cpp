// What the system gives a worker's thread: the stack, the processors and the priority that its options name; its id and handle.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace thread_attributes {

using inquest::cause_kind;
using inquest::make_channel;
using inquest::receiver;
using inquest::scheduling;
using inquest::spawn;
using inquest::worker_options;

namespace {

// Too little for an instrumented function's frames.
constexpr std::size_t small = SUPPORT_SANITIZER ? 256 * 1024 : 64 * 1024;

std::size_t stack_of_this_thread() {
    pthread_attr_t attributes;
    std::size_t size = 0;
    CHECK(::pthread_getattr_np(::pthread_self(), &attributes) == 0);
    CHECK(::pthread_attr_getstacksize(&attributes, &size) == 0);
    CHECK(::pthread_attr_destroy(&attributes) == 0);
    return size;
}

std::vector<unsigned> processors_of_this_thread() {
    cpu_set_t set;
    CHECK(::sched_getaffinity(0, sizeof set, &set) == 0);
    std::vector<unsigned> all;
    for (unsigned n = 0; n < CPU_SETSIZE; ++n)
        if (CPU_ISSET(n, &set)) all.push_back(n);
    return all;
}

struct priority {
    int policy = -1, real_time = -1, nice = -1;
    bool operator==(const priority&) const = default;
};
priority priority_of_this_thread() {
    priority its;
    sched_param parameters{};
    CHECK(::pthread_getschedparam(::pthread_self(), &its.policy, &parameters) == 0);
    its.real_time = parameters.sched_priority;
    its.nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
    return its;
}

/// What `look` returns on a thread that is started with those options.
template <class F>
auto on_thread(worker_options options, F look) {
    return spawn(std::move(options), [look] { return std::optional(look()); }).join().value().value();
}

std::string refusal(worker_options options) {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<bool> has_run{false};
    auto w = spawn(std::move(options), std::move(rx), [&](receiver<int>&) { has_run = true; });
    const auto& result = w.join();
    CHECK(!has_run);
    REQUIRE(!result);
    CHECK(result.error().cause().kind() == cause_kind::never_started);
    CHECK(tx.push(1).error().cause() == result.error().cause());
    return result.error().message();
}

} // namespace

TEST_CASE("the stack has the size that is asked for, small or large, and others keep the system's") {
    const std::size_t usual = on_thread({.name = "w"}, stack_of_this_thread);
    CHECK(on_thread({.name = "w", .thread = {.stack_size = small}}, stack_of_this_thread) == small);
    CHECK(on_thread({.name = "w", .thread = {.stack_size = 64 << 20}}, stack_of_this_thread) == 64 << 20);
    CHECK(on_thread({.name = "w"}, stack_of_this_thread) == usual);
}

TEST_CASE("a stack that is no stack is refused, by name, and nothing runs") {
    CHECK(refusal({.name = "w", .thread = {.stack_size = 1}}) ==
          "worker 'w' never started: stack size: Invalid argument");
#if !SUPPORT_SANITIZER // whose runtimes end the process if a stack can't be had
    // More than there is of address space: the system's own reason.
    CHECK(refusal({.name = "w", .thread = {.stack_size = std::size_t{1} << 50}})
              .starts_with("worker 'w' never started: stack size: "));
#endif
}

TEST_CASE("a worker with a stack of its own is a worker like any other") {
    const worker_options options{.name = "sized", .thread = {.stack_size = small}};

    SUBCASE("it takes what is pushed, and its result and its error arrive") {
        auto [tx, rx] = make_channel<int>(2);
        auto w = spawn(options, std::move(rx), [](receiver<int>& in) -> std::expected<long, std::string> {
            long sum = 0;
            while (const auto item = in.pop()) {
                if (*item == 13) return std::unexpected("13");
                sum += *item;
            }
            return sum;
        });
        std::string told;
        for (int i = 0; i < 20 && told.empty(); ++i)
            if (auto sent = tx.push(i); !sent) told = resolve(tx, w, sent.error()).message();
        CHECK(w.join().error().message() == "worker 'sized' failed on item 14: 13");
        CHECK((told.empty() || told == w.join().error().message()));
    }
    SUBCASE("what it throws is rethrown") {
        auto w = spawn(options, [] { throw std::runtime_error("x"); });
        CHECK_THROWS_WITH_AS((void)w.join(), "x", std::runtime_error);
    }
    SUBCASE("a forced unwind is reported") {
        auto w = spawn(options, [] { ::pthread_exit(nullptr); });
        CHECK(w.join().error().cause().kind() == cause_kind::forced_unwind);
    }
    SUBCASE("it is stopped: by request, and by the destructor, which joins") {
        std::atomic<int> ended{0};
        inquest::channel<int> queue(1);
        const auto reads = [&](receiver<int>& in) {
            while (in.pop()) {
            }
            ++ended;
        };
        auto w = spawn(options, queue, reads);
        CHECK(w.request_stop());
        CHECK(!w.request_stop());
        (void)w.wait();
        CHECK(ended == 1);
        inquest::channel<int> other(1);
        {
            auto left = spawn(options, other, reads);
        }
        CHECK(ended == 2);
    }
    SUBCASE("destroyed on its own thread, it is detached") {
        std::atomic<bool> go{false}, gone{false};
        using own = inquest::worker<void, inquest::no_error>;
        auto self = std::make_shared<std::optional<own>>();
        self->emplace(spawn(options, [&, self] {
            support::wait_for("its own handle", [&] { return go.load(); });
            self->reset();
            gone = true;
        }));
        self.reset();
        go = true;
        support::wait_for("the detached worker", [&] { return gone.load(); });
    }
}

TEST_CASE("each worker of a pool has what the pool's options say") {
    const auto nice = std::min(priority_of_this_thread().nice + 2, 19);
    auto pool = inquest::make_pool<int>(
        {.name = "w",
         .workers = 3,
         .capacity = 1,
         .thread = {.stack_size = small, .priority = {scheduling::time_sharing, nice}}},
        [nice](receiver<int>&) {
            return std::optional(stack_of_this_thread() == small && priority_of_this_thread().nice == nice);
        });
    const auto all = pool.finish().value();
    CHECK(all.size() == 3);
    for (const auto& its : all) CHECK(its == true);
}

TEST_CASE("a thread runs on the processors that it was given alone") {
    const auto all = processors_of_this_thread();
    std::string list;
    for (const unsigned one : all) {
        const auto number = std::to_string(one);
        list += (list.empty() ? "" : ",") + number;
        for (const auto& just_one : {number, number + '-' + number, number + ',' + number})
            CHECK(on_thread({.name = "w", .thread = {.processors = just_one}}, processors_of_this_thread) ==
                  std::vector{one});
    }
    const bool is_range = all.back() - all.front() + 1 == all.size();
    const auto range = is_range ? std::to_string(all.front()) + '-' + std::to_string(all.back()) : list;
    for (const auto& several : {list, range})
        CHECK(on_thread({.name = "w", .thread = {.processors = several}}, processors_of_this_thread) == all);
    CHECK(on_thread({.name = "w"}, processors_of_this_thread) == all);
    CHECK(processors_of_this_thread() == all);
}

TEST_CASE("a processor that is not there, or no list of processors, is refused by name, and nothing runs") {
    // Linux by itself leaves out those that are not there.
    const auto beside = std::to_string(processors_of_this_thread().front()) + ",1023";
    for (const char* none : {beside.c_str(), "0-1023", "1023", "1024", "99999999999999999999", "all", "-1",
                             "0-", "1-0", "0,", ",0", "0,,0", "0 ", " 0", "0-0-0", "0x1"}) {
        CAPTURE(none);
        CHECK(refusal({.name = "w", .thread = {.processors = none}}) ==
              "worker 'w' never started: processors: Invalid argument");
    }
}

TEST_CASE("a nice value, and no other thread's") {
    const auto mine = priority_of_this_thread();
    const int nicer = std::min(mine.nice + 3, 19);
    const auto its = on_thread({.name = "w", .thread = {.priority = {scheduling::time_sharing, nicer}}},
                               priority_of_this_thread);
    CHECK(its == priority{SCHED_OTHER, 0, nicer});
    CHECK(priority_of_this_thread() == mine);
    CHECK(on_thread({.name = "w"}, priority_of_this_thread) == mine);
    CHECK(refusal({.name = "w", .thread = {.priority = {.value = 7}}}) ==
          "worker 'w' never started: priority: Invalid argument"); // of no policy
    CHECK(refusal({.name = "w", .thread = {.priority = {static_cast<scheduling>(9), 1}}}) ==
          "worker 'w' never started: priority: Invalid argument");
    for (const int none : {-21, 20})
        CHECK(refusal({.name = "w", .thread = {.priority = {scheduling::time_sharing, none}}}) ==
              "worker 'w' never started: priority: Invalid argument");
}

TEST_CASE("a real-time priority if this process has the right to it, else the system's refusal") {
    const int own[] = {SCHED_FIFO, SCHED_RR};
    const scheduling policies[] = {scheduling::fifo, scheduling::round_robin};
    for (int i : {0, 1}) {
        auto w = spawn({.name = "urgent", .thread = {.priority = {policies[i], 1}}},
                       [] { return std::optional(priority_of_this_thread()); });
        const auto& result = w.join();
        if (result)
            CHECK(result->value() == priority{own[i], 1, result->value().nice});
        else
            CHECK(result.error().message() ==
                  "worker 'urgent' never started: priority: Operation not permitted");
        CHECK(refusal({.name = "w", .thread = {.priority = {policies[i], 100}}}) ==
              "worker 'w' never started: priority: Invalid argument");
    }
}

TEST_CASE("all at once") {
    const unsigned one = processors_of_this_thread().front();
    const int nicer = std::min(priority_of_this_thread().nice + 1, 19);
    auto w = spawn({.name = "w",
                    .thread = {.stack_size = small,
                               .processors = std::to_string(one),
                               .priority = {scheduling::time_sharing, nicer}}},
                   [&] {
                       CHECK(stack_of_this_thread() == small);
                       CHECK(processors_of_this_thread() == std::vector{one});
                       CHECK(priority_of_this_thread().nice == nicer);
                   });
    CHECK(w.join());
}

TEST_CASE("the id and the handle are those of the thread, whatever its stack") {
    for (const std::size_t stack : {std::size_t{0}, small}) {
        std::atomic<bool> go{false};
        auto w = spawn({.name = "w", .thread = {.stack_size = stack}}, [&] {
            support::wait_for("the other thread", [&] { return go.load(); });
            return std::optional(std::pair(std::this_thread::get_id(), ::pthread_self()));
        });
        const auto id = w.get_id();
        const auto handle = w.native_handle();
        char name[16] = "";
        support::wait_for("its name", [&] {
            return ::pthread_getname_np(handle, name, sizeof name) == 0 && std::string(name) == "w";
        });
        go = true;
        const auto its = w.join().value().value();
        CHECK(id == its.first);
        CHECK(::pthread_equal(handle, its.second));
        CHECK(w.get_id() == id);
    }
}

TEST_CASE("a worker without a thread has no id") {
    inquest::worker<void, inquest::no_error> w;
    CHECK(w.get_id() == std::thread::id());
    CHECK_THROWS_AS((void)w.native_handle(), std::future_error);
    auto never = spawn({.name = "w", .thread = {.stack_size = 1}}, [] {});
    CHECK(never.get_id() == std::thread::id());
    CHECK(never.native_handle() == decltype(never)::native_handle_type{});
    CHECK(!never.join());
}

} // namespace thread_attributes
