// The explorer: runs the programs under the scheduler, in all schedules within a bound and in many by chance.
#include "program.hpp"
#include "search.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sched.h>
#include <stdexcept>
#include <unistd.h>

namespace interleave {

int broken_now = -1;

namespace {

constexpr const char* usage =
    R"(usage: explore [--program NAME]... [--part K/N] [--preemptions N] [--random N] [--seed N]
               [--replay SCHEDULE] [--broken N] [--list]

Explores all programs, or those that are named; with --part, of these the K-th and every N-th after it. That is
every schedule with so many preemptions, then random ones, by chance and by priority. Without numbers each program's
own hold, and exploring fewer schedules than are known to exist is a failure; if INQUEST_TEST_TENTH is set, they are
one preemption and nine tenths of the random ones fewer. Ends with 0 if no schedule failed, 1 at the first that did, 2
on bad usage.
)";

struct part {
    std::size_t number = 1, of = 1;
};

struct wishes {
    std::vector<program> of;
    std::optional<interleave::part> part;
    std::optional<unsigned> preemptions;
    std::optional<std::size_t> random;
    std::uint64_t seed = 1;
    std::optional<std::string> replay;
};

template <class N>
N number(std::string_view text) {
    N n{};
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (bad != std::errc{} || end != text.data() + text.size())
        throw std::invalid_argument("not a number: '" + std::string(text) + "'");
    return n;
}

program find(std::string_view name) {
    const auto all = programs();
    const auto at = std::ranges::find(all, name, &program::name);
    if (at == all.end()) throw std::invalid_argument("no program '" + std::string(name) + "'; see --list");
    return *at;
}

part read_part(std::string_view text) {
    const auto slash = std::min(text.find('/'), text.size() - 1);
    const part its{number<std::size_t>(text.substr(0, slash)), number<std::size_t>(text.substr(slash + 1))};
    if (its.number < 1 || its.number > its.of)
        throw std::invalid_argument("no such part: '" + std::string(text) + "'");
    return its;
}

wishes read(std::span<char*> arguments) {
    wishes mine;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view option = arguments[i];
        const auto value = [&]() -> std::string_view {
            if (++i == arguments.size()) throw std::invalid_argument(std::string(option) + " needs a value");
            return arguments[i];
        };
        if (option == "--program")
            mine.of.push_back(find(value()));
        else if (option == "--part")
            mine.part = read_part(value());
        else if (option == "--preemptions")
            mine.preemptions = number<unsigned>(value());
        else if (option == "--random")
            mine.random = number<std::size_t>(value());
        else if (option == "--seed")
            mine.seed = number<std::uint64_t>(value());
        else if (option == "--replay")
            mine.replay = value();
        else if (option == "--broken")
            broken_now = number<int>(value());
        else
            throw std::invalid_argument("unknown option '" + std::string(option) + "'");
    }
    const bool named = !mine.of.empty();
    if (!named) mine.of = programs();
    if (mine.part) {
        std::vector<program> those;
        for (auto i = mine.part->number - 1; i < mine.of.size(); i += mine.part->of)
            those.push_back(mine.of[i]);
        if (those.empty()) throw std::invalid_argument("nothing in that part");
        mine.of = std::move(those);
    }
    if (mine.replay && (!named || mine.of.size() != 1))
        throw std::invalid_argument("--replay needs one --program");
    return mine;
}

std::size_t explore(const program& one, strategy& how) {
    scheduler::get().unlock_is_step = one.lifetimes;
    std::size_t schedules = 0;
    for (; how.begin(); ++schedules) {
        ::alarm(20); // for each
        scheduler::get().run(one.name, one.run, how);
    }
    ::alarm(0);
    return schedules;
}

int run(const wishes& mine) {
    using stopwatch = std::chrono::steady_clock;
    const auto begun = stopwatch::now();
    std::size_t total = 0;
    bool short_of = false;
    if (mine.replay) {
        replay again(*mine.replay);
        explore(mine.of.front(), again);
        std::printf("%s: this schedule does not fail\n", mine.of.front().name);
        return 0;
    }
    const bool tenth = std::getenv("INQUEST_TEST_TENTH") != nullptr;
    for (const program& one : mine.of) {
        const auto start = stopwatch::now();
        const unsigned bound =
            mine.preemptions.value_or(tenth && one.preemptions > 0 ? one.preemptions - 1 : one.preemptions);
        std::size_t all = 0;
        if (one.schedules > 0 || mine.preemptions) {
            exhaustive every(bound);
            all = explore(one, every);
        }
        const std::size_t n = mine.random.value_or(one.random / (tenth ? 10 : 1));
        chance dice(mine.seed, n);
        priorities ranks(mine.seed, n, 3);
        const std::size_t some = explore(one, dice) + explore(one, ranks);
        const std::chrono::duration<double> took = stopwatch::now() - start;
        const std::string within =
            all > 0 ? std::to_string(all) + " with up to " + std::to_string(bound) + " preemptions"
                    : "not all";
        std::printf("%-22s %33s, %6zu by chance, %8.0f a second\n", one.name, within.c_str(), some,
                    static_cast<double>(all + some) / took.count());
        std::fflush(stdout);
        if (!mine.preemptions && !tenth && all < one.schedules) {
            std::printf("FAILED %s: fewer than the %zu schedules that there were\n", one.name, one.schedules);
            short_of = true;
        }
        total += all + some;
    }
    const std::chrono::duration<double> took = stopwatch::now() - begun;
    std::printf("%zu schedules in %.1f s\n", total, took.count());
    return short_of ? 1 : 0;
}

// What is made once in a process, or once a thread, is made before anybody is scheduled.
void warm_up() {
    scheduler::get().on_new_thread = [] { (void)inquest::detail::this_thread_serial(); };
    inquest::set_long_wait_threshold(
        std::chrono::milliseconds::max()); // time out of such a wait does nothing but pass
    (void)inquest::detail::worker_identity::enter("warm");
    inquest::set_failure_hook([](const inquest::cause&) {});
}

// A program that crashes or hangs has failed as any other: its trace and its choices are reported.
void report_crashes() {
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGALRM}) {
        struct sigaction once{};
        once.sa_handler = [](int which) {
            if (which == SIGALRM)
                scheduler::get().fail("hangs: blocked outside the scheduler, or a loop without steps");
            scheduler::get().fail("crashed by signal " + std::to_string(which));
        };
        once.sa_flags = static_cast<int>(SA_RESETHAND); // nor will a crash in there go unnoticed
        ::sigaction(signal, &once, nullptr);
    }
}

// Threads that pass a baton need one processor, and pass it faster on one. Each part has its own, as far as there are enough.
void stay_on_one_cpu(const std::optional<part>& its) {
    cpu_set_t may;
    const int here = ::sched_getcpu();
    if (::sched_getaffinity(0, sizeof may, &may) != 0 || here < 0) return;
    auto cpu = static_cast<std::size_t>(here);
    if (its) {
        auto before = (its->number - 1) % static_cast<std::size_t>(CPU_COUNT(&may));
        for (cpu = 0; !CPU_ISSET(cpu, &may) || before-- > 0;) ++cpu;
    }
    CPU_ZERO(&may);
    CPU_SET(cpu, &may);
    ::sched_setaffinity(0, sizeof may, &may);
}

} // namespace

} // namespace interleave

int main(int argc, char** argv) {
    using namespace interleave;
    if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
        for (const auto& one : programs()) std::puts(one.name);
        return 0;
    }
    try {
        const auto mine = read(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
        report_crashes();
        warm_up();
        stay_on_one_cpu(mine.part);
        return run(mine);
    } catch (const std::invalid_argument& e) {
        std::fprintf(stderr, "explore: %s\n%s", e.what(), usage);
        return 2;
    }
}
