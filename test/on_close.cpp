// Functions that are called when a channel closes.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <unistd.h>

namespace on_close {

using inquest::cause_kind;
using inquest::channel;
using inquest::make_channel;
using inquest::pop_error;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using support::wait_for;

namespace {

/// The endings that a function was called with.
struct endings {
    std::vector<std::string> seen;
    auto fn() {
        return [this](const pop_error& ending) { seen.push_back(ending.message()); };
    }
};

} // namespace

TEST_CASE("whoever closes the channel, the function is called once, with how pops end") {
    using in = receiver<int>;
    using out = sender<int>;
    struct way {
        const char* name;
        void (*close)(std::optional<out>& tx, std::optional<in>& rx);
        const char* says;
    };
    const way all[] = {
        {"finish", [](auto& tx, auto&) { tx->finish(); }, "complete"},
        {"close", [](auto& tx, auto&) { tx->close(); }, "complete"},
        {"close by the receiver", [](auto&, auto& rx) { rx->close(); }, "closed: channel closed by thread "},
        {"close with a cause", [](auto& tx, auto&) { tx->close(inquest::cause("why")); }, "truncated: why"},
        {"abort", [](auto& tx, auto&) { tx->abort(inquest::cause("why")); }, "aborted: why"},
        {"recover", [](auto& tx, auto&) { CHECK(tx->recover().size() == 1); }, "aborted"},
        {"abandoned", [](auto& tx, auto&) { tx.reset(); },
         "truncated: producer left without finish: thread "},
        {"dropped", [](auto&, auto& rx) { rx.reset(); }, "closed: receiver dropped by thread "},
        {"a worker's error",
         [](auto&, auto& rx) {
             auto w = spawn("w", std::move(*rx),
                            [](in&) -> std::expected<void, std::string> { return std::unexpected("why"); });
             CHECK(w.report());
         },
         "aborted: worker 'w' failed: why"},
        {"a worker that left", [](auto&, auto& rx) { CHECK(spawn("w", std::move(*rx), [](in&) {}).join()); },
         "closed: worker 'w' finished early"},
    };
    for (const auto& one : all) {
        CAPTURE(one.name);
        endings by_sender, by_receiver;
        auto [tx, rx] = make_channel<int>(4);
        CHECK(tx.push(1));
        std::optional<out> its_tx(std::move(tx));
        std::optional<in> its_rx(std::move(rx));
        const auto first = its_tx->on_close(by_sender.fn());
        const auto second = its_rx->on_close(by_receiver.fn());
        CHECK(by_sender.seen.empty());
        one.close(its_tx, its_rx);
        REQUIRE(by_sender.seen.size() == 1);
        CHECK(by_sender.seen.front().starts_with(one.says));
        CHECK(by_receiver.seen == by_sender.seen);
        if (its_tx) (void)its_tx->close(inquest::cause("later")); // it has closed before
        if (its_tx) (void)its_tx->abort(inquest::cause("later"));
        CHECK(by_sender.seen.size() == 1);
    }
}

TEST_CASE("the destructor of a channel that is open calls it, and it may outlive the channel") {
    endings its;
    std::optional<channel<int>> queue(std::in_place, 4);
    const auto registered = queue->on_close(its.fn());
    queue.reset();
    CHECK(its.seen == std::vector<std::string>{"aborted: channel destroyed"});
}

TEST_CASE("on a channel that has closed, and on an end that was moved from, it is called at once") {
    endings its;
    auto [tx, rx] = make_channel<int>(4);
    tx.finish();
    const auto late = rx.on_close(its.fn());
    CHECK(its.seen == std::vector<std::string>{"complete"});
    const auto elsewhere = std::move(rx);
    const auto none = rx.on_close(its.fn());
    CHECK(its.seen == std::vector<std::string>{"complete", "closed"});
}

TEST_CASE("what was removed is not called, and those that are left come in order") {
    std::string order;
    channel<int> queue(4);
    const auto adds = [&](char c) { return queue.on_close([&order, c](const pop_error&) { order += c; }); };
    auto a = adds('a');
    std::optional b(adds('b'));
    auto c = adds('c');
    b.reset();
    auto moved = std::move(a);
    c = adds('d'); // the one before is removed
    CHECK(queue.push(1));
    CHECK(order.empty());
    queue.close();
    CHECK(order == "ad");
}

TEST_CASE("it is called outside every lock: it may use the channel, register, and remove itself") {
    channel<int> queue(4);
    CHECK(queue.push(1));
    std::optional<inquest::close_callback> self;
    endings inner;
    std::optional<inquest::close_callback> another;
    int taken = 0;
    self.emplace(queue.on_close([&](const pop_error&) {
        CHECK(queue.is_closed());
        CHECK(queue.size() == 1);
        taken = queue.pop().value();
        another.emplace(queue.on_close(inner.fn()));
        self.reset(); // does not wait for itself
    }));
    queue.close();
    CHECK(taken == 1);
    CHECK(inner.seen == std::vector<std::string>{"complete"});
    CHECK_FALSE(self);
}

TEST_CASE("what a function throws goes no further, and the others are called") {
    endings its;
    channel<int> queue(4);
    const auto first = queue.on_close([](const pop_error&) { throw std::runtime_error("mine"); });
    const auto other = queue.on_close([](const pop_error&) { throw 1; });
    const auto second = queue.on_close(its.fn());
    CHECK(queue.close());
    CHECK(its.seen.size() == 1);
}

TEST_CASE("removing one that runs on another thread waits until it has returned") {
    channel<int> queue(4);
    std::atomic<bool> running{false}, go{false}, returned{false};
    std::optional<inquest::close_callback> its(queue.on_close([&](const pop_error&) {
        running = true;
        support::look_for([&] { return go.load(); });
        returned = true;
    }));
    std::jthread closer([&] { queue.close(); });
    wait_for("the function to run", [&] { return running.load(); });
    std::jthread frees([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        CHECK_FALSE(returned);
        go = true;
    });
    its.reset();
    CHECK(returned);
}

TEST_CASE("registering and removing race with closing: called once, or not at all, and never after it was "
          "removed") {
    support::rounds rounds(20'000);
    int called = 0;
    while (rounds.another()) {
        channel<int> queue(1);
        std::atomic<int> here{0};
        std::atomic<int> calls{0};
        std::jthread closer([&] {
            ++here;
            support::look_for([&] { return here == 2; });
            queue.close();
        });
        ++here;
        support::look_for([&] { return here == 2; });
        int before = 0;
        {
            auto its = queue.on_close([&](const pop_error&) { ++calls; });
            for (std::atomic<int> dally = rounds.number() % 60; dally > 0; --dally) {
            }
        }
        before = calls;
        closer.join();
        CHECK(calls == before);
        CHECK(calls <= 1);
        called += calls;
    }
    MESSAGE("called in ", called, " of ", rounds.number());
}

TEST_CASE("a producer that sits in poll wakes when its consumer dies") {
    int source[2]; // silent for the whole test: what the producer reads from
    REQUIRE(pipe(source) == 0);
    const int woken = eventfd(0, EFD_NONBLOCK);
    REQUIRE(woken >= 0);
    {
        auto [tx, rx] = make_channel<int>(4);
        std::atomic<bool> polling{false};
        auto w = spawn("w", std::move(rx), [&](receiver<int>&) -> std::expected<void, std::string> {
            support::look_for([&] { return polling.load(); });
            return std::unexpected("disk full");
        });
        const auto registered = tx.on_close([&](const pop_error&) {
            const std::uint64_t one = 1;
            CHECK(write(woken, &one, sizeof one) == sizeof one);
        });
        pollfd both[2] = {{source[0], POLLIN, 0}, {woken, POLLIN, 0}};
        polling = true;
        REQUIRE(poll(both, 2, -1) == 1); // for ever, if nobody wakes it
        CHECK((both[1].revents & POLLIN) != 0);
        CHECK(tx.cause().message() == "worker 'w' failed: disk full");
        CHECK(w.report());
    }
    for (const int fd : {source[0], source[1], woken}) close(fd);
}

TEST_CASE("a function that pushes through the very sender whose end closes the channel is refused") {
    auto [tx, rx] = make_channel<int>(4);
    auto its = std::make_unique<inquest::sender<int>>(std::move(tx));
    const auto push = [one = its.get()] { return one->push(1); }; // from one place
    CHECK(push());
    std::optional<status> refused;
    const auto callback = rx.on_close([&](const inquest::pop_error&) {
        const auto sent = push();
        refused = sent ? status::complete : sent.error().status();
    });
    its.reset();
    CHECK(refused == status::closed);
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().error().status() == status::truncated);
}

} // namespace on_close
