// Pushing, and leaving the function with the cause if that fails, in one line.
#include "support/support.hpp"

#include <inquest/macros.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

namespace macros {

using inquest::cause_kind;
using inquest::failure;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;

namespace {

using outcome = std::expected<void, std::string>;
using workers = std::vector<inquest::worker<void, std::string>>;

outcome fails(receiver<int>& in) {
    (void)in.pop();
    return std::unexpected("disk full");
}

std::expected<int, failure<std::string>> to_many(sender<int>& tx, workers& all) {
    for (;;) INQUEST_PUSH(tx, all, 1);
}

int exit_status(sender<int>& tx, auto& asked, std::string& said) {
    const auto say = [&](const auto& why) {
        said = why.message();
        return 3;
    };
    for (int i = 0; i < 100; ++i) INQUEST_PUSH_OR(say, tx, asked, i);
    return 0;
}

bool in_bool(sender<int>& tx, inquest::worker<void, std::string>& asked) {
    for (int i = 0; i < 100; ++i) INQUEST_PUSH_OR([](const auto&) { return false; }, tx, asked, i);
    return true;
}

template <class E>
std::expected<int, failure<E>> try_only(auto& queue, int n) {
    for (int i = 0; i < n; ++i) INQUEST_TRY(queue.try_push(i));
    return n;
}

} // namespace

TEST_CASE("INQUEST_PUSH takes a range of workers") {
    auto [tx, rx] = make_channel<int>(1);
    workers all;
    {
        const auto announced = rx.announce_workers(2);
        for (int i = 0; i < 2; ++i) all.push_back(spawn("w", rx, fails));
    }
    CHECK(*to_many(tx, all).error().error() == "disk full");
}

TEST_CASE("INQUEST_PUSH_OR returns what the function makes of the failure, from one that returns an int or a "
          "bool") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", std::move(rx), fails);
    std::string said;
    CHECK(exit_status(tx, w, said) == 3);
    CHECK(said == "worker 'w' failed on item 1: disk full");
    workers all;
    all.push_back(std::move(w));
    CHECK(exit_status(tx, all, said) == 3);
    CHECK_FALSE(in_bool(tx, all.front()));

    auto [more, taken] = make_channel<int>(100);
    auto drains = spawn("d", std::move(taken), [](receiver<int>& in) -> outcome {
        while (in.pop()) {
        }
        return {};
    });
    CHECK(exit_status(more, drains, said) == 0);
    CHECK(in_bool(more, drains));
    more.finish();
}

TEST_CASE(
    "INQUEST_TRY passes on what the push itself knows, whatever the function's error, and waits for nobody") {
    auto [tx, rx] = make_channel<int>(1);
    CHECK(try_only<std::string>(tx, 1).value() == 1);
    const auto full = try_only<std::string>(tx, 1);
    CHECK(full.error().cause().kind() == cause_kind::not_pushed);
    CHECK(full.error().message().starts_with("push: full, push at "));
    tx.close(inquest::cause(std::string("disk full")));
    CHECK(*try_only<std::string>(tx, 1).error().error() == "disk full"); // the cause itself
    CHECK(try_only<int>(tx, 1).error().error() == nullptr);
    CHECK(try_only<void>(tx, 1).error().message() == "disk full");

    auto [closed, unread] = make_channel<int>(1);
    closed.close();
    const auto refused = try_only<void>(closed, 1);
    CHECK(refused.error().cause().kind() == cause_kind::unexplained);
    CHECK(refused.error().message().starts_with("push: channel closed by thread "));
}

TEST_CASE("INQUEST_TRY of a push to a pool returns the workers' failure") {
    auto pool = inquest::make_pool<int>({.capacity = 100}, fails);
    const auto run = [&]() -> std::expected<void, failure<std::string>> {
        for (;;) INQUEST_TRY(pool.push(1));
    };
    CHECK(*run().error().error() == "disk full");
}

} // namespace macros
