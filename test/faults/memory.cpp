// Memory that is counted: what allocates, and what must not. The program has an operator new of its own.
#include "../support/support.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <new>

namespace {

std::atomic<long> allocations{0};

} // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

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
