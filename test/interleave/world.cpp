// The programs' surroundings under the scheduler.
#include "program.hpp"
#include "scheduler.hpp"

namespace interleave {

namespace {

using inquest::detail::channel_base;
using inquest::detail::channel_inspector;

// Nobody can go on. So whoever is blocked must be in line, and have reason to be.
void look_at(const channel_base& c, const std::string& name) {
    const auto& push = channel_inspector::pushes(c);
    const auto& pop = channel_inspector::pops(c);
    const bool open = channel_inspector::stream(c).is_open();
    const auto count = push.ticket - pop.ticket;
    const std::size_t pushing = pop.waiters.size(), popping = push.waiters.size();
    const auto lost = [&](const char* what) {
        scheduler::get().fail("lost wake-up: " + name + " has " + std::to_string(count) + " of " +
                              std::to_string(c.capacity()) + " queued, and " + what);
    };
    if (pushing > 0 && (!open || count < c.capacity())) lost("a push is blocked");
    if (popping > 0 && (!open || count > 0)) lost("a pop is blocked");
    if (pushing + popping < push.inside + pop.inside) lost("a call is blocked that nobody would wake");
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
void take_a_step() { scheduler::get().take("takes a step", nullptr); }
void until_quiet() {
    scheduler::get().take({.what = step::kind::quiet, .text = "goes on when all is quiet"});
}

void until_within(const channel_base& channel) {
    scheduler::get().take(
        {.what = step::kind::until,
         .text = "goes on when some call waits in",
         .object = &channel,
         .possible = [](const void* one) {
             const auto& c = *static_cast<const channel_base*>(one);
             return channel_inspector::pushes(c).inside + channel_inspector::pops(c).inside > 0;
         }});
}

void watch(std::weak_ptr<const channel_base> channel, std::string name) {
    auto& s = scheduler::get();
    const auto now = channel.lock();
    s.label(now.get(), now.get() + 1, name);
    s.at_rest([seen = std::move(channel), name = std::move(name)] {
        if (const auto alive = seen.lock()) look_at(*alive, name);
    });
}

} // namespace interleave
