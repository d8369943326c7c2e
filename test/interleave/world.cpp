// The programs' surroundings under the scheduler.
#include "program.hpp"
#include "scheduler.hpp"

namespace interleave {

namespace {

using inquest::detail::channel_control;
using inquest::detail::phase;
using inquest::detail::wait_line;
using inquest::detail::waiter;

// To look into a channel without a step, as only a test may: explicit instantiations may name what is private.
template <auto Member, class Key>
struct opened {
    friend constexpr auto look(Key) { return Member; }
};
#define INTERLEAVE_OPEN(key, type, member)                                                                   \
    struct key {                                                                                             \
        friend constexpr auto look(key);                                                                     \
    };                                                                                                       \
    template struct opened<&type::member, key>;
INTERLEAVE_OPEN(key_of_phase, channel_control, phase_)
INTERLEAVE_OPEN(key_of_count, channel_control, count_)
INTERLEAVE_OPEN(key_of_blocked, channel_control, blocked_)
INTERLEAVE_OPEN(key_of_producers, channel_control, producers_)
INTERLEAVE_OPEN(key_of_consumers, channel_control, consumers_)
INTERLEAVE_OPEN(key_of_head, wait_line, head_)
#undef INTERLEAVE_OPEN

std::size_t linked(const wait_line& line) {
    std::size_t n = 0;
    for (const waiter* w = line.*look(key_of_head{}); w; w = w->next) ++n;
    return n;
}

// Nobody can go on. So whoever is blocked must be in line, and have reason to be.
void look_at(const channel_control& c, const std::string& name) {
    const auto count = c.*look(key_of_count{});
    const auto at = c.*look(key_of_phase{});
    const std::size_t pushing = linked(c.*look(key_of_producers{}));
    const std::size_t popping = linked(c.*look(key_of_consumers{}));
    const auto lost = [&](const char* what) {
        scheduler::get().fail("lost wake-up: " + name + " has " + std::to_string(count) + " of " +
                              std::to_string(c.capacity()) + " queued, and " + what);
    };
    if (pushing > 0 && (at != phase::open || count < c.capacity())) lost("a push is blocked");
    if (popping > 0 && (at != phase::open || count > 0)) lost("a pop is blocked");
    if (pushing + popping < c.*look(key_of_blocked{})) lost("a call is blocked that nobody would wake");
}

} // namespace

void require(bool holds, std::string_view what) {
    if (!holds) scheduler::get().fail(std::string(what));
}
void say(std::string line) { scheduler::get().note(std::move(line)); }
void call_me(std::string name) { scheduler::get().name_thread(std::move(name)); }
void let_time_pass(clock::duration d) {
    auto& s = scheduler::get();
    s.take("lets time pass", nullptr);
    s.time_is(s.now() + d);
}
void until_quiet() {
    scheduler::get().take({.what = step::kind::quiet, .text = "goes on when all is quiet"});
}

void watch(const channel_control& channel, std::string name) {
    auto& s = scheduler::get();
    s.label(&channel, &channel + 1, name);
    s.at_rest([seen = channel.weak_from_this(), name = std::move(name)] {
        if (const auto alive = seen.lock()) look_at(*alive, name);
    });
}

} // namespace interleave
