// Copying an item, which may take as long as it likes, keeps nobody else from going on.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

namespace copies {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::channel;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;
using support::wait_for;
using support::wait_for_blocked;

namespace {

/// Run by the copies, of what stands there, and by the moves that are made on this thread.
thread_local std::function<void(const void*)> on_copy;
thread_local std::function<void()> on_move;
thread_local int copies = 0;

void note_copy(const void* from) {
    ++copies;
    if (on_copy) on_copy(from);
}

/// Moving it can't throw, so it is copied before the lock is taken.
struct light {
    explicit light(int v = 0) : value(v) {}
    light(const light& o) : value(o.value) { note_copy(&o); }
    light(light&& o) noexcept : value(std::exchange(o.value, -1)) {
        if (on_move) on_move();
    }
    light& operator=(const light&) = default;
    int value;
};

/// Like most classes of old code: it moves by copying, which is so under the lock.
struct heavy {
    explicit heavy(int v = 0) : value(v) {}
    heavy(const heavy& o) : value(o.value) { note_copy(&o); }
    heavy& operator=(const heavy&) = default;
    int value;
};

/// While one lives, and on its thread.
struct while_copying {
    explicit while_copying(std::function<void()> what) {
        if (what) on_copy = [what = std::move(what)](const void*) { what(); };
        copies = 0;
    }
    ~while_copying() { on_copy = nullptr; }
};

void elsewhere(auto&& what) { std::jthread thread(what); }

} // namespace

TEST_CASE("while a copy is made for a push, every other operation goes on") {
    channel<light> queue(4);
    CHECK(queue.push(light(1)));
    const while_copying during([&] {
        if (copies > 1) return;
        elsewhere([&] {
            CHECK(queue.size() == 1);
            CHECK(queue.try_push(light(2)));
            CHECK(queue.push(light(3)));
            CHECK(queue.pop()->value == 1);
            CHECK(queue.pop_for(1h)->value == 2);
            CHECK(queue.try_pop()->value == 3);
            CHECK(queue.pop_for(1ms).error().status() == status::timeout);
            CHECK_FALSE(queue.cause());
        });
    });
    const light item(4);
    CHECK(queue.push(item));
    CHECK(queue.pop()->value == 4);
    CHECK(copies == 1);
}

TEST_CASE("while a copy is made for a push, the channel may be destroyed, and so may the ends") {
    const std::vector<light> items(3);
    for (const bool range : {false, true}) {
        const auto refused = [&](auto& end) {
            return range ? end.push_range(items).error() : end.push(items[0]).error();
        };
        {
            auto queue = std::make_unique<channel<light>>(4);
            const while_copying during([&] { elsewhere([&] { queue.reset(); }); });
            const auto why = refused(*queue);
            CHECK(why.status() == status::closed);
            CHECK(why.cause().kind() == inquest::cause_kind::destroyed);
        }
        {
            auto ends = make_channel<light>(4);
            const while_copying during([&] { ends = make_channel<light>(1); });
            const auto why = refused(ends.first);
            CHECK(why.status() == status::closed);
            CHECK(why.cause());
        }
    }
    // Also in a push from where its sender has pushed before.
    auto ends = make_channel<light>(4);
    const auto push = [&] { return ends.first.push(items[0]); };
    CHECK(push());
    const while_copying during([&] { ends = make_channel<light>(1); });
    CHECK(push().error().status() == status::closed);
}

TEST_CASE_TEMPLATE("a copy into a channel holds up no pop, no timeout and no stop", T, light, heavy) {
    support::caught_hook quiet; // the item may stay with a worker that was stopped
    channel<T> queue(4);
    std::stop_source stop, stop_parked;
    std::optional<inquest::pop_error> parked;
    std::jthread waits([&] { parked = queue.pop(stop_parked.get_token()).error(); });
    wait_for_blocked(queue);
    std::atomic<bool> go{false}, told{false};
    auto w = spawn("w", queue, [&](receiver<T>& in) {
        wait_for("the copy", [&] { return go.load(); });
        told = in.pop().error().status() == status::stopped;
    });
    const while_copying during([&] {
        stop_parked.request_stop(); // it is parked since before the copy
        waits.join();
        elsewhere([&] {
            CHECK(queue.try_pop().error().status() == status::empty);
            CHECK_FALSE(queue.cause());
            CHECK_FALSE(queue.is_closed());
            CHECK_FALSE(w.peek());
            CHECK(queue.pop_for(1ms).error().status() == status::timeout);
            std::jthread stopper([&] { stop.request_stop(); });
            CHECK(queue.pop(stop.get_token()).error().status() == status::stopped);
            std::vector<T> into;
            CHECK(queue.pop_exactly_for(into, 2, 1ms).error().status() == status::timeout);
        });
        go = true;
        wait_for_blocked(queue);
        w.request_stop();
        wait_for("the worker's pop", [&] { return told.load(); });
    });
    const T item(1);
    std::ignore =
        queue.push(item); // the worker was the last one: its end closes the channel before the push or after
    CHECK(copies >= 1);
    CHECK(w.wait());
    REQUIRE(parked);
    CHECK(parked->status() == status::stopped);
}

TEST_CASE_TEMPLATE("each item of a copied range is there before the next one is copied", T, light, heavy) {
    channel<T> queue(8);
    std::atomic<int> popped{0};
    std::jthread consumer([&] {
        for (int i = 0; i < 4; ++i) {
            CHECK(queue.pop()->value == i);
            ++popped;
        }
    });
    wait_for_blocked(queue);
    const std::array items{T(0), T(1), T(2), T(3)};
    const while_copying during([&] {
        const int before = copies - 1; // what was copied before this one
        if (before <= 3) wait_for("the consumer", [&] { return popped >= before; });
    });
    CHECK(queue.push_range(items).value() == 4);
}

TEST_CASE("a pop that is parked is given the first item of a moved range before the second is moved") {
    channel<light> queue(8);
    std::atomic<bool> popped{false};
    std::jthread consumer([&] {
        CHECK(queue.pop()->value == 0);
        popped = true;
    });
    wait_for_blocked(queue);
    std::array items{light(0), light(1), light(2)};
    int moves = 0;
    on_move = [&] {
        if (++moves == 2) wait_for("the consumer", [&] { return popped.load(); });
    };
    CHECK(queue.push_range(items).value() == 3);
    on_move = nullptr;
    CHECK(queue.size() == 2);
}

TEST_CASE("a worker's failure closes the channel while a copy is being made") {
    auto [tx, rx] = make_channel<light>(4);
    CHECK(tx.push(light(1)));
    auto w = spawn("w", std::move(rx), [](receiver<light>& in) -> std::expected<void, std::string> {
        (void)in.pop();
        return std::unexpected("disk full");
    });
    const while_copying during([&] { wait_for("the worker's end", [&] { return w.is_done(); }); });
    const light item(2);
    const auto sent = tx.push(item);
    REQUIRE(!sent);
    CHECK(sent.error().cause().text() == "disk full");
    CHECK(item.value == 2);
    CHECK(w.report()->message() == "worker 'w' failed on item 1: disk full");
}

TEST_CASE("a push that is not to wait makes no copy unless there is room") {
    channel<light> queue(1);
    const light item(1);
    CHECK(queue.push(item));
    const while_copying counting(nullptr);
    CHECK(queue.try_push(item).error().status() == status::full);
    const std::array items{item, light(2)};
    copies = 0;
    CHECK(queue.try_push_range(items).error().status() == status::full);
    CHECK(copies == 0);
    (void)queue.pop();
    CHECK(queue.try_push_range(items).error().accepted() == 1);
    CHECK(copies == 1);
    queue.close();
    CHECK(queue.try_push(item).error().status() == status::closed);
    CHECK(queue.try_push_range(items).error().status() == status::closed);
    CHECK(copies == 1);
    CHECK(item.value == 1);
}

TEST_CASE("a push that waits copies once, whatever becomes of it") {
    channel<light> queue(1);
    const light item(1);
    CHECK(queue.push(light(0)));
    const while_copying counting(nullptr);
    CHECK(queue.push_for(item, 1ms).error().status() == status::timeout);
    CHECK(copies == 1);
    std::jthread consumer([&] {
        wait_for_blocked(queue);
        (void)queue.pop();
    });
    CHECK(queue.push(item));
    CHECK(copies == 2);
    CHECK(item.value == 1);
    const std::array items{light(2), light(3)};
    copies = 0;
    CHECK(queue.push_range_for(items, 1ms).error().accepted() == 0);
    CHECK(copies == 1);
}

TEST_CASE("a copy that throws midway in a range leaves those before it queued, and the rest as they were") {
    channel<light> queue(8);
    const std::array items{light(0), light(1), light(2), light(3)};
    {
        const while_copying during([] {
            if (copies == 3) throw std::runtime_error("copying failed");
        });
        CHECK_THROWS_AS((void)queue.push_range(items), std::runtime_error);
    }
    CHECK(queue.size() == 2);
    CHECK(queue.pop()->value == 0);
    CHECK(queue.pop()->value == 1);
    CHECK(queue.try_pop().error().status() == status::empty);
    CHECK(queue.push(items[2]));
    CHECK(queue.pop()->value == 2);
}

TEST_CASE("a close, a stop and a deadline that come while a range copies end it before the next item") {
    for (const auto how : {status::closed, status::stopped, status::timeout}) {
        INFO(to_string(how));
        channel<light> queue(1);
        std::stop_source stop;
        const std::array items{light(0), light(1)};
        const while_copying during([&] {
            if (copies != 2) return;
            if (how == status::closed) queue.close();
            if (how == status::stopped) stop.request_stop();
        });
        const auto sent = queue.push_range_for(items, how == status::timeout ? 1ms : 1h, stop.get_token());
        REQUIRE(!sent);
        CHECK(sent.error().status() == how);
        CHECK(sent.error().accepted() == 1);
        CHECK(items[1].value == 1);
    }
}

TEST_CASE(
    "a vector that pop_exactly fills grows outside the lock: what is in it may be copied for as long as "
    "it takes") {
    channel<heavy> queue(2);
    std::atomic<int> pushed{0}, taken{0};
    std::jthread producer([&] {
        for (int i = 0; i < 8; ++i, ++pushed) REQUIRE(queue.push(heavy(i)));
    });
    std::vector<heavy> into;
    int grown = 0;
    on_copy = [&](const void* from) {
        if (!into.empty() && from >= into.data() && from < into.data() + into.size()) {
            ++grown;
            elsewhere([&] { CHECK(queue.size() <= 2); });
        } else { // out of a slot: the next one is there before this one is out, so that it could be taken as well
            wait_for("the producer", [&] { return pushed > std::min(taken.load(), 7); });
            ++taken;
        }
    };
    CHECK(queue.pop_exactly(into, 8).value() == 8);
    on_copy = nullptr;
    CHECK(grown > 0);
    for (int i = 0; i < 8; ++i) CHECK(into[static_cast<std::size_t>(i)].value == i);
}

TEST_CASE("an item is not lost if the vector that pop_exactly fills can't grow") {
    channel<heavy> queue(8);
    for (int i = 0; i < 8; ++i) CHECK(queue.push(heavy(i)));
    std::vector<heavy> into;
    on_copy = [&](const void* from) {
        if (!into.empty() && from >= into.data() && from < into.data() + into.size())
            throw std::runtime_error("copying failed");
    };
    CHECK(queue.pop_exactly(into, 1).value() == 1);
    into.shrink_to_fit();
    while (into.size() < into.capacity()) CHECK(queue.pop_exactly(into, 1).value() == 1);
    const auto had = into.size();
    CHECK_THROWS_AS((void)queue.pop_exactly(into, 8), std::runtime_error);
    on_copy = nullptr;
    CHECK(into.size() == had);
    CHECK(queue.pop()->value == static_cast<int>(had));
}

} // namespace copies
