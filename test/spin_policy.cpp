// What a side of a channel learns from its waits: when to spin, and how far to slip behind. Without a clock or a thread.
#include <inquest/detail/spin_policy.hpp>

#include <doctest/doctest.h>

namespace spin_policy {

using namespace std::chrono_literals;
using inquest::detail::spin_policy;

namespace {

constexpr inquest::detail::clock::duration limit = 50us;
constexpr inquest::detail::clock::time_point start{1s};

/// One that has waited once, and so may spin.
spin_policy fresh() {
    spin_policy policy;
    (void)policy.should_spin(limit, 1);
    return policy;
}

/// `n` items in all, one every `interval`, each of them waited for; the time of the last.
inquest::detail::clock::time_point feed(spin_policy& policy, inquest::detail::clock::duration interval, int n,
                                        inquest::detail::clock::time_point from = start) {
    for (int i = 0; i <= n; ++i, from += interval)
        policy.record_interval(from, static_cast<std::uint64_t>(i), limit);
    return from - interval;
}

} // namespace

TEST_CASE("the first wait parks, and the next one spins") {
    spin_policy policy;
    CHECK_FALSE(policy.should_spin(limit, 1));
    CHECK(policy.should_spin(limit, 1));
    CHECK(policy.should_spin(limit, 1));
}

TEST_CASE("a limit of zero never spins, and uses up nothing") {
    spin_policy policy;
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(policy.should_spin(0us, 1));
    CHECK_FALSE(policy.should_spin(limit, 1)); // still the first
    CHECK(policy.should_spin(limit, 1));
}

TEST_CASE("a call that lost its processor makes the next wait park, and that one alone") {
    auto policy = fresh();
    policy.park_next();
    CHECK_FALSE(policy.should_spin(limit, 1));
    CHECK(policy.should_spin(limit, 1));
}

TEST_CASE("it spins while the item for the last of those that wait is expected within the limit") {
    auto policy = fresh();
    feed(policy, 10us, 200);
    CHECK(policy.mean_interval() > 9us);
    CHECK(policy.mean_interval() <= 10us);
    CHECK(policy.should_spin(limit, 1));
    CHECK(policy.should_spin(limit, 5));
    CHECK_FALSE(policy.should_spin(limit, 6));
    CHECK(policy.should_spin(60us, 6));
}

TEST_CASE("the mean interval is what an item took between two records, whatever number of them came") {
    auto policy = fresh();
    auto now = start;
    std::uint64_t moved = 0;
    for (int i = 0; i < 200; ++i, now += 100us, moved += 10) policy.record_interval(now, moved, limit);
    CHECK(policy.mean_interval() > 9us);
    CHECK(policy.mean_interval() <= 10us);
    // Nothing moved: that counts as one item.
    policy = fresh();
    for (int i = 0; i < 200; ++i, now += 10us) policy.record_interval(now, moved, limit);
    CHECK(policy.mean_interval() > 9us);
}

TEST_CASE("an interval moves the mean by an eighth, and one that is long counts as four limits") {
    auto policy = fresh();
    policy.record_interval(start, 0, limit);
    CHECK(policy.mean_interval() == 0us); // nothing to measure from
    policy.record_interval(start + 8us, 1, limit);
    CHECK(policy.mean_interval() == 1us);
    policy.record_interval(start + 1h, 2, limit);
    CHECK(policy.mean_interval() == 1us + (4 * limit - 1us) / 8);
    CHECK(policy.should_spin(limit, 1)); // one silence is soon forgotten
    auto longer = fresh();
    feed(longer, 1h, 3);
    CHECK_FALSE(longer.should_spin(limit, 1)); // several are not
}

TEST_CASE("a record that is older than the last one changes nothing") {
    auto policy = fresh();
    const auto last = feed(policy, 10us, 50);
    const auto mean = policy.mean_interval();
    policy.record_interval(last - 5us, 1000, limit);
    CHECK(policy.mean_interval() == mean);
    policy.record_interval(last + 8 * mean, 51, limit);
    CHECK(policy.mean_interval() > mean); // measured from the last one, with its count
}

TEST_CASE("while items come rarely, one wait in so many spins, and what it sees decides") {
    auto policy = fresh();
    auto now = feed(policy, 1ms, 50);
    for (int round = 0; round < 3; ++round) {
        for (unsigned i = 1; i < spin_policy::parks_between_probes; ++i) {
            INFO(i);
            REQUIRE_FALSE(policy.should_spin(limit, 1));
        }
        CHECK(policy.should_spin(limit, 1));
        CHECK(policy.mean_interval() == limit);
        now += 1ms; // it saw that they still come rarely
        policy.record_interval(now, 51 + static_cast<std::uint64_t>(round), limit);
    }
    for (unsigned i = 0; i < spin_policy::parks_between_probes; ++i) (void)policy.should_spin(limit, 1);
    for (int i = 0; i < 4; ++i) policy.record_interval(now += 5us, 60 + static_cast<std::uint64_t>(i), limit);
    CHECK(policy.should_spin(limit, 1)); // it saw that they come fast
    CHECK(policy.should_spin(limit, 1));
}

TEST_CASE("a slip that succeeds doubles the distance up to the longest, and one that fails halves it") {
    spin_policy policy;
    CHECK(policy.slip_distance() == spin_policy::shortest_slip);
    for (const std::size_t expected : {4U, 8U, 16U, 20U, 20U}) {
        policy.record_slip(true, 20);
        CHECK(policy.slip_distance() == expected);
    }
    policy.record_slip(false, 20);
    CHECK(policy.slip_distance() == 10);
    for (int i = 0; i < 5; ++i) policy.record_slip(false, 20);
    CHECK(policy.slip_distance() == spin_policy::shortest_slip);
}

TEST_CASE("after a distance that was too long, it does not grow again at once") {
    spin_policy policy;
    policy.record_slip(true, 100);
    policy.record_slip(false, 100);
    CHECK(policy.slip_distance() == 2);
    for (unsigned i = 0; i < spin_policy::growth_cooldown; ++i) {
        policy.record_slip(true, 100);
        CHECK(policy.slip_distance() == 2);
    }
    policy.record_slip(true, 100);
    CHECK(policy.slip_distance() == 4);
    // The shortest one that fails had nothing to grow from.
    spin_policy shortest;
    shortest.record_slip(false, 100);
    shortest.record_slip(true, 100);
    CHECK(shortest.slip_distance() == 4);
}

} // namespace spin_policy
