// What a function's result means, for functions that say it by an integer or a bool.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace returns {

using inquest::make_channel;
using inquest::no_error;
using inquest::receiver;
using inquest::returned_false;
using inquest::returns_bool;
using inquest::returns_errno;
using inquest::returns_status;
using inquest::returns_value;
using inquest::spawn;
using inquest::worker;

namespace {

template <class R>
auto giving(R result) {
    return [result] { return result; };
}

// Its operator() takes these and nothing else.
template <class... Args>
struct takes {
    int operator()(Args...) { return 0; }
};

template <class Fn, class... Args>
constexpr bool wraps_as_it_is =
    std::invocable<Fn&, Args...> == std::invocable<decltype(returns_errno(std::declval<Fn>()))&, Args...>;

} // namespace

TEST_CASE("returns_errno: a negative result is the error, kept as it is; any other is the value") {
    auto failed = spawn("w", returns_errno(giving(-EBADMSG)));
    static_assert(std::is_same_v<decltype(failed), worker<int, int>>);
    CHECK(*failed.join().error().error() == -EBADMSG);
    CHECK(failed.join().error().message() == "worker 'w' failed: Bad message (errno 74)");
    CHECK(failed.join().error().error_or(-EPIPE) == -EBADMSG);
    CHECK(spawn("w", returns_errno(giving(0))).join().value() == 0);
    CHECK(spawn("w", returns_errno(giving(7))).join().value() == 7);
    SUBCASE("of any width, whose errors an int may not hold") {
        auto wide = spawn("w", returns_errno(giving(1L << 40)));
        static_assert(std::is_same_v<decltype(wide), worker<long, int>>);
        CHECK(wide.join().value() == 1L << 40);
        auto low = spawn("w", returns_errno(giving(-(1L << 40))));
        CHECK(*low.join().error().error() == std::numeric_limits<int>::min());
        auto narrow = spawn("w", returns_errno(giving<signed char>(-EPIPE)));
        CHECK(*narrow.join().error().error() == -EPIPE);
    }
}

TEST_CASE("returns_status: all but 0 is the error") {
    auto ended = spawn("ended", returns_status(giving(0)));
    static_assert(std::is_same_v<decltype(ended), worker<void, int>>);
    CHECK(ended.join());
    for (const int status : {ENOSPC, -1, 1})
        CHECK(*spawn("w", returns_status(giving(status))).join().error().error() == status);
    CHECK(spawn("w", returns_status(giving(ENOSPC))).join().error().message() ==
          "worker 'w' failed: No space left on device (errno 28)");
}

TEST_CASE("returns_bool: false is the error, and says no more than that") {
    auto ended = spawn("ended", returns_bool(giving(true)));
    static_assert(std::is_same_v<decltype(ended), worker<void, returned_false>>);
    CHECK(ended.join());
    auto failed = spawn("w", returns_bool(giving(false)));
    CHECK(failed.join().error().message() == "worker 'w' failed: returned false");
    CHECK(*failed.join().error().error() == returned_false());
}

TEST_CASE("returns_value: what it returns is a value, whatever it is") {
    CHECK(spawn("w", returns_value(giving(-EPIPE))).join().value() == -EPIPE);
    CHECK(!spawn("w", returns_value(giving(false))).join().value());
    CHECK(spawn("w", returns_value(giving(nullptr))).join().value() == nullptr);
    const auto refused = std::make_error_code(std::errc::connection_refused);
    auto code = spawn("w", returns_value(giving(refused)));
    static_assert(std::is_same_v<decltype(code), worker<std::error_code, no_error>>);
    CHECK(code.join().value() == refused);
    bool ran = false;
    CHECK(spawn("w", returns_value([&] { ran = true; })).join());
    CHECK(ran);
    static int kept = 3;
    auto copy = spawn("w", returns_value([]() -> const int& { return kept; }));
    static_assert(std::is_same_v<decltype(copy), worker<int, no_error>>);
    CHECK(copy.join().value() == 3);
    auto moved = spawn("w", returns_value([] { return std::make_unique<int>(4); }));
    CHECK(*moved.join().value() == 4);
}

TEST_CASE("what a wrapped function throws is the worker's exception") {
    const auto throws = [](auto result) {
        return []() -> decltype(result) { throw std::runtime_error("x"); };
    };
    CHECK_THROWS_WITH_AS((void)spawn("w", returns_errno(throws(0))).join(), "x", std::runtime_error);
    CHECK_THROWS_WITH_AS((void)spawn("w", returns_status(throws(0))).join(), "x", std::runtime_error);
    CHECK_THROWS_WITH_AS((void)spawn("w", returns_bool(throws(true))).join(), "x", std::runtime_error);
    CHECK_THROWS_WITH_AS((void)spawn("w", returns_value(throws(0))).join(), "x", std::runtime_error);
}

TEST_CASE("a wrapped function is called as it would be itself, and closes the channel with its error") {
    static_assert(wraps_as_it_is<takes<>>);
    static_assert(wraps_as_it_is<takes<>, receiver<int>&>);
    static_assert(wraps_as_it_is<takes<receiver<int>&>, receiver<int>&>);
    static_assert(wraps_as_it_is<takes<receiver<int>&>, receiver<long>&>);
    static_assert(wraps_as_it_is<takes<receiver<int>&>, const receiver<int>&>);
    static_assert(wraps_as_it_is<takes<std::stop_token, receiver<int>&>, receiver<int>&>);
    static_assert(wraps_as_it_is<takes<std::stop_token, receiver<int>&>, std::stop_token, receiver<int>&>);
    SUBCASE("with a receiver") {
        auto [tx, rx] = make_channel<int>(1);
        auto w =
            spawn("w", std::move(rx), returns_errno([](receiver<int>& in) { return -in.pop().value(); }));
        CHECK(tx.push(EIO));
        CHECK(*w.join().error().error() == -EIO);
        CHECK(tx.push(1).error().cause() == w.join().error().cause());
    }
    SUBCASE("with a stop token, too") {
        auto [tx, rx] = make_channel<int>(1);
        auto w = spawn("w", rx, returns_bool([](std::stop_token stop, auto& in) {
                           return !in.pop() && stop.stop_requested();
                       }));
        w.request_stop();
        CHECK(w.join());
    }
    SUBCASE("with a stop token alone") {
        auto w =
            spawn("w", returns_status([](std::stop_token stop) { return stop.stop_possible() ? 0 : 1; }));
        CHECK(w.join());
    }
    SUBCASE("holding what can only be moved, and changing it") {
        auto w = spawn("w", returns_value([n = std::make_unique<int>(1)]() mutable { return ++*n; }));
        CHECK(w.join().value() == 2);
    }
}

TEST_CASE("an empty function is refused in a wrapper as without one") {
    using function = std::function<int()>;
    const std::function<bool()> no_test;
    int (*const nowhere)() = nullptr;
    CHECK_THROWS_AS((void)spawn("w", returns_errno(function())), std::invalid_argument);
    CHECK_THROWS_AS((void)spawn("w", returns_status(function())), std::invalid_argument);
    CHECK_THROWS_AS((void)spawn("w", returns_bool(no_test)), std::invalid_argument);
    CHECK_THROWS_AS((void)spawn("w", returns_value(nowhere)), std::invalid_argument);
    CHECK(spawn("w", returns_errno(function([] { return 1; }))).join().value() == 1);
}

namespace {

/// As absl has it.
class status {
  public:
    status() = default;
    explicit status(std::string text) : text_(std::move(text)) {}
    [[nodiscard]] bool ok() const { return text_.empty(); }
    [[nodiscard]] std::string_view message() const { return text_; }

  private:
    std::string text_;
};
template <class T>
class status_or {
  public:
    explicit status_or(T value) : value_(std::move(value)) {}
    explicit status_or(returns::status why) : status_(std::move(why)) {}
    [[nodiscard]] bool ok() const { return status_.ok(); }
    [[nodiscard]] const returns::status& status() const { return status_; }
    T& operator*() & { return *value_; }
    T&& operator*() && { return *std::move(value_); }

  private:
    returns::status status_;
    std::optional<T> value_;
};
/// As LevelDB has it.
struct db_status {
    bool fine;
    [[nodiscard]] bool ok() const { return fine; }
    [[nodiscard]] std::string ToString() const { return fine ? "OK" : "Corruption: block 7"; }
};
/// As gRPC has it.
struct rpc_status {
    [[nodiscard]] bool ok() const { return false; }
    [[nodiscard]] std::string error_message() const { return "deadline exceeded"; }
};

} // namespace

TEST_CASE("returns_ok: a status that is not ok is the error, with its own text") {
    using inquest::returns_ok;
    auto fine = spawn("fine", returns_ok(giving(status())));
    static_assert(std::same_as<decltype(fine), worker<void, status>>);
    CHECK(fine.join());
    auto bad = spawn("bad", returns_ok(giving(status("no such table"))));
    CHECK(bad.join().error().message() == "worker 'bad' failed: no such table");
    CHECK(bad.join().error().error()->message() == "no such table");
    CHECK(spawn("db", returns_ok(giving(db_status{true}))).join());
    CHECK(spawn("broken", returns_ok(giving(db_status{false}))).join().error().message() ==
          "worker 'broken' failed: Corruption: block 7");
    CHECK(spawn("rpc", returns_ok(giving(rpc_status()))).join().error().message() ==
          "worker 'rpc' failed: deadline exceeded");
    auto value = spawn("value", returns_ok([] { return status_or(std::make_unique<int>(5)); }));
    static_assert(std::same_as<decltype(value), worker<std::unique_ptr<int>, status>>);
    CHECK(**value.join() == 5);
    auto none = spawn("none", returns_ok([] { return status_or<int>(status("no value")); }));
    CHECK(none.join().error().error()->message() == "no value");
}

} // namespace returns
