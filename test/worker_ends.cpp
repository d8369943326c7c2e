// Workers that are passed several ends: what becomes of their inputs and outputs, however they end.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <pthread.h>
#include <stdexcept>
#include <stop_token>
#include <vector>

namespace worker_ends {

using inquest::cause_kind;
using inquest::channel;
using inquest::failure;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::spawn;
using inquest::status;
using support::wait_for;

namespace {

using outcome = std::expected<void, std::string>;

/// Passes items on until its input ends; fails if it can't pass one on.
outcome copy(receiver<int>& in, sender<int>& out) {
    while (auto item = in.pop())
        if (!out.push(*item)) return std::unexpected("could not pass it on");
    return {};
}

/// Takes all that there is.
outcome drain(receiver<int>& in) {
    for ([[maybe_unused]] const int item : in) {
    }
    return {};
}

/// Pops until the end, and returns how that was.
inquest::pop_error end_of(receiver<int>& in) {
    for (;;)
        if (auto item = in.pop(); !item) return item.error();
}

} // namespace

TEST_CASE("a function is passed its ends in the order of spawn, after the stop token") {
    channel<int> numbers(4);
    auto [texts_in, texts_out] = make_channel<std::string>(4);
    auto [sums_in, sums_out] = make_channel<long>(4);
    auto w =
        spawn("w", texts_in, numbers, std::move(sums_out),
              [](std::stop_token stop, sender<std::string>& texts, receiver<int>& in, receiver<long>& sums) {
                  CHECK(stop.stop_possible());
                  const long n = in.pop().value();
                  CHECK(texts.push(std::to_string(n + sums.pop().value())));
                  return n;
              });
    CHECK(numbers.push(40));
    CHECK(sums_in.push(2));
    CHECK(texts_out.pop().value() == "42");
    CHECK(w.join().value() == 40);
    CHECK(texts_in.push("mine is another sender")); // the worker's is finished, and this one is not
    texts_in.finish();
    CHECK(texts_out.pop());
    CHECK(texts_out.pop().error().status() == status::complete);
}

TEST_CASE("success over a whole input finishes the outputs, of producers without an input too") {
    auto [first_in, first_out] = make_channel<int>(2);
    auto [second_in, second_out] = make_channel<int>(2);
    auto numbers = spawn("numbers", std::move(first_in), [](sender<int>& out) -> outcome {
        for (int i = 1; i <= 100; ++i)
            if (!out.push(i)) return std::unexpected("refused");
        return {};
    });
    auto copies = spawn("copies", std::move(first_out), std::move(second_in), copy);
    int expected = 0;
    for (const int item : second_out) CHECK(item == ++expected);
    CHECK(expected == 100);
    CHECK(second_out.ended()->status() == status::complete);
    CHECK(copies.join());
    CHECK(numbers.join());
}

namespace {

struct way {
    const char* name;
    std::function<outcome()> end; // how a function ends
    cause_kind kind;
    const char* text; // what its worker's cause says
};

const std::array<way, 3> ways{{
    {"error", [] { return outcome(std::unexpected("bad frame")); }, cause_kind::error, "bad frame"},
    {"exception", []() -> outcome { throw std::runtime_error("bad frame"); }, cause_kind::exception,
     "std::runtime_error: bad frame"},
    {"unwind", []() -> outcome { pthread_exit(nullptr); }, cause_kind::forced_unwind,
     "thread ended by pthread_exit or pthread_cancel"},
}};

} // namespace

TEST_CASE("each of three stages that ends in each way ends both neighbours at once, and both name it") {
    for (const auto& how : ways)
        for (const char* const dies : {"capture", "detect", "display"})
            for (const std::size_t first : {1U, 64U})
                for (const std::size_t second : {1U, 64U})
                    for (const int at : {0, 1, 50}) {
                        CAPTURE(how.name);
                        CAPTURE(dies);
                        CAPTURE(first);
                        CAPTURE(second);
                        CAPTURE(at);
                        // Ends as `how` says if this stage is the one, after `at` items.
                        const auto dies_at = [&](const char* stage, int item) {
                            return item >= at && std::string_view(stage) == dies;
                        };
                        auto [frames_in, frames_out] = make_channel<int>(first);
                        auto [faces_in, faces_out] = make_channel<int>(second);
                        auto capture =
                            spawn("capture", std::move(frames_in), [&](sender<int>& out) -> outcome {
                                for (int i = 0;; ++i) {
                                    if (dies_at("capture", i)) return how.end();
                                    if (auto sent = out.push(i); !sent)
                                        return std::unexpected(sent.error().message());
                                }
                            });
                        auto detect = spawn("detect", std::move(frames_out), std::move(faces_in),
                                            [&](receiver<int>& in, sender<int>& out) -> outcome {
                                                for (const int item : in) {
                                                    if (dies_at("detect", item)) return how.end();
                                                    if (auto sent = out.push(item); !sent)
                                                        return std::unexpected(sent.error().message());
                                                }
                                                return std::unexpected(in.ended()->message());
                                            });
                        auto display =
                            spawn("display", std::move(faces_out), [&](receiver<int>& in) -> outcome {
                                for (const int item : in)
                                    if (dies_at("display", item)) return how.end();
                                return std::unexpected(in.ended()->message());
                            });
                        for (auto* const stage : {&capture, &detect, &display}) {
                            const auto why = stage->report(); // none of them hangs
                            REQUIRE(why);
                            CHECK(why->message().find(how.text) != std::string::npos);
                            CHECK(why->message().find(std::string("worker '") + dies + "' failed") !=
                                  std::string::npos);
                            CHECK(why->cause().is_consequence() == (why->cause().worker() != dies));
                            CHECK((why->cause().kind() == how.kind) ==
                                  (why->cause().worker() == dies || how.kind == cause_kind::error));
                        }
                    }
}

TEST_CASE("what a worker that failed was passed is abandoned even if it pushed nothing, and others are still "
          "there") {
    auto [tx, rx] = make_channel<int>(4);
    auto w = spawn("w", tx, [](sender<int>&) -> outcome { return std::unexpected("at once"); });
    CHECK(*w.report()->error() == "at once");
    CHECK(tx.push(1)); // the stream goes on, but it is known to have a hole
    tx.finish();
    CHECK(rx.pop().value() == 1);
    const auto end = rx.pop().error();
    CHECK(end.status() == status::truncated);
    CHECK(end.cause().message() == "worker 'w' failed: at once");
}

TEST_CASE("a worker whose thread can't be created abandons its outputs too") {
    // What the thread that could not start one does: see test/faults/threads.cpp for one that really can't.
    auto [tx, rx] = make_channel<int>(4);
    using main = inquest::detail::function_main<void, std::string, outcome (*)(sender<int>&), sender<int>>;
    main program({.name = "w"}, [](sender<int>&) -> outcome { return {}; }, std::move(tx));
    program.never_started(EAGAIN);
    const auto end = rx.pop().error();
    CHECK(end.status() == status::truncated);
    CHECK(end.cause().kind() == cause_kind::never_started);
}

TEST_CASE(
    "a function that was asked to stop has not completed its output, one whose input was complete has") {
    auto [tx, rx] = make_channel<int>(4);
    auto w = spawn("w", std::move(tx), [](std::stop_token stop, sender<int>& out) {
        CHECK(out.push(1));
        support::look_for([&] { return stop.stop_requested(); });
    });
    CHECK(rx.pop().value() == 1);
    w.request_stop();
    const auto end = rx.pop().error();
    CHECK(end.status() == status::truncated);
    CHECK(end.cause().kind() == cause_kind::abandoned);
    CHECK(end.cause().message().starts_with("producer was stopped: worker 'w', last push at "));
    CHECK(w.join());

    auto [in_tx, in_rx] = make_channel<int>(4);
    auto [out_tx, out_rx] = make_channel<int>(4);
    std::atomic<bool> drained{false};
    auto late = spawn("late", std::move(in_rx), std::move(out_tx),
                      [&](std::stop_token stop, receiver<int>& in, sender<int>& out) {
                          (void)copy(in, out);
                          drained = true;
                          support::look_for([&] { return stop.stop_requested(); });
                      });
    CHECK(in_tx.push(1));
    in_tx.finish();
    wait_for("all to be passed on", [&] { return drained.load(); });
    late.request_stop();
    CHECK(late.join());
    CHECK(out_rx.pop().value() == 1);
    CHECK(out_rx.pop().error().status() == status::complete);
}

TEST_CASE("an input that broke off is an output that did, with the same cause, also if the function knows") {
    for (const bool knows : {false, true}) {
        CAPTURE(knows);
        auto [in_tx, in_rx] = make_channel<int>(4);
        auto [out_tx, out_rx] = make_channel<int>(4);
        auto w = spawn("w", std::move(in_rx), std::move(out_tx),
                       [&](receiver<int>& in, sender<int>& out) -> outcome {
                           auto copied = copy(in, out);
                           if (knows) CHECK(in.ended()->status() == status::truncated);
                           return copied;
                       });
        CHECK(in_tx.push(1));
        in_tx.close(inquest::cause("disk full"));
        CHECK(out_rx.pop().value() == 1);
        const auto end = out_rx.pop().error();
        CHECK(end.status() == status::truncated);
        CHECK(end.cause().text() == "disk full");
        CHECK(end.cause().kind() == cause_kind::given);
        CHECK(w.report().has_value() == !knows);
    }
}

TEST_CASE("an input that a receiver closed is no whole input either") {
    auto [in_tx, in_rx] = make_channel<int>(4);
    auto [out_tx, out_rx] = make_channel<int>(4);
    receiver<int> other = in_rx;
    auto w =
        spawn("w", std::move(in_rx), std::move(out_tx), [&](receiver<int>& in, sender<int>& out) -> outcome {
            auto copied = copy(in, out);
            CHECK(in.ended()->status() == status::closed);
            return copied;
        });
    other.close();
    const auto end = end_of(out_rx);
    CHECK(end.status() == status::truncated);
    CHECK(end.cause().message() == "producer left without finish: worker 'w'");
    CHECK(w.join());
}

TEST_CASE(
    "a sender that the function finished or gave away is left alone, whatever becomes of the function") {
    auto [first_in, first_out] = make_channel<int>(4);
    auto [second_in, second_out] = make_channel<int>(4);
    std::optional<sender<int>> given_away;
    auto w = spawn("w", std::move(first_in), std::move(second_in),
                   [&](sender<int>& one, sender<int>& two) -> outcome {
                       CHECK(one.push(1));
                       one.finish();
                       given_away.emplace(std::move(two));
                       return std::unexpected("after that");
                   });
    CHECK(w.report());
    CHECK(first_out.pop().value() == 1);
    CHECK(first_out.pop().error().status() == status::complete);
    CHECK(second_out.try_pop().error().status() == status::empty);
    given_away->finish();
    CHECK(second_out.pop().error().status() == status::complete);
}

TEST_CASE("a stage that leaves with success because its push was refused passes the cause on to the one "
          "before it") {
    for (const bool exception : {false, true}) {
        CAPTURE(exception);
        auto [frames, frames_out] = make_channel<int>(1);
        auto [faces_in, faces_out] = make_channel<int>(1);
        auto detect = spawn("detect", std::move(frames_out), std::move(faces_in),
                            [](receiver<int>& in, sender<int>& out) {
                                for (const int item : in)
                                    if (!out.push(item)) return;
                            });
        auto display = spawn("display", std::move(faces_out), [&](receiver<int>& in) -> outcome {
            for (const int item : in)
                if (item == 1) {
                    if (exception) throw std::runtime_error("no window");
                    return std::unexpected("no window");
                }
            return {};
        });
        const auto refused = support::push_error_of(frames);
        CHECK(refused.status() == status::closed);
        CHECK_FALSE(refused.finished_early());
        CHECK(refused.cause().worker() == "display");
        CHECK(frames.cause().message().find("no window") != std::string::npos);
        const auto why = inquest::resolve(frames, detect, refused);
        CHECK(why.message().find("worker 'display' failed on item ") != std::string::npos);
        CHECK(detect.join());
        CHECK(display.report());
    }
}

TEST_CASE(
    "the stage before one that failed because its push was refused names the root, not the consequence") {
    auto [frames, frames_out] = make_channel<int>(1);
    auto [faces_in, faces_out] = make_channel<int>(1);
    auto detect = spawn("detect", std::move(frames_out), std::move(faces_in), copy);
    auto display = spawn("display", std::move(faces_out), [](receiver<int>& in) -> outcome {
        (void)in.pop();
        return std::unexpected("no window");
    });
    CHECK(support::push_error_of(frames).cause().message() == "worker 'display' failed on item 1: no window");
    CHECK(*detect.report()->error() == "could not pass it on"); // its own outcome is its own
    CHECK(detect.report()->cause().is_consequence());
    CHECK(inquest::report(detect, display)->cause().worker() == "display");
}

TEST_CASE("of two outputs, the other one is not complete if a stage leaves because one was refused") {
    for (const bool fails : {false, true}) {
        CAPTURE(fails);
        auto [in_tx, in_rx] = make_channel<int>(1);
        auto [one_tx, one_rx] = make_channel<int>(1);
        auto [other_tx, other_rx] = make_channel<int>(64);
        auto tee = spawn("tee", std::move(in_rx), std::move(one_tx), std::move(other_tx),
                         [](receiver<int>& in, sender<int>& one, sender<int>& other) {
                             for (const int item : in)
                                 if (!other.push(item) || !one.push(item)) return;
                         });
        auto leaves = spawn("leaves", std::move(one_rx), [&](receiver<int>& in) -> outcome {
            (void)in.pop();
            if (fails) return std::unexpected("no window");
            return {};
        });
        (void)support::push_error_of(in_tx);
        const auto end = end_of(other_rx);
        CHECK(end.status() == status::truncated);
        CHECK(end.cause().message().starts_with(
            fails ? "worker 'leaves' failed on item 1: no window"
                  : "producer left without finish: worker 'tee', last push at "));
        CHECK(leaves.report().has_value() == fails);
    }
}

TEST_CASE("what becomes of channels that a function was not passed does not concern its outputs") {
    auto [side_tx, side_rx] = make_channel<int>(1);
    side_tx.close(inquest::cause("a side channel"));
    auto [out_tx, out_rx] = make_channel<int>(4);
    auto w = spawn("w", std::move(out_tx), [&](sender<int>& out) {
        CHECK_FALSE(side_tx.push(1));
        CHECK_FALSE(side_rx.pop());
        CHECK_FALSE(side_rx.outcome()); // it knows
        CHECK(out.push(7));
    });
    CHECK(out_rx.pop().value() == 7);
    CHECK(out_rx.pop().error().status() == status::complete);
    CHECK(w.join());
}

TEST_CASE("a stop that comes when the function has returned does not make its second output incomplete") {
    auto [one_tx, one_rx] = make_channel<int>(1);
    auto [other_tx, other_rx] = make_channel<int>(1);
    std::optional<inquest::worker<void, inquest::no_error>> w;
    std::atomic<bool> there{false};
    const auto stops = one_rx.on_close([&](const inquest::pop_error&) { w->request_stop(); });
    w.emplace(spawn("w", std::move(one_tx), std::move(other_tx), [&](sender<int>&, sender<int>& other) {
        support::look_for([&] { return there.load(); });
        CHECK(other.push(1));
    }));
    there = true;
    CHECK(other_rx.pop().value() == 1);
    CHECK(other_rx.pop().error().status() == status::complete);
    CHECK(w->join());
}

TEST_CASE("the end of one input says nothing of the item of another, in whichever order they are popped") {
    channel<int> left({.capacity = 4, .name = "left"}), right({.capacity = 4, .name = "right"});
    CHECK(right.push(1));
    left.close();
    auto w = spawn("merge", left, right, [](receiver<int>& a, receiver<int>& b) -> outcome {
        CHECK(b.pop().value() == 1);
        CHECK(a.pop().error().status() == status::complete);
        return std::unexpected("here");
    });
    CHECK(w.report()->message() == "worker 'merge' failed on item 1 of 'right': here");
}

TEST_CASE("a stage that leaves early by itself is still one that finished early") {
    auto [tx, rx] = make_channel<int>(1);
    auto [out_tx, out_rx] = make_channel<int>(8);
    auto head = spawn("head", std::move(rx), std::move(out_tx), [](receiver<int>& in, sender<int>& out) {
        for (int i = 0; i < 3; ++i) CHECK(out.push(in.pop().value()));
    });
    CHECK(support::push_error_of(tx).finished_early());
    CHECK(head.join());
    for (int i = 0; i < 3; ++i) CHECK(out_rx.pop().value() == 1);
    CHECK(out_rx.pop().error().status() == status::complete);
}

TEST_CASE("a worker that reads several channels fails for all of them, and says of which its item was") {
    channel<int> left({.capacity = 4, .name = "left"}), right({.capacity = 4, .name = "right"});
    auto w = spawn("merge", left, right, [](receiver<int>& a, receiver<int>& b) -> outcome {
        (void)a.pop();
        (void)b.pop();
        (void)b.pop();
        return std::unexpected("does not fit");
    });
    CHECK(left.push(1));
    CHECK(right.push(1));
    CHECK(right.push(2));
    CHECK(w.report()->message() == "worker 'merge' failed on item 2 of 'right': does not fit");
    for (auto* const each : {&left, &right}) {
        CHECK(each->push(3).error().cause() == w.report()->cause());
        CHECK(each->pop().error().status() == status::aborted);
    }
}

TEST_CASE("after the end of one of its channels a worker is on the item of another") {
    channel<int> left({.capacity = 4, .name = "left"}), right({.capacity = 4, .name = "right"});
    CHECK(left.push(1));
    CHECK(right.push(1));
    left.close();
    auto w = spawn("merge", left, right, [](receiver<int>& a, receiver<int>& b) -> outcome {
        CHECK(a.pop().value() == 1);
        CHECK(a.pop().error().status() == status::complete);
        CHECK(b.pop().value() == 1);
        return std::unexpected("here");
    });
    CHECK(w.report()->message() == "worker 'merge' failed on item 1 of 'right': here");
}

TEST_CASE("two receivers of one channel attach a worker once") {
    auto [tx, rx] = make_channel<int>(4);
    auto w = spawn("w", rx, rx, [](receiver<int>& a, receiver<int>& b) -> outcome {
        (void)a.pop();
        (void)b.pop();
        return std::unexpected("both");
    });
    CHECK(tx.push(1));
    CHECK(tx.push(2));
    CHECK(w.report()->message() == "worker 'w' failed on item 2: both");
    CHECK(tx.push(3).error().cause() == w.report()->cause());
}

TEST_CASE("a worker may read the channel that it writes") {
    auto [tx, rx] = make_channel<int>(8);
    auto w = spawn("w", tx, std::move(rx), [](sender<int>& again, receiver<int>& in) {
        long sum = 0;
        while (auto item = in.pop()) {
            sum += *item;
            if (*item > 1)
                CHECK(again.push(*item - 1));
            else
                again.finish();
        }
        return sum;
    });
    CHECK(tx.push(4));
    tx.finish();
    CHECK(w.join().value() == 10);
}

TEST_CASE("an end that was moved from is refused before anything is started") {
    auto [tx, rx] = make_channel<int>(4);
    const auto gone_sender = std::move(tx);
    CHECK_THROWS_WITH_AS(spawn("w", std::move(rx), tx, [](receiver<int>&, sender<int>&) {}).wait(),
                         "inquest: a worker is given a sender of no channel, moved from or never assigned",
                         std::invalid_argument);
    auto [tx2, rx2] = make_channel<int>(4);
    CHECK_THROWS_WITH_AS( // the second is empty by then
        spawn("w", std::move(tx2), std::move(tx2), [](sender<int>&, sender<int>&) {}).wait(),
        "inquest: a worker is given a sender of no channel, moved from or never assigned",
        std::invalid_argument);
    const auto gone_receiver = std::move(rx); // which the call above has left alone
    CHECK(gone_receiver.capacity() == 4);
    CHECK_THROWS_WITH_AS(spawn("w", gone_sender, rx, [](sender<int>&, receiver<int>&) {}).wait(),
                         "inquest: a worker is given a receiver of no channel, moved from or never assigned",
                         std::invalid_argument);
}

TEST_CASE("counted ends of a channel that is used by reference") {
    channel<int> queue(4);
    {
        auto one = queue.make_sender(), other = queue.make_sender();
        CHECK(one.push(1));
        one.finish();
        CHECK(queue.push(2)); // by reference, as before
        CHECK_FALSE(queue.is_closed());
        other.finish();
    }
    CHECK(queue.is_closed());
    auto rx = queue.make_receiver();
    CHECK(rx.pop().value() == 1);
    CHECK(rx.pop().value() == 2);
    CHECK(rx.pop().error().status() == status::complete);

    channel<int> other(4);
    {
        const auto dropped = other.make_receiver();
    }
    CHECK(other.push(1)); // the channel is one itself
    {
        auto abandons = other.make_sender();
        CHECK(abandons.push(2));
    }
    CHECK(other.pop().value() == 1);
    CHECK(other.pop().value() == 2);
    CHECK(other.pop().error().status() == status::truncated);
}

TEST_CASE(
    "the destructor of a worker with two inputs drains if both have closed, and stops it if one is open") {
    for (const bool both : {false, true}) {
        CAPTURE(both);
        channel<int> left(64), right(64);
        std::atomic<int> taken{0};
        std::atomic<bool> go{false};
        for (int i = 0; i < 64; ++i) CHECK(left.push(i));
        left.close();
        if (both) right.close();
        {
            auto w = spawn("w", left, right, [&](receiver<int>& a, receiver<int>& b) {
                support::look_for([&] { return go.load(); });
                while (b.pop()) {
                }
                while (a.pop()) ++taken;
            });
            if (both) go = true;
            std::jthread late([&] {
                if (!both) support::wait_for_blocked(right, 0);
                go = true;
            });
        }
        CHECK((taken == 64) == both);
    }
}

TEST_CASE("a stage's resolve is answered from inside each of its channels") {
    auto [in_tx, in_rx] = make_channel<int>(4);
    channel<int> second(4);
    std::optional<inquest::worker<void, std::string>> other;
    std::atomic<bool> there{false};
    auto w = spawn("w", std::move(in_rx), second, [&](receiver<int>&, receiver<int>& in) -> outcome {
        support::look_for([&] { return there.load(); });
        const auto why = other->join(); // reads `second` too, so that it could wait for this one
        CHECK(why.error().message().find("asked from inside the channel, so not joined") !=
              std::string::npos);
        (void)in;
        return {};
    });
    other.emplace(spawn("other", second, drain));
    there = true;
    CHECK(w.join());
    second.close();
    CHECK(other->join());
}

TEST_CASE("two workers that read the same two channels and fail at once: each channel's first cause is the "
          "same one") {
    // What ends a worker is called as its thread calls it: see the same of one channel in multiple_workers.cpp.
    struct round_of {
        channel<int> left{1}, right{1};
        std::array<std::shared_ptr<inquest::detail::worker_record>, 2> record{
            std::make_shared<inquest::detail::worker_record>("a"),
            std::make_shared<inquest::detail::worker_record>("b")};
        std::array<inquest::detail::worker_inputs, 2> inputs;
    };
    support::rounds rounds(100'000, std::chrono::seconds(20));
    std::array<int, 2> won{};
    while (rounds.another()) {
        round_of mine;
        using inquest::detail::channel_inspector;
        for (const auto& one : {&mine.left, &mine.right})
            mine.inputs[0].attach(channel_inspector::share(*one), *mine.record[0]);
        for (const auto& one : {&mine.right, &mine.left})
            mine.inputs[1].attach(channel_inspector::share(*one), *mine.record[1]);
        std::atomic<int> here{0};
        const auto end = [&](std::size_t who) {
            ++here;
            support::look_for([&] { return here == 2; });
            mine.record[who]->kind = cause_kind::error;
            inquest::detail::publish(*mine.record[who], mine.inputs[who]);
        };
        {
            std::jthread other([&] { end(1); });
            end(0);
        }
        const auto first = mine.record[0]->sequence < mine.record[1]->sequence ? 0U : 1U;
        ++won[first];
        CHECK(mine.left.cause().sequence() == mine.record[first]->sequence);
        CHECK(mine.right.cause().sequence() == mine.record[first]->sequence);
    }
    MESSAGE("won: ", won[0], " and ", won[1]);
}

TEST_CASE("the receivers that a function leaves in its ends are destroyed as its parameters would be, the "
          "last first") {
    auto first_end = make_channel<int>(1), second_end = make_channel<int>(1);
    auto first = make_channel<int>(1), second = make_channel<int>(1);
    std::vector<int> closed;
    const auto on_first = first.first.on_close([&](const auto&) { closed.push_back(1); });
    const auto on_second = second.first.on_close([&](const auto&) { closed.push_back(2); });
    auto worker = spawn("leaves others", std::move(first_end.second), std::move(second_end.second),
                        [one = std::move(first.second),
                         two = std::move(second.second)](receiver<int>& a, receiver<int>& b) mutable {
                            a = std::move(one);
                            b = std::move(two);
                        });
    worker.wait();
    CHECK(closed == std::vector{2, 1});
}

} // namespace worker_ends
