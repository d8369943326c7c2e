// How a channel's stream stands, asked of the class itself, without a channel.
#include "support/support.hpp"

#include <inquest/detail/stream_state.hpp>

#include <doctest/doctest.h>

#include <memory>

namespace stream_state {

using inquest::cause;
using inquest::status;
using inquest::detail::stream_state;
using inquest::detail::worker_record;

namespace {

cause failed(const char* why) { return cause(why); }

} // namespace

TEST_CASE("a stream goes from open over closed to stopped, and says so with a lock and without") {
    stream_state s;
    CHECK(s.is_open());
    CHECK_FALSE(s.is_closed());
    CHECK_FALSE(s.is_draining());
    s.close(status::closed, {});
    CHECK_FALSE(s.is_open());
    CHECK_FALSE(s.is_stopped());
    CHECK(s.is_closed());
    CHECK(s.is_draining());
    s.stop();
    CHECK(s.is_stopped());
    CHECK(s.is_closed());
    CHECK_FALSE(s.is_draining());
}

TEST_CASE(
    "what follows the last item is how it was closed, truncated if it failed, aborted once it is stopped") {
    for (const status how : {status::complete, status::closed, status::truncated}) {
        stream_state s;
        s.close(how, {});
        CHECK(s.ending() == how);
        CHECK(s.set_cause(failed("later")));
        CHECK(s.ending() == status::truncated);
        s.stop();
        CHECK(s.ending() == status::aborted);
    }
}

TEST_CASE("the first failure is the cause; a later one, and an empty one, are left to the caller") {
    stream_state s;
    CHECK_FALSE(s.set_cause({}));
    CHECK_FALSE(s.failure());
    CHECK(s.set_cause(failed("first")));
    cause second = failed("second");
    CHECK_FALSE(s.set_cause(std::move(second)));
    CHECK(second.message() == "second"); // NOLINT(bugprone-use-after-move): that is what is promised
    CHECK(s.failure().message() == "first");
}

TEST_CASE("why it closed is who closed it, until something has failed") {
    stream_state s;
    s.close(status::closed, failed("by somebody"));
    CHECK_FALSE(s.failure());
    CHECK(s.why().message() == "by somebody");
    CHECK(s.set_cause(failed("broken")));
    CHECK(s.why().message() == "broken");

    stream_state other;
    CHECK(other.set_cause(failed("broken")));
    other.close(status::closed, failed("by somebody"));
    CHECK(other.why().message() == "broken");
}

TEST_CASE("the last sender that finishes is the last, and one that is dropped has not finished") {
    stream_state s;
    s.add_sender();
    s.add_sender();
    s.add_sender();
    CHECK_FALSE(s.has_finished());
    s.drop_sender();
    CHECK_FALSE(s.has_finished());
    CHECK_FALSE(s.finish_sender());
    CHECK(s.has_finished());
    CHECK(s.has_senders());
    CHECK(s.finish_sender());
    CHECK_FALSE(s.has_senders());
}

TEST_CASE("the last receiver leaves nobody to read, unless a worker was ever attached") {
    stream_state s;
    s.add_receiver();
    s.add_receiver();
    CHECK_FALSE(s.drop_receiver());
    CHECK(s.drop_receiver());

    stream_state with_worker;
    with_worker.add_receiver();
    worker_record w("w");
    with_worker.attach(w);
    CHECK_FALSE(with_worker.drop_receiver());
}

TEST_CASE("workers have all ended when none is attached and none is announced") {
    stream_state s;
    worker_record first("w"), second("w");
    s.announce(3);
    s.attach(first);
    CHECK_FALSE(s.have_all_ended());
    cause last = failed("first's end");
    s.detach(first, last);
    CHECK_FALSE(last); // nobody ended before it
    CHECK(s.last_worker().message() == "first's end");
    CHECK_FALSE(s.have_all_ended()); // two are announced
    s.attach(second);
    CHECK_FALSE(s.renounce(1));
    last = failed("second's end");
    s.detach(second, last);
    CHECK(last.message() == "first's end");
    CHECK(s.have_all_ended());
}

TEST_CASE(
    "renouncing ends it only if some were attached, all of them have ended, and no more are announced") {
    stream_state s;
    CHECK_FALSE(s.renounce(1)); // none was announced
    s.announce(1);
    CHECK_FALSE(s.renounce(5)); // none was ever attached
    worker_record w("w");
    s.announce(3);
    s.attach(w);
    CHECK_FALSE(s.renounce(1)); // one is attached, one announced
    cause last = failed("its end");
    s.detach(w, last);
    CHECK(s.renounce(1));
    CHECK_FALSE(s.renounce(1)); // it said so already
}

TEST_CASE("a worker asked to stop is remembered until the next one ends") {
    stream_state s;
    CHECK_FALSE(s.last_was_stopped());
    s.note_stop(true);
    CHECK(s.last_was_stopped());
    s.note_stop(false);
    CHECK_FALSE(s.last_was_stopped());
}

TEST_CASE("of the failures that are kept until all have ended, the first counts") {
    stream_state s;
    CHECK_FALSE(s.kept_failure());
    s.keep_failure(failed("first"));
    s.keep_failure(failed("second"));
    CHECK(s.kept_failure().message() == "first");
    CHECK_FALSE(s.failure());
}

TEST_CASE("a stream that was left early was not if something failed") {
    stream_state s;
    CHECK_FALSE(s.was_left_early());
    s.leave_early();
    CHECK(s.was_left_early());
    CHECK(s.set_cause(failed("broken")));
    CHECK_FALSE(s.was_left_early());
}

} // namespace stream_state
