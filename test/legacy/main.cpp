// Old code that uses inquest from two files, without RTTI, after `using namespace std`.
#include "shared.hpp"

#include <cstdio>
#include <cstdlib>

#if defined(BUILT_WITHOUT_RTTI) && defined(__GXX_RTTI)
#error "this is to be built without RTTI"
#endif

static void check(bool good, const char* what) {
    if (good) return;
    fprintf(stderr, "not so: %s\n", what);
    exit(1);
}

expected<void, failure<old_error>> fill(store& into, int count) {
    for (int i = 1; i <= count; ++i) INQUEST_PUSH(into.queue, into.writer, record{i, string(40, 'x')});
    return {};
}

static void errors_keep_their_type() {
    store mine;
    const auto filled = fill(mine, 1000);
    check(!filled, "the writer fails");
    check(filled.error().error() != nullptr, "the error has its type in the other file");
    check(*filled.error().error() == old_bad_record, "the error is the writer's own");
    check(filled.error().message() == "worker 'writer' failed on item 3: old_error(5)", "the text names it");
    check(mine.queue.cause().get<old_error>() == filled.error().error(), "the cause has it too");
}

static void exceptions_keep_their_type() {
    auto [tx, rx] = make_channel<record>(2);
    auto thrower = start_throwing(std::move(rx));
    try {
        for (int i = 1;; ++i)
            if (auto sent = tx.push(record{i, "text"}); !sent) {
                const auto why = resolve(tx, thrower, sent.error());
                check(false, why.message().c_str());
            }
    } catch (const bad_record& e) {
        check(e.number == 2, "the exception is the thrower's own");
    }
    check(thrower.report()->message() == "worker 'thrower' failed on item 2: bad_record: bad record",
          "the report names type and text");
}

int main() {
    errors_keep_their_type();
    exceptions_keep_their_type();
    inquest::channel<string> queue(1);
    check(queue.push_for("x", chrono::seconds(1)).has_value(), "a timed push");
    check(queue.pop_until(chrono::steady_clock::now()).has_value(), "a timed pop");
    check(to_string(status::timeout) == "timeout", "a status has its word");
    puts("as it should be");
}
