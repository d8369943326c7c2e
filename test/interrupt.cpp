// interrupt: whoever waits is told not to, and the stream goes on; and wait_closed, which waits for its end.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace interrupt {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::spawn;
using inquest::status;
using support::wait_for_blocked;

TEST_CASE("interrupt ends the calls that wait, and nothing else") {
    for (const unsigned spin : {0U, 1'000'000'000U}) { // parked, and spinning
        CAPTURE(spin);
        inquest::channel<int> queue({.capacity = 1, .spin = spin});
        const auto wait_for_a_call = [&] { support::wait_for_a_call(queue); };
        {
            std::jthread consumer([&] { CHECK(queue.pop().error().status() == status::interrupted); });
            wait_for_a_call();
            queue.interrupt();
        }
        CHECK(queue.push(1));
        {
            std::jthread producer([&] {
                const auto sent = queue.push(2);
                CHECK(sent.error().status() == status::interrupted);
                CHECK(!sent.error().cause());
            });
            wait_for_a_call();
            queue.interrupt();
        }
        queue.interrupt(); // nobody waits: later calls do not know
        CHECK(!queue.is_closed());
        CHECK(queue.pop().value() == 1);
        {
            std::jthread consumer([&] { CHECK(queue.pop().value() == 3); });
            wait_for_a_call();
            CHECK(queue.push(3));
        }
        queue.close();
        queue.interrupt();
        CHECK(queue.pop().error().status() == status::complete);
    }
}

TEST_CASE("interrupt ends all calls that wait, whatever they wait for, and says how far a range got") {
    auto [tx, rx] = make_channel<std::string>(2);
    std::vector<std::string> all(5, "item"), out;
    {
        std::jthread one([&, &to = tx] {
            const auto sent = to.push_range(all);
            CHECK(sent.error().status() == status::interrupted);
            CHECK(sent.error().accepted() == 2);
        });
        wait_for_blocked(tx);
        std::string kept = "kept";
        std::jthread other([&, &to = tx] {
            CHECK(to.push_for(std::move(kept), 1h).error().status() == status::interrupted);
        });
        wait_for_blocked(tx, 2);
        tx.interrupt();
        other.join();
        CHECK(kept == "kept"); // NOLINT(bugprone-use-after-move)
    }
    CHECK(all[2] == "item");
    {
        std::jthread one([&, &in = rx] {
            CHECK(in.pop_exactly(out, 5).value() ==
                  2); // which the next call would not report: it waits again
        });
        wait_for_blocked(rx);
        rx.interrupt();
    }
    CHECK(out.size() == 2);
    tx.finish();
}

TEST_CASE("a worker whose call was interrupted is none that saw its stream break off") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", rx, [](receiver<int>& in) -> std::expected<long, std::string> {
        long interrupts = 0;
        for (;;) {
            const auto item = in.pop();
            if (item) return interrupts;
            if (item.error().status() != status::interrupted) return std::unexpected("ended");
            ++interrupts;
        }
    });
    for (int i = 0; i < 2; ++i) {
        wait_for_blocked(rx);
        tx.interrupt();
    }
    wait_for_blocked(rx);
    CHECK(tx.push(1));
    CHECK(w.join().value() == 2);
}

TEST_CASE("a push that was interrupted is none that there is anything to resolve of") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", [] {});
    CHECK(tx.push(1));
    std::optional<inquest::push_error> error;
    {
        std::jthread producer([&, &to = tx] { error = to.push(2).error(); });
        wait_for_blocked(tx);
        rx.interrupt();
    }
    REQUIRE(error);
    CHECK(error->message().starts_with("interrupted"));
    CHECK(resolve(tx, w, *error).message().find("interrupted") != std::string::npos);
    CHECK(!tx.is_closed());
    tx.finish();
}

TEST_CASE("a loop is not ended by an interrupt") {
    auto [tx, rx] = make_channel<int>(1);
    std::jthread consumer([&, &in = rx] {
        int sum = 0;
        for (const int item : in) sum += item;
        CHECK(sum == 3);
        CHECK(in.outcome());
    });
    for (const int item : {1, 2}) {
        wait_for_blocked(rx);
        tx.interrupt();
        wait_for_blocked(rx);
        CHECK(tx.push(item));
    }
    tx.finish();
}

TEST_CASE("a stage that ends after an interrupted pop has not completed its output; one that went on has") {
    for (const bool goes_on : {false, true}) {
        CAPTURE(goes_on);
        auto [in_tx, in] = make_channel<int>(4);
        auto [out_tx, out] = make_channel<int>(4);
        auto stage = spawn("stage", std::move(in), std::move(out_tx),
                           [goes_on](receiver<int>& from, inquest::sender<int>& to) {
                               bool again = goes_on;
                               do {
                                   while (const auto item = from.pop()) CHECK(to.push(*item));
                               } while (std::exchange(again, false));
                           });
        CHECK(in_tx.push(1));
        CHECK(out.pop().value() == 1);
        wait_for_blocked(in_tx);
        in_tx.interrupt();
        if (goes_on) {
            wait_for_blocked(in_tx);
            CHECK(in_tx.push(2));
            CHECK(out.pop().value() == 2);
            in_tx.finish(); // before the interrupt was seen, this would be all that happened
        }
        CHECK(stage.wait());
        CHECK(out.pop().error().status() == (goes_on ? status::complete : status::truncated));
    }
}

TEST_CASE("a range that an interrupt cuts short counts as an interrupted pop") {
    auto [in_tx, in] = make_channel<int>(4);
    auto [out_tx, out] = make_channel<int>(4);
    auto stage =
        spawn("stage", std::move(in), std::move(out_tx), [](receiver<int>& from, inquest::sender<int>& to) {
            std::vector<int> two;
            CHECK(from.pop_exactly(two, 2).value() == 1);
            CHECK(to.push(two.front()));
        });
    CHECK(in_tx.push(1));
    wait_for_blocked(in_tx);
    in_tx.interrupt();
    CHECK(stage.wait());
    CHECK(out.pop().value() == 1);
    CHECK(out.pop().error().status() == status::truncated);
}

TEST_CASE("interrupt reaches calls on items that may throw when moved, too") {
    inquest::channel<support::touchy> queue(1);
    std::jthread consumer([&] { CHECK(queue.pop().error().status() == status::interrupted); });
    wait_for_blocked(queue);
    queue.interrupt();
    consumer.join();
    CHECK(queue.push(support::touchy(1)));
    std::jthread producer(
        [&] { CHECK(queue.push(support::touchy(2)).error().status() == status::interrupted); });
    wait_for_blocked(queue);
    queue.interrupt();
}

TEST_CASE("an interrupt that meets pushes and pops loses no item and no wake-up") {
    for (support::rounds rounds(200); rounds.another();) {
        inquest::channel<int> queue(1);
        constexpr int many = 50;
        std::atomic<int> interrupts{0};
        std::jthread producer([&] {
            for (int i = 0; i < many;) {
                if (const auto sent = queue.push(i))
                    ++i;
                else
                    ++interrupts;
            }
            queue.close();
        });
        std::jthread pest([&] {
            while (!queue.is_closed()) {
                queue.interrupt();
                std::this_thread::yield();
            }
        });
        for (int next = 0;;) {
            const auto item = queue.pop();
            if (item) {
                CHECK(*item == next++);
            } else if (item.error().status() != status::interrupted) {
                CHECK(next == many);
                break;
            }
        }
    }
}

TEST_CASE("wait_closed returns once nothing more can be pushed") {
    auto [tx, rx] = make_channel<int>(2);
    CHECK(tx.push(1));
    CHECK(!rx.wait_closed_for(0s));
    CHECK(!rx.wait_closed_for(1ms));
    CHECK(!rx.wait_closed_until(std::chrono::system_clock::now()));
    std::stop_source source;
    source.request_stop();
    CHECK(!rx.wait_closed(source.get_token()));
    {
        std::jthread waiting([&, &in = rx] { CHECK(in.wait_closed()); });
        std::jthread too([&, &of = tx] { CHECK(of.wait_closed_for(1h)); });
        tx.finish();
    }
    CHECK(rx.wait_closed());
    CHECK(rx.wait_closed_for(0s));
    CHECK(rx.pop().value() == 1); // it is still there
    CHECK(receiver<int>().wait_closed());
}

TEST_CASE("wait_closed ends when its worker is asked to stop, or its own token is") {
    auto [tx, rx] = make_channel<int>(2);
    for (const bool own : {false, true}) {
        CAPTURE(own);
        std::stop_source source;
        std::atomic<bool> begun{false};
        auto w = spawn("w", [&, &of = tx]() -> std::expected<long, std::string> {
            begun = true;
            return own ? of.wait_closed(source.get_token()) : of.wait_closed();
        });
        support::wait_for("the worker", [&] { return begun.load(); });
        if (own)
            source.request_stop();
        else
            CHECK(w.request_stop());
        CHECK(w.join().value() == 0);
    }
    tx.finish();
}

TEST_CASE("a channel may be destroyed while its close is waited for") {
    for (support::rounds rounds(300); rounds.another();) {
        auto queue = std::make_unique<inquest::channel<int>>(1);
        std::jthread waiting([&of = *queue] { CHECK(of.wait_closed()); });
        while (inquest::detail::channel_inspector::waiting_for_close(*queue) == 0) std::this_thread::yield();
        queue.reset();
    }
}

TEST_CASE("a close that meets the end of a wait for it harms neither") {
    for (support::rounds rounds(300); rounds.another();) {
        std::optional<inquest::channel<int>> queue(1);
        std::stop_source source;
        std::jthread waiting([&] { (void)queue->wait_closed(source.get_token()); });
        std::jthread stopping([&] { source.request_stop(); });
        queue->close();
    }
}

} // namespace interrupt
