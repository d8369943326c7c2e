// What becomes of undelivered items, at each way a stream can end, while handles on the channel are alive.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace discard {

using inquest::cause;
using inquest::make_channel;
using inquest::on_failure;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using inquest::undelivered;

namespace {

/// An item that asks its channel something when it is destroyed, which only works outside the channel's locks.
struct asking {
    explicit asking(sender<asking>& its) : home(&its) { ++alive(); }
    asking(asking&& other) noexcept : home(std::exchange(other.home, nullptr)) {}
    asking& operator=(asking&&) = delete;
    ~asking() {
        if (!home) return;
        (void)home->size();
        --alive();
    }
    static std::atomic<int>& alive() {
        static std::atomic<int> n{0};
        return n;
    }
    sender<asking>* home;
};

using outcome = std::expected<void, std::string>;

/// A channel with three items, and two workers where it needs any, that end when they are told to.
struct stage {
    std::optional<sender<asking>> tx;
    std::optional<receiver<asking>> rx;
    std::atomic<bool> fail[2]{}, succeed[2]{};
    std::vector<inquest::worker<void, std::string>> workers;

    explicit stage(undelivered what, on_failure then) {
        auto ends = make_channel<asking>({.capacity = 3, .on_failure = then, .undelivered = what});
        tx.emplace(std::move(ends.first));
        rx.emplace(std::move(ends.second));
        for (int i = 0; i < 3; ++i) CHECK(tx->push(asking(*tx)));
    }
    ~stage() {
        for (std::size_t i = 0; i < workers.size(); ++i) end(i, succeed[i]);
        (void)tx->recover(); // what is left asks the sender, so it goes first
    }
    stage& with_workers(std::size_t n) {
        for (std::size_t i = 0; i < n; ++i)
            workers.push_back(spawn("w", *rx, [this, i](receiver<asking>&) -> outcome {
                support::wait_for("its end", [&] { return fail[i] || succeed[i]; });
                if (fail[i]) return std::unexpected("failed");
                return {};
            }));
        return *this;
    }
    void end(std::size_t i, std::atomic<bool>& how) {
        how = true;
        (void)workers[i].report();
    }
};

struct ending {
    const char* name;
    bool ends_delivery; // so that what is left is nobody's any more
    void (*apply)(stage&);
    on_failure then = on_failure::fail_fast;
};

const std::vector<ending> endings{
    {"finish", false, [](stage& s) { s.tx->finish(); }},
    {"close by a producer", false, [](stage& s) { CHECK(s.tx->close()); }},
    {"close with a cause", false, [](stage& s) { CHECK(s.tx->close(cause("why"))); }},
    {"close by resolve", false, [](stage& s) { inquest::detail::channel_inspector::close(*s.tx); }},
    {"an abandonment", false,
     [](stage& s) {
         auto copy = *s.tx;
         sender<asking> leaves = std::move(*s.tx);
         *s.tx = std::move(copy);
     }},
    {"abort", true, [](stage& s) { CHECK(s.tx->abort(cause("why"))); }},
    {"abort by a receiver", true, [](stage& s) { CHECK(s.rx->abort(cause("why"))); }},
    {"abort after finish", true,
     [](stage& s) {
         s.tx->finish();
         CHECK(s.tx->abort(cause("why")));
     }},
    {"abort of one that has its cause", true,
     [](stage& s) {
         CHECK(s.tx->close(cause("why")));
         CHECK(!s.tx->abort(cause("too late")));
     }},
    {"abort, another worker goes on", true,
     [](stage& s) { CHECK(s.with_workers(1).tx->abort(cause("why"))); }},
    {"a failure", true, [](stage& s) { s.with_workers(1).end(0, s.fail[0]); }},
    {"a failure, another worker goes on", true, [](stage& s) { s.with_workers(2).end(0, s.fail[0]); }},
    {"a failure after finish", true,
     [](stage& s) {
         s.tx->finish();
         s.with_workers(2).end(1, s.fail[1]);
     }},
    {"keep_going: a failure, another worker goes on", false,
     [](stage& s) { s.with_workers(2).end(0, s.fail[0]); }, on_failure::keep_going},
    {"keep_going: the last failure", true,
     [](stage& s) {
         s.with_workers(2).end(0, s.fail[0]);
         s.end(1, s.fail[1]);
     },
     on_failure::keep_going},
    {"keep_going: a failure, and the last worker's success", true,
     [](stage& s) {
         s.with_workers(2).end(0, s.fail[0]);
         s.end(1, s.succeed[1]);
     },
     on_failure::keep_going},
    {"a success, another worker goes on", false, [](stage& s) { s.with_workers(2).end(0, s.succeed[0]); }},
    {"the last worker's success", true,
     [](stage& s) {
         s.with_workers(2).end(1, s.succeed[1]);
         s.end(0, s.succeed[0]);
     }},
    {"the last worker's success after close", true,
     [](stage& s) {
         CHECK(s.tx->close());
         s.with_workers(1).end(0, s.succeed[0]);
     }},
    {"the last worker's end on request", true,
     [](stage& s) {
         s.with_workers(1).workers[0].request_stop();
         s.end(0, s.succeed[0]);
     }},
    {"the last receiver", true, [](stage& s) { s.rx.reset(); }},
    {"the last receiver, after finish", true,
     [](stage& s) {
         s.tx->finish();
         s.rx.reset();
     }},
    {"a receiver, another one stays", false,
     [](stage& s) {
         auto copy = *s.rx;
         s.rx.emplace(std::move(copy));
     }},
};

} // namespace

TEST_CASE("discard: what is left is destroyed at once when delivery ends, while handles are alive") {
    for (const auto& how : endings) {
        CAPTURE(how.name);
        {
            stage s(undelivered::discard, how.then);
            how.apply(s);
            CHECK(asking::alive() == (how.ends_delivery ? 0 : 3));
            CHECK(s.tx->size() == (how.ends_delivery ? 0U : 3U));
            if (!how.ends_delivery)
                for (int i = 0; i < 3; ++i) CHECK(s.rx->try_pop());
        }
        CHECK(asking::alive() == 0);
    }
}

TEST_CASE("keep: no ending destroys what is left, and recover hands it out") {
    for (const auto& how : endings) {
        CAPTURE(how.name);
        {
            stage s(undelivered::keep, how.then);
            how.apply(s);
            CHECK(asking::alive() == 3);
            CHECK(s.tx->recover().size() == 3);
            CHECK(asking::alive() == 0);
        }
        CHECK(asking::alive() == 0);
    }
}

TEST_CASE(
    "discard: a channel that goes destroys what is left, though a worker of its own is not at its end") {
    const support::caught_hook hook; // is told of those that are kept
    for (const auto what : {undelivered::discard, undelivered::keep}) {
        std::atomic<bool> go{false};
        auto queue = std::make_unique<inquest::channel<support::counted>>(
            inquest::channel_options{.capacity = 3, .undelivered = what});
        for (int i = 0; i < 3; ++i) CHECK(queue->push(support::counted(i)));
        auto w = spawn("w", *queue, [&](receiver<support::counted>& in) {
            support::wait_for("the channel's end", [&] { return go.load(); });
            CHECK(in.pop().error().status() == status::aborted);
            (void)in.ended();
        });
        queue.reset();
        CHECK(support::counted::alive() == (what == undelivered::discard ? 0 : 3));
        go = true;
        CHECK(w.join());
        CHECK(support::counted::alive() == 0);
    }
}

TEST_CASE(
    "discard: what recover has taken is the caller's, and what its sink leaves is kept for the next one") {
    auto [tx, rx] = make_channel<support::counted>({.capacity = 3, .undelivered = undelivered::discard});
    for (int i = 0; i < 3; ++i) CHECK(tx.push(support::counted(i)));
    CHECK_THROWS_AS(rx.recover([](support::counted&& one) {
        if (one.value == 1) throw std::runtime_error("full");
    }),
                    std::runtime_error);
    CHECK(rx.is_closed());
    const auto rest = tx.recover();
    REQUIRE(rest.size() == 2);
    CHECK(rest[1].value == 2);
    CHECK(support::counted::alive() == 2);
}

} // namespace discard
