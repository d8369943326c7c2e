// What a message costs, for callgrind to count: through a bare channel, through counted ends into a worker, or through a pool, which
// may lease its items; and as a file of an older standard pushes and pops.
#include <inquest/bridge_to.hpp>
#include <inquest/inquest.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <string_view>
#include <thread>

namespace {

// All is pushed before anything is popped, so that nobody waits and each run counts the same.
template <class Popping>
[[gnu::noinline]] std::uint64_t pop_all(Popping& from) {
    std::uint64_t sum = 0;
    while (const auto item = from.pop()) sum += static_cast<std::uint64_t>(*item);
    return sum;
}

template <class Pushing>
[[gnu::noinline]] void push_all(Pushing& to, std::uint64_t messages) {
    for (std::uint64_t n = 0; n < messages; ++n)
        if (!to.push(n)) std::abort();
}

std::uint64_t bare(std::uint64_t messages) {
    inquest::channel<std::uint64_t> queue(messages);
    push_all(queue, messages);
    queue.close();
    std::uint64_t sum = 0;
    std::thread([&] { sum = pop_all(queue); }).join();
    return sum;
}

[[gnu::noinline]] std::uint64_t pop_all(inquest::bridge::queue<std::uint64_t>& from) {
    std::uint64_t sum = 0;
    for (std::uint64_t item = 0; from.pop(item);) sum += item;
    return sum;
}

std::uint64_t bridged(std::uint64_t messages) {
    inquest::channel<std::uint64_t> queue(messages);
    auto old = bridge_to(queue);
    push_all(old, messages);
    queue.close();
    std::uint64_t sum = 0;
    std::thread([&] { sum = pop_all(old); }).join();
    return sum;
}

std::uint64_t worker(std::uint64_t messages) {
    auto [tx, rx] = inquest::make_channel<std::uint64_t>(messages);
    push_all(tx, messages);
    tx.finish();
    auto one =
        inquest::spawn("w", std::move(rx), [](inquest::receiver<std::uint64_t>& in) { return pop_all(in); });
    return one.join().value();
}

// A pool's workers are there from the start, so this one is kept from popping until all is pushed.
template <class Receiver>
std::uint64_t pool(std::uint64_t messages) {
    std::binary_semaphore all_pushed(0);
    auto one = inquest::make_pool<std::uint64_t>({.name = "w", .capacity = messages}, [&](Receiver& in) {
        all_pushed.acquire();
        return pop_all(in);
    });
    push_all(one, messages);
    all_pushed.release();
    return one.finish().value().front();
}

} // namespace

int main(int count, char** given) {
    if (count != 3) return 2;
    const auto messages = std::strtoull(given[2], nullptr, 10);
    const std::string_view through = given[1];
    const auto sum = through == "worker"   ? worker(messages)
                     : through == "bridge" ? bridged(messages)
                     : through == "pool"   ? pool<inquest::receiver<std::uint64_t>>(messages)
                     : through == "lease"  ? pool<inquest::leasing_receiver<std::uint64_t>>(messages)
                                           : bare(messages);
    return sum == messages * (messages - 1) / 2 ? 0 : 1;
}
