// The events that end a stream, in every order, against a small model of what the table of events says.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <optional>

namespace event_table {

using inquest::cause;
using inquest::cause_kind;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using support::wait_for_blocked;

namespace {

enum class event {
    finish,
    close_producer,
    close_receiver,
    close_resolve,
    close_cause,
    abandon,
    abort,
    failure
};
constexpr std::array events{event::finish,        event::close_producer, event::close_receiver,
                            event::close_resolve, event::close_cause,    event::abandon,
                            event::abort,         event::failure};
const std::array<std::string, 8> names{"finish",      "close_producer", "close_receiver", "close_resolve",
                                       "close_cause", "abandon",        "abort",          "failure"};

/// What the table of events says, in its plainest form.
struct model {
    bool open = true, stopped = false, truncated = false, finished = false, abandoned = false, failed = false;
    status end = status::complete;
    event filled_by{};
    bool filled = false;

    void fill(event by) {
        if (!filled) filled_by = by;
        filled = true;
    }
    void close(status with) {
        if (open) end = with;
        open = false;
    }
    void apply(event e) {
        switch (e) {
        case event::finish:
            finished = true;
            return close(status::complete);
        case event::close_producer:
            return close(status::complete);
        case event::close_receiver:
            return close(status::closed);
        case event::close_resolve:
            return close(status::truncated);
        case event::close_cause:
            fill(e);
            return close(status::truncated);
        case event::abandon:
            if (open && !finished && !abandoned) {
                truncated = true;
                fill(e);
            }
            abandoned = true;
            return;
        case event::abort:
            fill(e);
            stopped = true;
            return close(status::aborted);
        case event::failure:
            if (!failed) {
                failed = true;
                fill(e);
                stopped = true;
                close(status::aborted);
            }
            return;
        }
    }
    status last_pop() const {
        if (stopped) return status::aborted;
        return filled || truncated ? status::truncated : end;
    }
};

/// A channel with one item, two senders, of which one may leave, and a worker that may fail.
struct stage {
    std::optional<sender<int>> stays, leaves;
    std::optional<receiver<int>> rx;
    std::atomic<bool> fail{false}, end{false};
    std::optional<inquest::worker<void, std::string>> worker;
    const cause given{"given"};

    stage() {
        auto ends = make_channel<int>(2);
        stays.emplace(std::move(ends.first));
        rx.emplace(std::move(ends.second));
        leaves.emplace(*stays);
        CHECK(leaves->push(1));
        worker.emplace(spawn("w", *rx, [this](receiver<int>&) -> std::expected<void, std::string> {
            support::look_for([this] { return fail || end; });
            if (fail) return std::unexpected("failed");
            return {};
        }));
    }
    ~stage() {
        end = true;
        (void)worker->report();
    }
    void apply(event e) {
        switch (e) {
        case event::finish:
            stays->finish();
            if (leaves) leaves->finish();
            return;
        case event::close_producer:
            stays->close();
            return;
        case event::close_receiver:
            rx->close();
            return;
        case event::close_resolve:
            inquest::detail::channel_inspector::close(*stays);
            return;
        case event::close_cause:
            stays->close(given);
            return;
        case event::abandon:
            leaves.reset();
            return;
        case event::abort:
            stays->abort(given);
            return;
        case event::failure:
            fail = true;
            CHECK(worker->report());
            return;
        }
    }
    bool is(const cause& why, event by) const {
        switch (by) {
        case event::close_cause:
        case event::abort:
            return why == given;
        case event::abandon:
            return why.kind() == cause_kind::abandoned;
        default:
            return why.kind() == cause_kind::error && why.worker().starts_with("w");
        }
    }
};

void check_against(stage& real, const model& expected) {
    CHECK(real.rx->is_closed() == !expected.open);
    if (!expected.open || expected.finished) {
        sender<int> fresh = *real.stays; // where the stayer has finished, its push would be refused anyway
        const auto sent = fresh.try_push(5);
        REQUIRE(!sent);
        CHECK(sent.error().status() == status::closed);
        CHECK(bool(sent.error().cause()) == expected.filled);
        if (expected.filled) CHECK(real.is(sent.error().cause(), expected.filled_by));
    }
    if (!expected.stopped) CHECK(real.rx->try_pop().value() == 1);
    const auto last = real.rx->try_pop();
    REQUIRE(!last);
    if (expected.open) {
        CHECK(last.error().status() == status::empty);
        CHECK(!real.rx->ended());
        return;
    }
    CHECK(last.error().status() == expected.last_pop());
    CHECK(real.rx->ended()->status() == expected.last_pop());
    CHECK(bool(last.error().cause()) == expected.filled);
    if (expected.filled) CHECK(real.is(last.error().cause(), expected.filled_by));
    if (expected.stopped) CHECK(real.stays->recover() == std::vector<int>{1});
}

} // namespace

TEST_CASE("every three events in every order end the stream as the table says, at both ends") {
    int n = 0;
    for (const auto a : events)
        for (const auto b : events)
            for (const auto c : events) {
                if (support::stress(10) == 1 && ++n % 5 != 0) continue;
                CAPTURE(names[static_cast<std::size_t>(a)]);
                CAPTURE(names[static_cast<std::size_t>(b)]);
                CAPTURE(names[static_cast<std::size_t>(c)]);
                stage real;
                model expected;
                for (const auto e : {a, b, c}) {
                    real.apply(e);
                    expected.apply(e);
                }
                check_against(real, expected);
            }
}

TEST_CASE("one event alone ends the stream as the table says") {
    for (const auto e : events) {
        CAPTURE(names[static_cast<std::size_t>(e)]);
        stage real;
        model expected;
        real.apply(e);
        expected.apply(e);
        check_against(real, expected);
    }
}

TEST_CASE(
    "calls that are blocked already end as later ones do: the push with its value, the pop with the cause") {
    for (const auto e : events) {
        if (e == event::abandon) continue; // ends nothing while another sender is there
        CAPTURE(names[static_cast<std::size_t>(e)]);
        stage real;
        model expected;
        expected.apply(e);
        CHECK(real.stays->push(2)); // full now
        std::jthread producer([&] {
            sender<int> mine = *real.stays;
            int value = 7;
            const auto sent = mine.push(std::move(value));
            CHECK(sent.error().status() == status::closed);
            CHECK(value == 7);
            if (expected.filled) CHECK(real.is(sent.error().cause(), expected.filled_by));
            mine.finish();
        });
        wait_for_blocked(*real.rx);
        if (e == event::finish) {
            real.stays->close(); // the blocked sender has not finished
        } else {
            real.apply(e);
        }
        producer.join();

        stage other;
        CHECK(other.rx->pop().value() == 1); // empty now
        std::jthread consumer([&] {
            const auto end = other.rx->pop();
            CHECK(end.error().status() == expected.last_pop());
            if (expected.filled) CHECK(other.is(end.error().cause(), expected.filled_by));
        });
        wait_for_blocked(*other.stays);
        other.apply(e);
    }
}

} // namespace event_table
