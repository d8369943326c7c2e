// Memory that is counted: what allocates, and what must not. The program has an operator new of its own.
#include "../support/support.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <new>

namespace {

std::atomic<long> allocations{0}, alive{0};
std::atomic<long> fail_at{0}; // 1: the next one; 0: none
std::atomic<long> refused{0};
constinit thread_local bool starving = false; // this thread is given none at all

} // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (starving) {
        ++refused;
        throw std::bad_alloc();
    }
    if (fail_at.load() > 0 && fail_at.fetch_sub(1) == 1) throw std::bad_alloc();
    ++alive;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
// Inlined, GCC 12 would take its `free` for a mismatch with the `new` that it has not inlined.
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (memory) --alive;
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;

TEST_CASE("push and pop allocate nothing, blocked or not, also on their way to an end") {
    auto [tx, rx] = make_channel<long>(2);
    inquest::channel<long> done(1);
    auto w = spawn("echo", std::move(rx), [&done](receiver<long>& r) {
        while (auto item = r.pop()) (void)done.push(*item);
    });
    support::wait_for_blocked(tx); // the worker has started, and waits
    const long before = allocations.load();
    bool good = true;
    for (long i = 0; i < 1000; ++i) {
        good = good && tx.push(i);
        good = good && done.pop().value() == i;
    }
    good = good && tx.try_push(1) && done.pop().value() == 1;
    tx.finish();
    good = good && !tx.push(2);
    const long during = allocations.load() - before;
    CHECK(good);
    CHECK(during == 0);
    CHECK(w.join().has_value());
}

namespace {

using outcome = std::expected<int, std::string>;

outcome reads(receiver<std::string>& in, bool fails) {
    int n = 0;
    while (auto line = in.pop()) {
        ++n;
        if (fails && n == 3) return std::unexpected("the third line is one too many for this worker to take");
    }
    return n;
}

// A whole life: ends, workers, pushes, a failure, the question why, what is left over.
void whole_life(bool fails) {
    auto [tx, rx] = inquest::make_channel<std::string>({.capacity = 2, .name = "a channel with a long name"});
    std::vector<inquest::worker<int, std::string>> workers;
    for (int i = 0; i < 2; ++i)
        workers.push_back(spawn("a worker with a long name", rx,
                                [fails](receiver<std::string>& in) { return reads(in, fails); }));
    for (int i = 0; i < 10; ++i) {
        auto sent = tx.push(std::string(100, 'x'));
        if (sent) continue;
        auto why = resolve_first(tx, workers, sent.error());
        (void)why.message();
        (void)tx.recover();
        return;
    }
    tx.finish();
    for (auto& w : workers) (void)w.join();
    if (auto failed = report(workers)) (void)failed->message();
}

} // namespace

TEST_CASE(
    "operator new may fail at any call: nothing hangs, nothing is leaked, and nothing ends the process") {
    const auto quiet = inquest::set_failure_hook([](const inquest::cause&) {});
    for (const bool fails : {false, true}) {
        whole_life(fails); // what is made once in a process is made now
        int thrown = 0, lived = 0;
        for (long n = 1; lived < 20; ++n) {
            const long before = alive.load();
            fail_at = n;
            bool ran_out = false;
            try {
                whole_life(fails);
            } catch (const std::bad_alloc&) {
                ran_out = true;
            }
            const bool reached = fail_at.exchange(0) <= 0;
            ++(ran_out ? thrown : lived);
            if (reached) lived = 0;                                  // not yet past the last allocation
            while (alive.load() > before) std::this_thread::yield(); // a leak is told by the watchdog
            CHECK(alive.load() == before);
            REQUIRE(n < 2000);
        }
        CHECK(thrown > 10);
    }
    inquest::set_failure_hook(quiet);
}

TEST_CASE(
    "recover into a vector loses nothing to a failed allocation, be it the vector's or an item's copy's") {
    // As old classes are: no move, and a copy that allocates.
    struct old_text {
        explicit old_text(std::string t) : text(std::move(t)) {}
        old_text(const old_text&) = default;
        std::string text;
    };
    const auto text = [](int i) { return std::to_string(i) + std::string(100, 'x'); };
    const auto recovered_whole = [&]<class T>(std::type_identity<T>, int allocations_of_all) {
        for (int n = 1; n <= allocations_of_all + 1; ++n) {
            CAPTURE(n);
            auto [tx, rx] = make_channel<T>(5);
            for (int i = 0; i < 5; ++i) REQUIRE(tx.push(T(text(i))));
            (void)rx.abort(inquest::cause("over"));
            bool ran_out = false;
            std::vector<T> items;
            fail_at = n;
            try {
                items = rx.recover();
            } catch (const std::bad_alloc&) {
                ran_out = true;
            }
            fail_at = 0;
            CHECK(ran_out == (n <= allocations_of_all));
            if (ran_out) {
                CHECK(rx.size() == 5);
                items = tx.recover();
            }
            REQUIRE(items.size() == 5);
            for (int i = 0; i < 5; ++i)
                if constexpr (std::same_as<T, std::string>)
                    CHECK(items[static_cast<std::size_t>(i)] == text(i));
                else
                    CHECK(items[static_cast<std::size_t>(i)].text == text(i));
            CHECK(rx.size() == 0);
        }
    };
    recovered_whole(std::type_identity<std::string>(), 1);
    recovered_whole(std::type_identity<old_text>(), 6);
}

TEST_CASE("a long wait that there is no memory to tell of goes on, in a destructor too") {
    const auto after = inquest::set_long_wait_threshold(std::chrono::milliseconds(1));
    for (const bool destroyed : {true, false}) {
        std::atomic<bool> go{false};
        const long before = refused.load();
        std::jthread opener([&] {
            while (refused.load() < before + 2) std::this_thread::yield();
            go = true;
        });
        const auto turns = [&] {
            while (!go) std::this_thread::yield();
        };
        auto w = std::make_unique<inquest::worker<void, inquest::no_error>>(
            spawn("a worker with a long name", turns));
        starving = true;
        if (destroyed)
            w.reset();
        else
            (void)w->join();
        starving = false;
        CHECK(go);
    }
    inquest::set_long_wait_threshold(after);
}

TEST_CASE("a worker with no memory left still passes a failure on, or returns one of its own") {
    using passed = std::expected<void, inquest::failure<std::string>>;
    auto root = spawn("a root with a long name",
                      []() -> std::expected<void, std::string> { return std::unexpected("rotten"); });
    for (const bool own : {false, true}) {
        auto [tx, rx] = make_channel<int>(1);
        auto w = spawn("a worker with a long name", std::move(rx), [&root, own](receiver<int>&) -> passed {
            passed out = std::unexpected(*root.report());
            if (own)
                out = std::unexpected(inquest::failure<std::string>("a reason of its own, and a long one"));
            starving = true;
            return out;
        });
        const auto& why = w.join().error();
        CHECK((why.cause() == root.report()->cause()) == !own);
        CHECK(why.error() != nullptr);
        CHECK(tx.cause() == why.cause());
    }
}
