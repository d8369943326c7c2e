// Senders that go, each in its own way, and what the stream is called after that.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace senders {

using inquest::cause_kind;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using support::wait_for_blocked;

namespace {

enum class fate { finish, idle, push, unwind, push_and_unwind };
constexpr std::array fates{fate::finish, fate::idle, fate::push, fate::unwind, fate::push_and_unwind};
const std::array<std::string, 5> names{"finish", "idle", "push", "unwind", "push_and_unwind"};

/// What a sender's going means, in its plainest form.
struct model {
    std::size_t left;
    std::size_t pushed = 0;
    bool finished = false;
    bool abandoned = false;
    fate by{}; // the first that abandoned the stream

    void apply(fate f) {
        --left;
        if (f == fate::push || f == fate::push_and_unwind) ++pushed;
        if (f == fate::finish) finished = true;
        const bool abandons = f == fate::idle ? left == 0 && !finished : f != fate::finish;
        if (abandons && !abandoned) by = f;
        abandoned = abandoned || abandons;
    }
};

void throw_past(std::optional<sender<int>>& its) {
    try {
        const auto dying = std::move(*its);
        throw std::runtime_error("passing");
    } catch (const std::runtime_error&) {
    }
}

void send_off(std::optional<sender<int>>& one, fate f) {
    if (f == fate::push || f == fate::push_and_unwind) CHECK(one->push(1));
    if (f == fate::unwind || f == fate::push_and_unwind) throw_past(one);
    if (f == fate::finish) one->finish();
    one.reset();
}

/// As many senders as there are fates, which go one after another.
void go(const std::vector<fate>& in_turn) {
    auto [tx, rx] = make_channel<int>(8);
    std::vector<std::optional<sender<int>>> senders;
    senders.emplace_back(std::move(tx));
    while (senders.size() < in_turn.size()) senders.emplace_back(*senders.front());
    model expected{.left = in_turn.size()};
    std::string first_told;
    for (std::size_t i = 0; i < in_turn.size(); ++i) {
        send_off(senders[i], in_turn[i]);
        expected.apply(in_turn[i]);
        CHECK(rx.is_closed() == (expected.left == 0));
        const auto known = rx.cause();
        REQUIRE(bool(known) == expected.abandoned);
        if (!known) continue;
        if (first_told.empty()) first_told = known.message();
        CHECK(known.message() == first_told); // whoever goes later changes nothing of it
        CHECK(known.kind() == cause_kind::abandoned);
        const auto how = expected.by;
        CHECK(known.text() == (how == fate::unwind || how == fate::push_and_unwind
                                   ? "left during an exception"
                                   : "left without finish"));
        CHECK(known.where().has_value() == (how == fate::push || how == fate::push_and_unwind));
    }
    for (std::size_t i = 0; i < expected.pushed; ++i) CHECK(rx.try_pop().value() == 1);
    const auto end = rx.try_pop();
    REQUIRE(!end);
    CHECK(end.error().status() == (expected.abandoned ? status::truncated : status::complete));
    CHECK(bool(end.error().cause()) == expected.abandoned);
    if (expected.abandoned) CHECK(end.error().cause() == rx.cause());
    CHECK(rx.ended()->status() == end.error().status());
}

std::string listed(const std::vector<fate>& all) {
    std::string text;
    for (const auto f : all) text += names[static_cast<std::size_t>(f)] + ' ';
    return text;
}

void try_out(const std::vector<fate>& in_turn) {
    const std::string tried = listed(in_turn);
    CAPTURE(tried);
    go(in_turn);
}

} // namespace

TEST_CASE("one, two and three senders that go in every way and order: what pop says at last, and of whom") {
    for (const auto a : fates) {
        try_out({a});
        for (const auto b : fates) {
            try_out({a, b});
            for (const auto c : fates) try_out({a, b, c});
        }
    }
}

TEST_CASE("a copy has pushed nothing, whatever its original has; what is moved takes its pushes along") {
    auto [tx, rx] = make_channel<int>(4);
    CHECK(tx.push(1));
    SUBCASE("a copy that goes idle abandons nothing") {
        {
            const auto copy = tx;
        }
        tx.finish();
        CHECK(rx.pop().value() == 1);
        CHECK(rx.pop().error().status() == status::complete);
    }
    SUBCASE("nor does one that was copied over another sender") {
        {
            auto copy = tx;
            copy = tx;
        }
        CHECK(!rx.cause());
        tx.finish();
        CHECK(rx.pop().value() == 1);
        CHECK(rx.pop().error().status() == status::complete);
    }
    SUBCASE("a moved one that goes has pushed, and the one it was moved from is nothing") {
        const auto other = tx;
        {
            const auto moved = std::move(tx);
        }
        CHECK(rx.cause().text() == "left without finish");
        CHECK(rx.cause().where());
        CHECK(!rx.is_closed());
    }
    SUBCASE("a copy of a finished one is finished") {
        const auto stays = tx;
        tx.finish();
        {
            auto copy = tx;
            CHECK(copy.try_push(2).error().status() == status::closed);
            copy.finish();
        }
        CHECK(!rx.is_closed());
        CHECK(!rx.cause());
    }
}

TEST_CASE("a push that completes after its sender has finished does not revive it") {
    auto [tx, rx] = make_channel<int>(1);
    auto other = tx; // keeps the stream open
    CHECK(other.push(0));
    SUBCASE("one item") {
        std::jthread producer([&out = tx] { CHECK(out.push(1)); });
        wait_for_blocked(rx);
        tx.finish();
        CHECK(rx.pop().value() == 0);
        producer.join();
        CHECK(rx.pop().value() == 1);
    }
    SUBCASE("a range") {
        std::jthread producer([&out = tx] {
            const std::vector<int> two{1, 2};
            CHECK(out.push_range(two).value() == 2);
        });
        wait_for_blocked(rx);
        tx.finish();
        CHECK(rx.pop().value() == 0);
        CHECK(rx.pop().value() == 1);
        CHECK(rx.pop().value() == 2);
        producer.join();
    }
    CHECK(tx.try_push(3).error().status() == status::closed);
    {
        const auto gone = std::move(tx); // nor is it abandoned
    }
    CHECK(!rx.cause());
    CHECK(!rx.is_closed());
    other.finish();
    CHECK(rx.try_pop().error().status() == status::complete);
}

TEST_CASE("a sender that is born and goes while an exception passes is not destroyed by that one") {
    auto [tx, rx] = make_channel<int>(1);
    struct cleanup {
        sender<int>& its;
        ~cleanup() { const auto copy = its; }
    };
    try {
        const cleanup at_end{tx};
        throw std::runtime_error("passing");
    } catch (const std::runtime_error&) {
    }
    CHECK(!rx.cause());
    tx.finish();
    CHECK(rx.pop().error().status() == status::complete);
}

TEST_CASE("of two workers that leave a stream behind the first one's failure is the cause") {
    auto [tx, rx] = make_channel<int>(2);
    using outcome = std::expected<void, std::string>;
    auto first = spawn("first", [out = tx]() mutable -> outcome {
        CHECK(out.push(1));
        return std::unexpected("no disk");
    });
    CHECK(!first.join());
    CHECK(rx.cause() == first.report()->cause());
    auto second = spawn("second", [out = std::move(tx)]() mutable -> outcome {
        CHECK(out.push(2));
        return std::unexpected("no net");
    });
    CHECK(!second.join());
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().value() == 2);
    CHECK(rx.pop().error().message() == "truncated: worker 'first' failed: no disk");
}

} // namespace senders
