// The programs' surroundings under the scheduler.
#include "program.hpp"
#include "scheduler.hpp"

namespace interleave {

namespace {

using inquest::detail::channel_base;

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
INTERLEAVE_OPEN(key_of_state, channel_base, state_)
INTERLEAVE_OPEN(key_of_push, channel_base, push_)
INTERLEAVE_OPEN(key_of_pop, channel_base, pop_)
#undef INTERLEAVE_OPEN

// Nobody can go on. So whoever is blocked must be in line, and have reason to be.
void look_at(const channel_base& c, const std::string& name) {
    const auto& push = c.*look(key_of_push{});
    const auto& pop = c.*look(key_of_pop{});
    const bool open = (c.*look(key_of_state{})).is_open();
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
    scheduler::get().take({.what = step::kind::until,
                           .text = "goes on when some call waits in",
                           .object = &channel,
                           .possible = [](const void* one) {
                               const auto& c = *static_cast<const channel_base*>(one);
                               return (c.*look(key_of_push{})).inside + (c.*look(key_of_pop{})).inside > 0;
                           }});
}

void watch(const std::shared_ptr<const channel_base>& channel, std::string name) {
    auto& s = scheduler::get();
    s.label(channel.get(), channel.get() + 1, name);
    s.at_rest([seen = std::weak_ptr(channel), name = std::move(name)] {
        if (const auto alive = seen.lock()) look_at(*alive, name);
    });
}

} // namespace interleave
