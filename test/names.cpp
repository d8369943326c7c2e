// Workers' names: in the thread list, in messages, and in the register that numbers those who share one.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#include <pthread.h>
#endif

namespace names {

using inquest::spawn;

namespace {

using worker = inquest::worker<std::string, std::string>;

#ifdef __GLIBC__
std::string this_thread_name() {
    char name[64] = "";
    CHECK(::pthread_getname_np(::pthread_self(), name, sizeof name) == 0);
    return name;
}

bool is_inside_a_character(std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

std::string times(int n, std::string_view what) {
    std::string text;
    for (; n > 0; --n) text += what;
    return text;
}

/// Workers of that name, all at once; returns what their threads are called in the end.
std::vector<std::string> names_of_threads(const std::string& name, std::size_t how_many) {
    std::atomic<std::size_t> running{0};
    std::atomic<bool> go{false};
    std::list<worker> workers;
    for (std::size_t i = 0; i < how_many; ++i)
        workers.push_back(spawn(name, [&]() -> std::expected<std::string, std::string> {
            ++running;
            support::wait_for("the others", [&] { return go.load(); });
            return this_thread_name();
        }));
    support::wait_for("all to run", [&] { return running == how_many; });
    go = true;
    std::vector<std::string> all;
    for (auto& w : workers) all.push_back(w.join().value());
    return all;
}
#endif

worker failing(const std::string& name) {
    return spawn(name, []() -> std::expected<std::string, std::string> { return std::unexpected("no"); });
}

} // namespace

#ifdef __GLIBC__
TEST_CASE("a thread's name is cut between two characters, however many bytes they have") {
    constexpr std::size_t most = 15;
    for (const std::string character : {"a", "\u00e4", "\u20ac", "\U0001f9f5"})
        for (int lead = 0; lead < 4; ++lead) {
            const std::string name = times(lead, "x") + times(16, character);
            CAPTURE(name);
            const auto alone = names_of_threads(name, 1)[0];
            CHECK(alone.size() <= most);
            CHECK(alone.size() + character.size() > most); // no more than has to go
            CHECK(name.starts_with(alone));
            CHECK(!is_inside_a_character(name, alone.size()));

            const auto numbered = names_of_threads(name, 2);
            for (std::size_t i = 0; i < 2; ++i) {
                const std::string number = "-" + std::to_string(i + 1);
                REQUIRE(numbered[i].ends_with(number));
                CHECK(numbered[i].size() <= most);
                CHECK(numbered[i].size() + character.size() > most);
                const auto cut = numbered[i].substr(0, numbered[i].size() - number.size());
                CHECK(name.starts_with(cut));
                CHECK(!is_inside_a_character(name, cut.size()));
            }
        }
}

TEST_CASE("a thread's name that just fits is not cut") {
    CHECK(names_of_threads("fifteen-letters", 1)[0] == "fifteen-letters");
    CHECK(names_of_threads("sixteen--letters", 1)[0] == "sixteen--letter");
    CHECK(names_of_threads("thirteen-long", 2)[1] == "thirteen-long-2");
}
#endif

TEST_CASE("a name is free again when its worker's handle is gone, though causes that mention it live on") {
    std::vector<inquest::cause> causes;
    for (int i = 0; i < 3; ++i) {
        auto w = failing("solo");
        CHECK(w.name() == "solo");
        causes.push_back(w.report()->cause());
    }
    for (const auto& why : causes) CHECK(why.message() == "worker 'solo' failed: no");
}

TEST_CASE(
    "the second of three that goes leaves its number to the next; the name is plain when all are gone") {
    std::vector<inquest::cause> causes;
    std::list<worker> three;
    for (int i = 0; i < 3; ++i) {
        three.push_back(failing("trio"));
        causes.push_back(three.back().report()->cause());
    }
    CHECK(three.back().name() == "trio-3");
    three.erase(std::next(three.begin()));
    three.push_back(failing("trio"));
    CHECK(three.back().name() == "trio-2");
    three.push_back(failing("trio"));
    CHECK(three.back().name() == "trio-4");
    for (auto& w : three) (void)w.report();
    three.clear();
    auto again = failing("trio");
    CHECK(again.name() == "trio");
    (void)again.report();
}

#ifdef __GLIBC__
TEST_CASE("ten thousand names that are used once leave nothing in memory") {
    const auto name = [](int i) {
        return "a name of some length, so that it takes memory, " + std::to_string(i);
    };
    const auto in_use = [] { return ::mallinfo2().uordblks; };
    (void)inquest::detail::worker_identity::enter(name(0));
    const auto before = in_use();
    for (int i = 1; i <= 10'000; ++i) (void)inquest::detail::worker_identity::enter(name(i));
    CHECK(in_use() < before + 10'000); // a byte for each would be too much
}
#endif

} // namespace names
