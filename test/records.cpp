// What is recorded of a worker while it runs: on which item it is, what its calls returned, which broken streams it knows of.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <vector>

namespace records {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::item_range;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;

namespace {

using outcome = std::expected<void, std::string>;

/// What a worker learns of a channel with one place, in which there is an item.
struct ending_case {
    const char* name;
    bool makes_a_consequence;
    void (*happens)(sender<int>&, receiver<int>&);
};

std::stop_token stopped() {
    std::stop_source source;
    source.request_stop();
    return source.get_token();
}

const std::vector<ending_case> all_endings{
    {"nothing", false, [](sender<int>&, receiver<int>&) {}},
    {"an item", false, [](sender<int>&, receiver<int>& in) { CHECK(in.pop()); }},
    {"full", false, [](sender<int>& out, receiver<int>&) { CHECK(!out.try_push(2)); }},
    {"push: timeout", false, [](sender<int>& out, receiver<int>&) { CHECK(!out.push_for(2, 0s)); }},
    {"empty", false, [](sender<int>&, receiver<int>& in) { CHECK((in.pop() && !in.try_pop())); }},
    {"pop: timeout", false, [](sender<int>&, receiver<int>& in) { CHECK((in.pop() && !in.pop_for(0s))); }},
    {"complete", false,
     [](sender<int>& out, receiver<int>& in) {
         out.finish();
         CHECK(in.pop());
         CHECK(in.pop().error().status() == status::complete);
     }},
    {"pop: stopped", true,
     [](sender<int>&, receiver<int>& in) { CHECK(in.pop(stopped()).error().status() == status::stopped); }},
    {"push: stopped", true,
     [](sender<int>& out, receiver<int>&) {
         CHECK(out.push(2, stopped()).error().status() == status::stopped);
     }},
    {"pop_exactly: stopped", true,
     [](sender<int>&, receiver<int>& in) {
         std::vector<int> into;
         CHECK(in.pop_exactly(into, 1, stopped()).error().status() == status::stopped);
     }},
    {"truncated", true,
     [](sender<int>& out, receiver<int>& in) {
         out.close(cause("why"));
         CHECK(in.pop());
         CHECK(in.pop().error().status() == status::truncated);
     }},
    {"aborted", true,
     [](sender<int>& out, receiver<int>& in) {
         out.abort(cause("why"));
         CHECK(in.pop().error().status() == status::aborted);
     }},
    {"push: closed", true,
     [](sender<int>& out, receiver<int>&) {
         std::jthread([&] { out.close(); }).join();
         CHECK(out.push(2).error().status() == status::closed);
     }},
};

/// So many broken streams, each reported by a pop; how they ended is asked of the first `asked`.
inquest::worker<void, std::string> over_broken_streams(std::size_t n, std::size_t asked) {
    return spawn("w", [n, asked] {
        std::vector<receiver<int>> streams;
        for (std::size_t i = 0; i < n; ++i) {
            auto [tx, rx] = make_channel<int>(1);
            tx.close(cause("broke"));
            CHECK(rx.pop().error().status() == status::truncated);
            streams.push_back(std::move(rx));
        }
        for (std::size_t i = 0; i < asked; ++i) CHECK(streams[i].ended());
        return outcome{};
    });
}

} // namespace

TEST_CASE("a failure is a consequence if a call had ended stopped, broken or refused, and only then") {
    for (const auto& one : all_endings) {
        CAPTURE(one.name);
        auto [tx, rx] = make_channel<int>(1);
        CHECK(tx.push(1));
        auto w = spawn("w", [&one, &out = tx, &in = rx]() -> outcome {
            one.happens(out, in);
            return std::unexpected("failed");
        });
        const auto why = w.report();
        REQUIRE(why);
        CHECK(why->cause().is_consequence() == one.makes_a_consequence);
        tx.finish();
    }
}

TEST_CASE("a worker that failed because it was stopped is not the one to name, though it was earlier") {
    auto [tx, rx] = make_channel<int>(1);
    std::vector<inquest::worker<void, std::string>> workers;
    workers.push_back(spawn("stopped", [in = std::move(rx)]() mutable -> outcome {
        if (!in.pop()) return std::unexpected("no item");
        return {};
    }));
    support::wait_for_blocked(tx);
    workers[0].request_stop();
    CHECK(workers[0].report());
    workers.push_back(spawn("root", []() -> outcome { return std::unexpected("root"); }));
    CHECK(workers[1].report());
    const auto why = inquest::report(workers);
    REQUIRE(why);
    CHECK(*why->error() == "root");
    CHECK(why->also_failed().size() == 1);
    tx.finish();
}

TEST_CASE("items and ends of other channels do not count where a worker is attached to one") {
    auto [tx, rx] = make_channel<int>(4);
    auto [tx2, rx2] = make_channel<int>(4);
    CHECK(tx.push(1));
    for (int i = 0; i < 4; ++i) CHECK(tx2.push(i));
    tx2.finish();
    std::atomic<bool> go{false};
    auto w = spawn("w", std::move(rx), [&, other = std::move(rx2)](receiver<int>& in) mutable -> outcome {
        CHECK(in.pop());
        CHECK(other.pop());
        std::vector<int> batch;
        CHECK(other.pop_exactly(batch, 3).value() == 3);
        CHECK(other.pop().error().status() == status::complete);
        support::wait_for("go", [&] { return go.load(); });
        return std::unexpected("failed");
    });
    support::wait_for("the other channel to be read", [&] { return tx2.size() == 0; });
    CHECK(w.peek().error().items() == item_range{1, 1, false});
    go = true;
    CHECK(w.join().error().message() == "worker 'w' failed on item 1: failed");
}

TEST_CASE(
    "a success over broken streams needs each to be asked for, the one after the last that is kept as well") {
    CHECK(over_broken_streams(1, 1).join());
    CHECK(over_broken_streams(4, 4).join());
    for (const std::size_t asked : {0U, 1U, 3U, 4U}) {
        CAPTURE(asked);
        auto w = over_broken_streams(5, asked);
        const auto why = w.report();
        REQUIRE(why);
        CHECK(why->cause().kind() == inquest::cause_kind::broken_stream);
        CHECK(why->cause().text() == "broke");
    }
    for (std::size_t asked = 0; asked < 4; ++asked) CHECK(!over_broken_streams(4, asked).join());
}

TEST_CASE("also_failed is in the order of time, whichever of them is named before") {
    constexpr std::size_t n = 4;
    for (std::size_t root = 0; root < n; ++root) { // the only one that is no consequence
        CAPTURE(root);
        auto [tx, rx] = make_channel<int>(1);
        tx.close();
        std::vector<inquest::worker<void, std::string>> workers;
        for (std::size_t i = 0; i < n; ++i) {
            workers.push_back(spawn("w", [i, root, &out = tx]() -> outcome {
                if (i != root) CHECK(!out.push(1));
                return std::unexpected(std::to_string(i));
            }));
            CHECK(workers.back().report()); // one after another
        }
        std::ranges::reverse(workers);
        const auto why = inquest::report(workers);
        REQUIRE(why);
        CHECK(*why->error() == std::to_string(root));
        REQUIRE(why->also_failed().size() == n - 1);
        std::size_t at = 0;
        for (std::size_t i = 0; i < n; ++i)
            if (i != root) CHECK(why->also_failed()[at++].text() == std::to_string(i));
    }
}

} // namespace records
