// The behaviour of .NET's System.Threading.Channels tests that concerns causes, blocked calls and cancelled ones.
//
// There a channel is completed with an exception; here it is closed or aborted with a cause that holds one, or a
// worker of it throws. There the completion is a task; here `ended` and `cause` tell. A cancellation is a stop
// request here, and a write or read that does not complete at once is a call that is blocked.
//
// The cases there, and under each group the test here; what is marked * stands in dotnet_waiting.cpp.
//
// ChannelTestBase
//   Complete_WithException_PropagatesToCompletion, Completion_Idempotent
//     | the exception is that of the ended stream
//   Complete_WithException_PropagatesToExistingWriter
//     | the exception reaches pushes that are blocked
//   Complete_WithException_PropagatesToNewWriter, Complete_WithException_PropagatesToNewWaitingWriter
//     | the exception reaches pushes that come later
//   Complete_WithException_PropagatesToExistingWaitingReader
//     | the exception reaches pops that are blocked
//   Complete_WithException_PropagatesToNewWaitingReader, ReadAsync_AfterFaultedChannel_Throws
//     | the exception reaches pops that come later
//   TryComplete_ErrorsPropage
//     | a stream that ended well has no exception (the others of its parts: see the ended stream, and
//     |   cancellation below)
//   Complete_Twice_ThrowsInvalidOperationException, TryComplete_Twice_ReturnsTrueThenFalse
//     | only the first close counts (though a cause that comes after a close without one is still taken: see
//     |   channel.cpp)
//   Complete_AfterEmpty_NoWaiters_TriggersCompletion, Complete_AfterEmpty_WaitingReader_TriggersCompletion,
//   Complete_BeforeEmpty_WaitingReaders_TriggersCompletion, ReadAsync_AlreadyCompleted_Throws,
//   ReadAsync_SubsequentlyCompleted_Throws, WaitToReadAsync_AfterComplete_SynchronouslyCompletes,
//   WaitToReadAsync_BeforeComplete_AsynchronouslyCompletes, TryRead_AfterComplete_ReturnsFalse
//     | a close releases every blocked pop
//   WriteAsync_AfterComplete_ThrowsException, TryWrite_AfterComplete_ReturnsFalse,
//   WaitToWriteAsync_AfterComplete_SynchronouslyCompletes
//     | a close releases every push that is blocked on a full channel
//   ManyWriteAsync_ThenManyTryRead_Success
//     | two thousand blocked pushes get through, first come first served *; two thousand blocked producers: each
//     |   one's items keep their order *
//   ReadAsync_WriteAsync_ManyConcurrentReaders_SerializedWriters_Success,
//   ReadAsync_TryWrite_ManyConcurrentReaders_SerializedWriters_Success
//     | a hundred blocked pops get one item each *
//   Precancellation_Writing_ReturnsImmediately, Precancellation_ReadAsync_ReturnsImmediately,
//   Precancellation_WaitToReadAsync_ReturnsImmediately
//     | a stop that was requested before the call: nothing is pushed, nothing popped *
//   ReadAsync_Canceled_CanceledAsynchronously, ReadAsync_Canceled_WriteAsyncCompletesNextReader,
//   ReadAsync_ConsecutiveReadsSucceed, WaitToReadAsync_NoDataWritten_Canceled_CompletesAsCanceled
//     | pops that were stopped leave every item to those that come after *
//   SingleProducerConsumer_ConcurrentReadWrite_Success, ManyProducerConsumer_ConcurrentReadWrite_Success,
//   SingleProducerConsumer_PingPong_Success
//     | left out: the same as spsc and mpmc in crossbeam.cpp, no_runtime in crossbeam_mpsc.cpp
//   TryRead_DataAvailable_Success, ReadAsync_ThenWriteAsync_Succeeds, WriteAsync_ReadAsync_Succeeds
//     | left out: the same as smoke, try_recv and recv in crossbeam.cpp
//   ReadAsync_AfterCanceledChannel_Throws, Complete_WithCancellationException_PropagatesToCompletion
//     | left out: completion by a cancellation, we have none
//   WaitToReadAsync_DataAvailableBefore_CompletesSynchronously,
//   WaitToReadAsync_DataAvailableAfter_CompletesAsynchronously, WaitToReadAsync_DataWritten_CompletesSuccessfully,
//   WaitToReadAsync_ConsecutiveReadsSucceed, Write_WaitToReadAsync_CompletesSynchronously,
//   WaitToWriteAsync_EmptyChannel_SynchronouslyCompletes, WaitToWriteAsync_ManyConcurrent_SatisifedByReaders,
//   WaitToWriteAsync_BlockedReader_ReturnsTrue
//     | left out: waiting without pushing or popping, we have none
//   TryPeek_SucceedsWhenDataAvailable
//     | left out: peeking, we have none
//   WaitToReadAsync_MultipleContinuations_Throws, ReadAsync_MultipleContinuations_Throws,
//   WaitToWriteAsync_MultipleContinuations_Throws, WriteAsync_MultipleContinuations_Throws,
//   WaitToReadAsync_AwaitThenGetResult_Throws, ReadAsync_AwaitThenGetResult_Throws,
//   WaitToWriteAsync_AwaitThenGetResult_Throws, WriteAsync_AwaitThenGetResult_Throws,
//   Reader_ContinuesOnCurrentSynchronizationContextIfDesired, Reader_ContinuesOnCurrentTaskSchedulerIfDesired,
//   ValueTask_GetResultWhenNotCompleted_Throws, ValueTask_MultipleContinuations_Throws
//     | left out: tasks and awaiting, we have none
//   Cast_MatchesInOut, Count_ThrowsIfUnsupported, ValidateDebuggerAttributes
//     | left out: of their type system and debugger
//
// BoundedChannelTests
//   CancelPendingWrite_Reading_DataTransferredFromCorrectWriter
//     | a push that was stopped leaves its turn to the next *
//   Count_IncrementsDecrementsAsExpected, TryWrite_TryRead_Many_Wait, TryWrite_TryRead_OneAtATime,
//   SingleProducerConsumer_ConcurrentReadWrite_WithBufferedCapacity_Success,
//   ManyProducerConsumer_ConcurrentReadWrite_WithBufferedCapacity_Success
//     | left out: the same as len, capacity and mpmc in crossbeam.cpp, TestChan in go.cpp
//   TryWrite_TryRead_Many_DropOldest, WriteAsync_TryRead_Many_DropOldest, TryWrite_TryRead_Many_DropNewest,
//   WriteAsync_TryRead_Many_DropNewest, TryWrite_DropNewest_WrappedAroundInternalQueue,
//   TryWrite_TryRead_Many_Ignore, WriteAsync_TryRead_Many_Ignore, DroppedDelegateNotCalledOnWaitMode_SyncWrites,
//   DroppedDelegateNotCalledOnWaitMode_AsyncWrites, DroppedDelegateIsNull_SyncWrites,
//   DroppedDelegateIsNull_AsyncWrites, DroppedDelegateCalledOnChannelFull_SyncWrites,
//   DroppedDelegateCalledOnChannelFull_AsyncWrites, DroppedDelegateCalledAfterLockReleased_SyncWrites,
//   DroppedDelegateCalledAfterLockReleased_AsyncWrites
//     | left out: channels that drop items, we have none
//   WaitToWriteAsync_AfterFullThenRead_ReturnsTrue, TryWrite_NoBlockedReaders_WaitingReader_WaiterNotified
//     | left out: waiting without pushing or popping, we have none
//   AllowSynchronousContinuations_Reading_ContinuationsInvokedAccordingToSetting,
//   AllowSynchronousContinuations_CompletionTask_ContinuationsInvokedAccordingToSetting
//     | left out: tasks, we have none
//
// StressTests
//   CanceledReads
//     | stops that race items: none is eaten *
//   ReadWriteVariations
//     | left out: the same as mpmc in crossbeam.cpp
//
// CancellationLeakTests
//   CancelledChannel_ShouldDisposeRegistration, MultipleCancelledReads_ShouldNotLeakMemory,
//   RepeatedCancellation_ShouldNotLeakRegistrations
//     | a million calls that gave up leave no memory and no waiter behind *
//
// RendezvousChannelTests, UnboundedChannelTests, PriorityUnboundedChannelTests, ChannelTests and
// ChannelClosedExceptionTests: left out, we have no such channels, factories and exception types. Reading all:
// see test_nested_recv_iter in crossbeam_mpsc.cpp.
#include "ported.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dotnet {

using namespace std::chrono_literals;
using inquest::cause;
using inquest::make_channel;
using inquest::receiver;
using inquest::sender;
using inquest::status;
using ported::drop;
using ported::got;
using ported::refusal;
using std::chrono::steady_clock;
using support::bad_frame;
using support::wait_for_blocked;

namespace {

using item = std::string;

/// A way to end a channel for a reason, and how its pops end then.
struct way {
    const char* name;
    status end;
    std::function<void(sender<item>&, receiver<item>&, const std::exception_ptr&)> take;
};

const std::array<way, 4> ways{
    way{"closed by a sender", status::truncated,
        [](auto& tx, auto&, const auto& why) { CHECK(tx.close(cause(why))); }},
    way{"closed by a receiver", status::truncated,
        [](auto&, auto& rx, const auto& why) { CHECK(rx.close(cause(why))); }},
    way{"aborted", status::aborted, [](auto&, auto& rx, const auto& why) { CHECK(rx.abort(cause(why))); }},
    way{"a worker throws", status::aborted,
        [](auto&, auto& rx, const auto& why) {
            auto worker = inquest::spawn("worker", rx, [&](receiver<item>&) { std::rethrow_exception(why); });
            CHECK(worker.report());
        }},
};

std::exception_ptr an_exception() { return std::make_exception_ptr(bad_frame("torn", 7)); }

/// The very object that is thrown.
const void* object(const std::exception_ptr& thrown) {
    try {
        if (thrown) std::rethrow_exception(thrown);
    } catch (const bad_frame& frame) {
        return &frame;
    } catch (...) {
    }
    return nullptr;
}

/// True for a push or pop that ended so, with this very exception behind it.
template <class T, class E>
bool ended_by(const std::expected<T, E>& result, status end, const std::exception_ptr& thrown) {
    return refusal(result) == end && result.error().cause().exception() == thrown &&
           object(result.error().cause().exception()) == object(thrown);
}

using push = std::function<std::expected<void, inquest::push_error>(sender<item>&, item&)>;
using pop = std::function<std::expected<item, inquest::pop_error>(receiver<item>&)>;

const std::array<push, 5> pushes{
    [](auto& tx, item& i) { return tx.push(std::move(i)); },
    [](auto& tx, item& i) { return tx.push(std::move(i), std::stop_token{}); },
    [](auto& tx, item& i) { return tx.push_for(std::move(i), 1h); },
    [](auto& tx, item& i) { return tx.push_until(std::move(i), steady_clock::now() + 1h); },
    [](auto& tx, item& i) {
        auto sent = tx.push_range(std::span(&i, 1));
        return sent ? push::result_type() : std::unexpected(sent.error());
    },
};
const std::array<pop, 5> pops{
    [](auto& rx) { return rx.pop(); },
    [](auto& rx) { return rx.pop(std::stop_token{}); },
    [](auto& rx) { return rx.pop_for(1h); },
    [](auto& rx) { return rx.pop_until(steady_clock::now() + 1h); },
    [](auto& rx) {
        std::vector<item> one;
        auto popped = rx.pop_exactly(one, 1);
        return popped ? pop::result_type(one.front()) : std::unexpected(popped.error());
    },
};

} // namespace

TEST_CASE("the exception is that of the ended stream") {
    for (const auto& [name, end, take] : ways) {
        CAPTURE(name);
        auto [tx, rx] = make_channel<item>(1);
        CHECK(tx.push("left"));
        CHECK(!rx.ended());
        const auto thrown = an_exception();
        take(tx, rx, thrown);
        CHECK(rx.ended().has_value() == (end == status::aborted));
        if (end == status::truncated) CHECK(got(rx.pop()) == "left");
        for (int i = 0; i < 2; ++i) {
            const auto how = rx.ended();
            REQUIRE(how);
            CHECK(how->status() == end);
            CHECK(how->cause().exception() == thrown);
            CHECK(tx.cause() == how->cause());
            CHECK(rx.cause() == how->cause());
            CHECK(object(tx.cause().exception()) == object(thrown));
        }
    }
}

TEST_CASE("a stream that ended well has no exception") {
    auto [tx, rx] = make_channel<item>(1);
    CHECK(tx.close());
    const auto how = rx.ended();
    REQUIRE(how);
    CHECK(how->status() == status::complete);
    CHECK(!how->cause());
    CHECK(!how->cause().exception());
}

TEST_CASE("the exception reaches pushes that are blocked") {
    for (const auto& [name, end, take] : ways) {
        CAPTURE(name);
        auto [tx, rx] = make_channel<item>(1);
        CHECK(tx.push("first"));
        const auto thrown = an_exception();
        std::atomic<int> wrong{0};
        {
            std::vector<std::jthread> threads;
            for (const auto& one : pushes)
                threads.emplace_back([&] {
                    item mine = "mine";
                    wrong += !ended_by(one(tx, mine), status::closed, thrown) || mine != "mine";
                });
            wait_for_blocked(tx, pushes.size());
            take(tx, rx, thrown);
        }
        CHECK(wrong == 0);
        CHECK(rx.size() == 1);
    }
}

TEST_CASE("the exception reaches pushes that come later") {
    for (const auto& [name, end, take] : ways)
        for (const bool full : {false, true}) {
            CAPTURE(name);
            auto [tx, rx] = make_channel<item>(1);
            if (full) CHECK(tx.push("first"));
            const auto thrown = an_exception();
            take(tx, rx, thrown);
            item mine = "mine";
            for (const auto& one : pushes) CHECK(ended_by(one(tx, mine), status::closed, thrown));
            CHECK(ended_by(tx.try_push(std::move(mine)), status::closed, thrown));
            CHECK(mine == "mine");
        }
}

TEST_CASE("the exception reaches pops that are blocked") {
    for (const auto& [name, end, take] : ways) {
        CAPTURE(name);
        auto [tx, rx] = make_channel<item>(1);
        const auto thrown = an_exception();
        std::atomic<int> wrong{0};
        {
            std::vector<std::jthread> threads;
            for (const auto& one : pops)
                threads.emplace_back([&, expected = end] { wrong += !ended_by(one(rx), expected, thrown); });
            wait_for_blocked(tx, pops.size());
            take(tx, rx, thrown);
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("the exception reaches pops that come later") {
    for (const auto& [name, end, take] : ways) {
        CAPTURE(name);
        auto [tx, rx] = make_channel<item>(1);
        const auto thrown = an_exception();
        take(tx, rx, thrown);
        for (int i = 0; i < 2; ++i)
            for (const auto& one : pops) CHECK(ended_by(one(rx), end, thrown));
        CHECK(ended_by(rx.try_pop(), end, thrown));
    }
}

TEST_CASE("only the first close counts") {
    auto [tx, rx] = make_channel<item>(1);
    SUBCASE("without a cause") {
        CHECK(tx.close());
        CHECK(!tx.close());
        CHECK(!rx.close());
        tx.finish();
        CHECK(refusal(rx.pop()) == status::complete);
    }
    SUBCASE("with a cause") {
        const auto thrown = an_exception();
        CHECK(tx.close(cause(thrown)));
        CHECK(!tx.close(cause(an_exception())));
        CHECK(!rx.close(cause(an_exception())));
        CHECK(!tx.close());
        CHECK(!rx.close());
        CHECK(ended_by(rx.pop(), status::truncated, thrown));
        CHECK(!rx.abort(cause(an_exception())));
        CHECK(ended_by(rx.pop(), status::aborted, thrown));
    }
}

TEST_CASE("a close releases every blocked pop") {
    auto [tx, rx] = make_channel<int>(1);
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 5; ++t)
            threads.emplace_back([&] { wrong += refusal(rx.pop()) != status::complete; });
        wait_for_blocked(tx, 5);
        SUBCASE("by close") { CHECK(tx.close()); }
        SUBCASE("by finish") { tx.finish(); }
    }
    CHECK(wrong == 0);
    CHECK(refusal(rx.pop()) == status::complete);
    CHECK(refusal(rx.pop_for(1h)) == status::complete);
}

TEST_CASE("a close releases every push that is blocked on a full channel") {
    auto [tx, rx] = make_channel<item>(1);
    CHECK(tx.push("first"));
    auto more = rx;
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 5; ++t)
            for (const auto& one : pushes)
                threads.emplace_back([&] {
                    item mine = "mine";
                    wrong += refusal(one(tx, mine)) != status::closed || mine != "mine";
                });
        wait_for_blocked(rx, threads.size());
        SUBCASE("by the producers' close") { CHECK(tx.close()); }
        SUBCASE("by finish") { tx.finish(); }
        SUBCASE("by the consumer's close") { CHECK(rx.close()); }
        SUBCASE("by an abort") { CHECK(rx.abort(cause("enough"))); }
        SUBCASE("by the last receiver's going") {
            drop(std::move(rx));
            drop(std::move(more));
        }
        SUBCASE("by recover") { CHECK(tx.recover() == std::vector<item>{"first"}); }
    }
    CHECK(wrong == 0);
    CHECK(refusal(tx.try_push("late")) == status::closed);
}

} // namespace dotnet
