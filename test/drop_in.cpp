// What a channel has so that it can take the place of the queues that old code has: the same names, the same shapes of a loop, ends
// and workers that are members before they are anything.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

namespace drop_in {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using support::numbers;
using support::wait_for_blocked;

namespace {

/// A class that is started after it was made, as those of old code bases are.
class service {
  public:
    void start() {
        std::tie(in_, out_) = make_channel<int>(4);
        worker_ = spawn("sum", std::move(out_), [](receiver<int>& items) {
            long sum = 0;
            for (const int item : items) sum += item;
            return sum;
        });
    }
    bool put(int item) { return in_.push(item).has_value(); }
    long stop() {
        in_.finish();
        return worker_.join().value();
    }

  private:
    sender<int> in_;
    receiver<int> out_;
    inquest::worker<long, inquest::no_error> worker_;
};

/// Refuses to be assigned when it is told to.
struct stubborn {
    explicit stubborn(int n) : number(n) {}
    stubborn(const stubborn&) = default;
    stubborn& operator=(const stubborn& other) {
        if (other.number == 13) throw std::runtime_error("13");
        number = other.number;
        return *this;
    }
    int number;
};

} // namespace

TEST_CASE("ends and workers can be members that are assigned later") {
    service mine;
    CHECK(!mine.put(1));
    mine.start();
    for (int i = 1; i <= 100; ++i) CHECK(mine.put(i));
    CHECK(mine.stop() == 5050);
    mine.start(); // once more
    CHECK(mine.put(7));
    CHECK(mine.stop() == 7);

    sender<int> tx;
    receiver<int> rx;
    CHECK(tx.try_push(1).error().status() == status::closed);
    CHECK(rx.pop().error().status() == status::closed);
    CHECK(rx.empty());
    CHECK(tx.capacity() == 0);
    tx.finish();
    const auto copy = tx; // NOLINT(performance-unnecessary-copy-initialization): that is what is tested
    CHECK(copy.is_closed());
    CHECK_THROWS_AS((void)spawn("w", std::move(rx), [](receiver<int>&) {}), std::invalid_argument);

    inquest::worker<int, std::string> none;
    CHECK(!none.is_done());
    CHECK(!none.request_stop());
    CHECK_THROWS_AS((void)none.join(), std::future_error);
    std::map<std::string, inquest::worker<int, std::string>> by_name;
    by_name["one"] = spawn("one", []() -> std::expected<int, std::string> { return 1; });
    CHECK(by_name["one"].join().value() == 1);
}

TEST_CASE("a pop into a variable assigns what it has popped, and nothing if it fails") {
    inquest::channel<std::string> queue(4);
    std::string item = "before";
    CHECK(queue.try_pop(item).error().status() == status::empty);
    CHECK(queue.pop_for(item, 0s).error().status() == status::timeout);
    CHECK(queue.pop_until(item, std::chrono::steady_clock::now()).error().status() == status::timeout);
    std::stop_source source;
    source.request_stop();
    CHECK(queue.pop(item, source.get_token()).error().status() == status::stopped);
    CHECK(item == "before");
    for (const char* text : {"a", "b", "c", "d"}) CHECK(queue.push(text));
    CHECK(queue.pop(item));
    CHECK(item == "a");
    CHECK(queue.try_pop(item));
    CHECK(item == "b");
    CHECK(queue.pop_for(item, 1h));
    CHECK(item == "c");
    CHECK(queue.pop(item, std::stop_token()));
    CHECK(item == "d");
    CHECK(queue.push("e"));
    queue.close();
    std::string all;
    while (queue.pop(item)) all += item; // as old code has it
    CHECK(all == "e");
    CHECK(item == "e");
    CHECK(queue.pop(item).error().status() == status::complete);
    CHECK(queue.pop_until(item, std::chrono::steady_clock::time_point::max()).error().status() ==
          status::complete);
}

TEST_CASE("an assignment that throws leaves the queue to the others") {
    inquest::channel<stubborn> queue(4);
    for (const int n : {1, 13, 2}) CHECK(queue.push(stubborn(n)));
    stubborn item(0);
    CHECK(queue.pop(item));
    CHECK_THROWS_AS((void)queue.pop(item), std::runtime_error);
    CHECK(item.number == 1);
    CHECK(queue.pop(item));
    CHECK(item.number == 2);
    CHECK(queue.empty());
}

TEST_CASE("a channel is read by a loop, and says how its stream has ended") {
    inquest::channel<int> queue(4);
    CHECK(queue.empty());
    for (const int n : {1, 2, 3}) CHECK(queue.push(n));
    CHECK(!queue.empty());
    CHECK(!queue.ended());
    SUBCASE("complete") {
        queue.close();
        int sum = 0;
        for (const int item : queue) sum += item;
        CHECK(sum == 6);
        CHECK(queue.outcome());
        CHECK(queue.ended()->status() == status::complete);
    }
    SUBCASE("truncated") {
        queue.close(cause("cut off"));
        int sum = 0;
        for (const int item : queue) sum += item;
        CHECK(sum == 6);
        CHECK(queue.outcome().error().message() == "cut off");
        CHECK(queue.ended()->status() == status::truncated);
    }
    SUBCASE("left") {
        for (const int item : queue)
            if (item == 2) break;
        CHECK(queue.outcome());
        CHECK(queue.size() == 1);
    }
}

TEST_CASE("a loop over a channel may be left behind when that is destroyed") {
    for (support::rounds rounds(100); rounds.another();) {
        auto queue = std::make_unique<inquest::channel<int>>(4);
        std::jthread reader([&in = *queue] {
            for (const int item : in) CHECK(item == 1);
        });
        wait_for_blocked(*queue);
        CHECK(queue->push(1));
        wait_for_blocked(*queue);
        queue.reset();
    }
}

TEST_CASE("a view takes as many items as it says, whatever is queued when it begins") {
    auto [tx, rx] = make_channel<int>(2);
    static_assert(!std::ranges::sized_range<receiver<int>> &&
                  !std::ranges::sized_range<inquest::channel<int>>);
    std::jthread producer([&, &to = tx] {
        for (int i = 1; i <= 12; ++i) CHECK(to.push(i));
        to.finish();
    });
    int sum = 0;
    for (const int item : rx | std::views::take(10)) sum += item;
    CHECK(sum == 55);
    CHECK(rx.pop().value() == 11);
}

TEST_CASE("drain takes all there is, and counts it only if that was all") {
    auto [tx, rx] = make_channel<int>(4);
    std::vector<int> out{0};
    SUBCASE("complete") {
        std::jthread producer([&, &to = tx] {
            const auto many = numbers(1000);
            CHECK(to.push_range(many).value() == 1000);
            to.finish();
        });
        CHECK(rx.drain(out).value() == 1000);
        CHECK(out.size() == 1001);
        CHECK(out.back() == 1000);
        CHECK(rx.drain(out).value() == 0);
    }
    SUBCASE("truncated") {
        const auto three = numbers(3);
        CHECK(tx.push_range(three).value() == 3);
        tx.close(cause("cut off"));
        const auto drained = rx.drain(out);
        CHECK(drained.error().status() == status::truncated);
        CHECK(drained.error().cause().message() == "cut off");
        CHECK(out == std::vector{0, 1, 2, 3});
    }
    SUBCASE("stopped") {
        CHECK(tx.push(1));
        std::stop_source source;
        std::jthread consumer(
            [&, &in = rx] { CHECK(in.drain(out, source.get_token()).error().status() == status::stopped); });
        wait_for_blocked(rx);
        source.request_stop();
        consumer.join();
        CHECK(out == std::vector{0, 1});
        tx.finish();
    }
}

} // namespace drop_in
