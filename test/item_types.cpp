// Items of every kind, and what their constructors and destructors may do.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

namespace item_types {

using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using support::touchy;

namespace {

/// As it was written in 1998: no move, a copy that may throw, and a destructor.
class old_string {
  public:
    old_string(const char* text) : text_(new std::string(text)) { ++alive(); }
    old_string(const old_string& o) : text_(new std::string(*o.text_)) { ++alive(); }
    old_string& operator=(const old_string& o) {
        *text_ = *o.text_;
        return *this;
    }
    ~old_string() {
        delete text_;
        --alive();
    }
    const std::string& text() const { return *text_; }
    static std::atomic<int>& alive() {
        static std::atomic<int> n{0};
        return n;
    }

  private:
    std::string* text_;
};

struct copy_only {
    explicit copy_only(int v) : value(v) {}
    copy_only(const copy_only&) = default;
    copy_only(copy_only&&) = delete;
    copy_only& operator=(const copy_only&) = delete;
    int value;
};

struct move_only {
    explicit move_only(int v) : value(std::make_unique<int>(v)) {}
    std::unique_ptr<int> value;
};

struct alignas(64) over_aligned {
    explicit over_aligned(int v) : value(v), self(this) {}
    over_aligned(const over_aligned& o) : value(o.value), self(this) {}
    over_aligned& operator=(const over_aligned& o) {
        value = o.value;
        return *this;
    }
    bool is_sound() const { return self == this && reinterpret_cast<std::uintptr_t>(this) % 64 == 0; }
    int value;
    over_aligned* self;
};

struct page {
    explicit page(int v) { bytes.fill(static_cast<unsigned char>(v)); }
    bool is_whole() const {
        return std::ranges::all_of(bytes, [&](auto b) { return b == bytes[0]; });
    }
    std::array<unsigned char, 4096> bytes;
};

/// Its own address is no business of a queue's.
struct addressless {
    int value = 0;
    addressless* operator&() = delete;
};

/// Constructible from anything, itself included, as std::any is.
struct greedy {
    greedy() = default;
    greedy(const greedy&) = default;
    greedy(greedy&&) = default;
    template <class U>
        requires(!std::same_as<std::remove_cvref_t<U>, greedy>)
    explicit greedy(U&&) : wrapped(true) {}
    bool wrapped = false;
};

// Through every way in and every way out.
template <class T, class Make, class Check>
void goes_through(Make make, Check check) {
    auto [tx, rx] = make_channel<T>(2);
    if constexpr (std::is_move_constructible_v<T>) {
        CHECK(tx.push(make(1)));
        check(rx.pop().value(), 1);
        CHECK(tx.try_push(make(2)));
        check(rx.try_pop().value(), 2);
        CHECK(tx.push_for(make(3), std::chrono::hours(1)));
        check(rx.pop_for(std::chrono::hours(1)).value(), 3);
    }
    if constexpr (std::is_copy_constructible_v<T>) {
        const T item(make(4));
        CHECK(tx.push(item));
        CHECK(tx.push_until(item, inquest::detail::clock::now()));
        CHECK(!tx.try_push(item));
        for (int i = 0; i < 2; ++i) {
            const auto popped = rx.pop();
            check(*popped, 4);
        }
        CHECK(tx.push(item));
        int n = 0;
        tx.recover([&](const T& each) {
            check(each, 4);
            ++n;
        });
        CHECK(n == 1);
    }
    auto [tx2, rx2] = make_channel<T>(2); // left behind, full
    if constexpr (std::is_move_constructible_v<T>)
        for (int i = 5; i < 7; ++i) CHECK(tx2.push(make(i)));
    if constexpr (std::is_move_constructible_v<T>) {
        std::vector<T> out;
        CHECK(rx2.pop_exactly(out, 1).value() == 1);
        check(out[0], 5);
        if constexpr (inquest::contiguous_items<std::vector<T>&, T>) CHECK(tx2.push_range(out).value() == 1);
    }
    int wraps = 0; // many times round the ring, across threads
    auto [tx3, rx3] = make_channel<T>(3);
    auto w = spawn("w", std::move(rx3), [&](receiver<T>& in) {
        for (auto& item : in) check(item, ++wraps % 100);
    });
    for (int i = 1; i <= 1000; ++i) {
        if constexpr (std::is_move_constructible_v<T>) {
            REQUIRE(tx3.push(make(i % 100)));
        } else {
            const T item(make(i % 100));
            REQUIRE(tx3.push(item));
        }
    }
    tx3.finish();
    CHECK(w.join());
    CHECK(wraps == 1000);
}

} // namespace

TEST_CASE("items of every kind go through, by every way in and out, and none is leaked") {
    SUBCASE("move-only") {
        goes_through<move_only>([](int v) { return move_only(v); },
                                [](const move_only& o, int v) { CHECK(*o.value == v); });
    }
    SUBCASE("copy-only, its move deleted") {
        goes_through<copy_only>([](int v) { return copy_only(v); },
                                [](const copy_only& o, int v) { CHECK(o.value == v); });
    }
    SUBCASE("a class of 1998") {
        goes_through<old_string>([](int v) { return old_string(std::to_string(v).c_str()); },
                                 [](const old_string& o, int v) { CHECK(o.text() == std::to_string(v)); });
        CHECK(old_string::alive() == 0);
    }
    SUBCASE("over-aligned, and told by its own address") {
        goes_through<over_aligned>([](int v) { return over_aligned(v); },
                                   [](const over_aligned& o, int v) {
                                       CHECK(o.value == v);
                                       CHECK(o.is_sound());
                                   });
    }
    SUBCASE("4 KiB") {
        goes_through<page>([](int v) { return page(v); },
                           [](const page& o, int v) {
                               CHECK(o.bytes[0] == v);
                               CHECK(o.is_whole());
                           });
    }
    SUBCASE("std::deque, whose move may throw") {
        goes_through<std::deque<int>>([](int v) { return std::deque<int>(3, v); },
                                      [](const std::deque<int>& o, int v) {
                                          CHECK(o.size() == 3);
                                          CHECK(o[2] == v);
                                      });
    }
    SUBCASE("std::string, std::function, shared_ptr") {
        goes_through<std::string>(
            [](int v) { return std::string(50, static_cast<char>(v)); },
            [](const std::string& o, int v) { CHECK(o == std::string(50, static_cast<char>(v))); });
        goes_through<std::function<int()>>([](int v) { return [v] { return v; }; },
                                           [](const std::function<int()>& o, int v) { CHECK(o() == v); });
        goes_through<std::shared_ptr<int>>([](int v) { return std::make_shared<int>(v); },
                                           [](const std::shared_ptr<int>& o, int v) { CHECK(*o == v); });
    }
    SUBCASE("bool, char, and an empty class") {
        goes_through<bool>([](int v) { return v % 2 == 1; }, [](bool o, int v) { CHECK(o == (v % 2 == 1)); });
        goes_through<char>([](int v) { return static_cast<char>(v); }, [](char o, int v) { CHECK(o == v); });
        struct empty {};
        goes_through<empty>([](int) { return empty{}; }, [](empty, int) {});
    }
    SUBCASE("one that has taken & away, and one that is made from anything") {
        goes_through<addressless>([](int v) { return addressless{v}; },
                                  [](const addressless& o, int v) { CHECK(o.value == v); });
        goes_through<greedy>([](int) { return greedy{}; }, [](const greedy& o, int) { CHECK(!o.wrapped); });
    }
    SUBCASE("std::expected and std::optional: an error inside stays the error it is") {
        using inner = std::expected<bool, std::string>;
        auto [tx, rx] = make_channel<inner>(2);
        CHECK(tx.push(std::unexpected("inside")));
        CHECK(tx.push(false));
        CHECK(rx.pop().value().error() == "inside");
        CHECK(rx.pop().value().value() == false);
        tx.finish();
        CHECK(rx.pop().error().status() == status::complete);
    }
}

TEST_CASE("a copy that throws on push leaves queue and argument as they were, blocked or not") {
    auto [tx, rx] = make_channel<touchy>(1);
    const touchy item(1);
    touchy::fuse() = 1;
    CHECK_THROWS_AS((void)tx.push(item), std::runtime_error);
    CHECK(tx.size() == 0);
    CHECK(tx.push(item));
    std::jthread producer([&out = tx] {
        const touchy mine(2);
        CHECK_THROWS_AS((void)out.push(mine), std::runtime_error);
        CHECK(out.push(mine)); // and again
    });
    support::wait_for_blocked(rx);
    touchy::fuse() = 2; // the copy out of the pop, then the one of the push that it lets go on
    CHECK(rx.pop()->value == 1);
    producer.join();
    CHECK(rx.pop()->value == 2);
}

TEST_CASE("an item is moved once on its way in and once on its way out, however the pop came to it") {
    struct counting {
        explicit counting(int& moves) : moves_(&moves) {}
        counting(counting&& other) noexcept : moves_(other.moves_) { ++*moves_; }
        counting& operator=(counting&&) = delete;
        int* moves_;
    };
    int moves = 0;
    auto [tx, rx] = make_channel<counting>(1);
    SUBCASE("at once") {
        CHECK(tx.push(counting(moves)));
        CHECK(rx.pop().has_value());
    }
    SUBCASE("after a wait") {
        std::jthread consumer([&in = rx] { CHECK(in.pop().has_value()); });
        support::wait_for_blocked(rx);
        CHECK(tx.push(counting(moves)));
    }
    SUBCASE("by a worker") {
        CHECK(tx.push(counting(moves)));
        tx.finish();
        auto worker =
            inquest::spawn("w", rx, [](inquest::receiver<counting>& in) { CHECK(in.pop().has_value()); });
        CHECK(worker.join());
    }
    SUBCASE("by a worker that is attached to another channel") {
        CHECK(tx.push(counting(moves)));
        auto [other_tx, other_rx] = make_channel<int>(1);
        auto worker = inquest::spawn("w", std::move(other_rx),
                                     [&in = rx](inquest::receiver<int>&) { CHECK(in.pop().has_value()); });
        CHECK(worker.join());
    }
    CHECK(moves == 2);
}

TEST_CASE("a copy that throws on pop leaves the item first in line, for whoever comes next") {
    auto [tx, rx] = make_channel<touchy>(2);
    CHECK(tx.push(touchy(1)));
    CHECK(tx.push(touchy(2)));
    touchy::fuse() = 1;
    CHECK_THROWS_AS((void)rx.pop(), std::runtime_error);
    CHECK(rx.size() == 2);
    CHECK(rx.pop()->value == 1);
    touchy::fuse() = 1;
    CHECK_THROWS_AS((void)rx.pop_for(std::chrono::seconds(1)), std::runtime_error);
    CHECK(rx.pop()->value == 2);
}

TEST_CASE("a pop that throws passes its wake-up on: another blocked consumer gets the item") {
    auto [tx, rx] = make_channel<touchy>(2);
    std::atomic<int> thrown{0}, got{0};
    const auto consume = [&in = rx, &thrown, &got] {
        try {
            if (in.pop()) ++got;
        } catch (const std::runtime_error&) {
            ++thrown;
        }
    };
    std::jthread a(consume), b(consume);
    support::wait_for_blocked(tx, 2);
    touchy::fuse() = 2; // the copy into the queue, then the first one out of it
    CHECK(tx.push(touchy(1)));
    a.join();
    b.join();
    CHECK(thrown == 1);
    CHECK(got == 1);
    tx.finish();
}

TEST_CASE("a push that throws passes its wake-up on: another blocked producer gets the room") {
    auto [tx, rx] = make_channel<touchy>(1);
    CHECK(tx.push(touchy(0)));
    std::atomic<int> thrown{0}, sent{0};
    const auto produce = [&out = tx, &thrown, &sent] {
        const touchy mine(1);
        try {
            if (out.push(mine)) ++sent;
        } catch (const std::runtime_error&) {
            ++thrown;
        }
    };
    std::jthread a(produce), b(produce);
    support::wait_for_blocked(rx, 2);
    touchy::fuse() = 2; // the copy out of the queue, then the first one into it
    CHECK(rx.pop()->value == 0);
    a.join();
    b.join();
    CHECK(thrown == 1);
    CHECK(sent == 1);
    tx.finish();
}

} // namespace item_types
