// Deadlines of clocks other than the steady one.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace clocks {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;
using support::wait_for_blocked;

namespace {

/// A clock of the day: it stands still, and somebody sets it.
struct set_clock {
    using duration = std::chrono::milliseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<set_clock>;
    [[maybe_unused]] static constexpr bool is_steady = false;
    static std::atomic<rep>& reading() {
        static std::atomic<rep> its{0};
        return its;
    }
    static std::atomic<int>& looks() {
        static std::atomic<int> its{0};
        return its;
    }
    static time_point now() {
        ++looks();
        return time_point(duration(reading().load()));
    }
    static void wait_for_looks(int more) {
        const int enough = looks() + more;
        support::wait_for("looks at the clock", [&] { return looks() >= enough; });
    }
};

} // namespace

TEST_CASE("a deadline of a clock that is set holds as that clock says") {
    using namespace std::chrono;
    inquest::channel<int> queue(1), spins({.capacity = 1, .spin = 1'000'000'000});
    CHECK(queue.pop_until(system_clock::now() - 1h).error().status() == status::timeout);
    CHECK(queue.pop_until(system_clock::now() + 1ms).error().status() == status::timeout);
    CHECK(queue.pop_until(system_clock::time_point::min()).error().status() == status::timeout);
    CHECK(queue.pop_until(floor<seconds>(system_clock::now())).error().status() == status::timeout);
    CHECK(queue.push_until(1, system_clock::now() + 1h));
    CHECK(queue.push_until(2, system_clock::now()).error().status() == status::timeout);
    CHECK(queue.push_until(2, set_clock::now() - 1ms).error().status() == status::timeout);
    CHECK(queue.pop_until(system_clock::time_point::max()).value() == 1);

    set_clock::reading() = 1000;
    SUBCASE("set ahead while a call waits") {
        std::jthread consumer(
            [&] { CHECK(queue.pop_until(set_clock::time_point(1h)).error().status() == status::timeout); });
        wait_for_blocked(queue);
        set_clock::reading() = duration_cast<milliseconds>(2h).count();
    }
    SUBCASE("set ahead while a call spins") {
        std::jthread consumer(
            [&] { CHECK(spins.pop_until(set_clock::time_point(1h)).error().status() == status::timeout); });
        support::wait_for_a_call(spins);
        set_clock::reading() = duration_cast<milliseconds>(2h).count();
    }
    SUBCASE("set ahead while the close is waited for") {
        std::jthread waiting([&] { CHECK(!queue.wait_closed_until(set_clock::time_point(1h))); });
        set_clock::wait_for_looks(2);
        set_clock::reading() = duration_cast<milliseconds>(2h).count();
    }
    SUBCASE("late while a call waits") {
        std::jthread consumer([&] {
            CHECK(queue.pop_until(set_clock::time_point(1001ms)).value() == 5); // which never comes
        });
        wait_for_blocked(queue);
        set_clock::wait_for_looks(3);
        CHECK(queue.push(5));
    }
    SUBCASE("a stop, and the stream's end, come in time all the same") {
        std::stop_source source;
        std::jthread one([&] {
            CHECK(queue.pop_until(set_clock::time_point(1h), source.get_token()).error().status() ==
                  status::stopped);
        });
        std::jthread other(
            [&] { CHECK(queue.pop_until(set_clock::time_point(1h)).error().status() == status::complete); });
        wait_for_blocked(queue, 2);
        source.request_stop();
        one.join();
        queue.close();
    }
}

namespace {

/// It asks a channel.
struct nosy_clock : set_clock {
    using time_point = std::chrono::time_point<nosy_clock>;
    static inquest::channel<int>*& asks() {
        static inquest::channel<int>* its = nullptr;
        return its;
    }
    static time_point now() {
        (void)asks()->size();
        return time_point(set_clock::now().time_since_epoch());
    }
};

} // namespace

TEST_CASE("a clock is not read under the channel's locks") {
    inquest::channel<int> queue(1);
    nosy_clock::asks() = &queue;
    set_clock::reading() = 1000;
    CHECK(queue.pop_until(nosy_clock::time_point(0ms)).error().status() == status::timeout);
    {
        std::jthread consumer([&] { CHECK(queue.pop_until(nosy_clock::time_point(1h)).value() == 1); });
        wait_for_blocked(queue);
        CHECK(queue.push(1));
    }
    CHECK(queue.push(2));
    CHECK(queue.push_until(3, nosy_clock::time_point(0ms)).error().status() == status::timeout);
}

TEST_CASE("waits for a worker take a deadline of any clock") {
    using namespace std::chrono;
    set_clock::reading() = 1000;
    std::atomic<bool> go{false};
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", rx, [&](receiver<int>&) -> std::expected<long, std::string> {
        support::wait_for("go", [&] { return go.load(); });
        return std::unexpected("full");
    });
    CHECK(!w.join_until(system_clock::now()));
    CHECK(!w.wait_until(system_clock::now() + 1ms));
    {
        std::jthread waiting([&] { CHECK(!w.wait_until(set_clock::time_point(2s))); });
        set_clock::wait_for_looks(2);
        set_clock::reading() = 3000;
    }
    tx.close(cause("over"));
    const auto refused = tx.push(1);
    CHECK(!resolve_until(tx, w, refused.error(), set_clock::time_point(2s)));
    {
        std::jthread waiting([&] { CHECK(w.wait_until(set_clock::time_point(4s))); }); // the clock stands
        set_clock::wait_for_looks(2);
        go = true;
    }
    CHECK(*resolve_until(tx, w, refused.error(), system_clock::now() + 1h)->error() == "full");
    CHECK(w.join_until(set_clock::time_point(0s))->get().error().message() == "worker 'w' failed: full");
}

} // namespace clocks
