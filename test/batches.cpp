// How far a range goes at a time, and how the vector that it fills grows.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <utility>
#include <vector>

namespace batches {

using inquest::make_channel;
using inquest::status;
using support::numbers;

namespace {

/// Asks for a stop when the tenth is made out of another one.
struct tenth_stops {
    tenth_stops() = default;
    tenth_stops(const tenth_stops&) noexcept { count(); }
    tenth_stops(tenth_stops&&) noexcept { count(); }
    tenth_stops& operator=(const tenth_stops&) = default;
    static void count() {
        if (++made() == 10) source().request_stop();
    }
    static std::stop_token again() {
        made() = 0;
        source() = {};
        return source().get_token();
    }
    static int& made() {
        static int n = 0;
        return n;
    }
    static std::stop_source& source() {
        static std::stop_source its;
        return its;
    }
};

} // namespace

TEST_CASE(
    "a range lets go now and then, though nothing keeps it waiting: a stop, and others, get in between") {
    constexpr std::size_t many = 1000;
    auto [tx, rx] = make_channel<tenth_stops>(many);
    std::vector<tenth_stops> all(many);
    SUBCASE("a push_range") {
        const auto sent = tx.push_range(all, tenth_stops::again());
        REQUIRE(!sent);
        CHECK(sent.error().status() == status::stopped);
        CHECK(sent.error().accepted() >= 10);
        CHECK(sent.error().accepted() < many / 2);
        CHECK(rx.size() == sent.error().accepted());
    }
    SUBCASE("a pop_range") {
        CHECK(tx.push_range(all).value() == many);
        std::vector<tenth_stops> out;
        out.reserve(many);
        CHECK(rx.pop_range(out, many, tenth_stops::again()).value() < many / 2);
        CHECK(out.size() >= 10);
        CHECK(rx.size() == many - out.size());
    }
    tx.finish();
}

TEST_CASE("a vector that is filled by many small ranges grows as one that is filled item by item") {
    constexpr std::size_t many = 4096, few = 4;
    auto [tx, rx] = make_channel<int>(many);
    const auto all = numbers(many);
    CHECK(tx.push_range(all).value() == many);
    std::vector<int> out, plain;
    int grown = 0, grown_by_itself = 0;
    while (out.size() < many) {
        const auto before = out.capacity();
        CHECK(rx.pop_range(out, few).value() == few);
        grown += out.capacity() != before;
    }
    for (int i = 0; std::cmp_less(i, many); ++i) {
        const auto before = plain.capacity();
        plain.push_back(i);
        grown_by_itself += plain.capacity() != before;
    }
    CHECK(grown <= grown_by_itself);
    CHECK(out == all);
    tx.finish();
}

TEST_CASE("a range that asks for more than a vector can hold takes what there is") {
    auto [tx, rx] = make_channel<int>(4);
    const auto three = numbers(3);
    CHECK(tx.push_range(three).value() == 3);
    std::vector<int> out;
    CHECK(rx.try_pop_range(out, std::numeric_limits<std::size_t>::max()).value() == 3);
    CHECK(out == three);
    CHECK(out.capacity() < 1000);
    tx.finish();
}

} // namespace batches
