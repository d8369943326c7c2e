#include "support/support.hpp"

#include <doctest/doctest.h>

namespace cause {

using inquest::cause;

namespace {

enum class plain_enum { a = 3 };
enum class named_enum { b };
std::string to_string(named_enum) { return "named b"; }
struct with_message {
    std::string message() const { return "its own words"; }
};
struct streamed {
    friend std::ostream& operator<<(std::ostream& out, const streamed&) { return out << "streamed words"; }
};
struct silent {
    int code = 4;
};

} // namespace

TEST_CASE("an error of any type has a text, and one without its own is named") {
    CHECK(cause("words").message() == "words");
    CHECK(cause(std::string("words")).message() == "words");
    CHECK(cause(std::make_error_code(std::errc::connection_refused)).message() == "Connection refused");
    CHECK(cause(std::errc::connection_refused).message() == "Connection refused");
    CHECK(cause(ECONNREFUSED).message() == "Connection refused (errno 111)");
    CHECK(cause(-ECONNREFUSED).message() == "Connection refused (errno 111)");
    CHECK(cause(with_message{}).message() == "its own words");
    CHECK(cause(streamed{}).message() == "streamed words");
    CHECK(cause(named_enum::b).message() == "named b");
    CHECK(cause(plain_enum::a).message().find("plain_enum(3)") != std::string::npos);
    CHECK(cause(silent{}).message().find("silent") != std::string::npos);
    CHECK(cause(std::runtime_error("boom")).message() == "boom");
    CHECK(cause(std::make_exception_ptr(std::runtime_error("boom"))).message() == "std::runtime_error: boom");
    CHECK(cause(std::make_exception_ptr(7)).message() == "int");
}

TEST_CASE("a cause gives back its value by exact type, and the same exception object") {
    const cause why(silent{9});
    REQUIRE(why.get<silent>());
    CHECK(why.get<silent>()->code == 9);
    CHECK(!why.get<int>());
    const auto thrown = std::make_exception_ptr(support::bad_frame("x", 3));
    CHECK(cause(thrown).exception() == thrown);
    const auto copy = why;
    CHECK(copy == why);
    CHECK(cause(silent{9}) != why);
}

TEST_CASE("the empty cause answers every question with nothing") {
    const cause none;
    CHECK(!none);
    CHECK(none.message() == "nothing failed");
    CHECK(none.worker().empty());
    CHECK(!none.items());
    CHECK(!none.exception());
    CHECK(!none.get<int>());
    CHECK(!none.upstream());
    CHECK(!none.where());
    CHECK(none.sequence() == 0);
    CHECK(!none.is_consequence());
}

TEST_CASE("a cause of the program's own knows where it was made") {
    const cause why("here");
    REQUIRE(why.where());
    CHECK(std::string(why.where()->file_name()).ends_with("cause.cpp"));
}

TEST_CASE("text of a bounded length is cut with a mark, and never overruns") {
    inquest::detail::fixed_text<480> text;
    text.set("short");
    CHECK(text.view() == "short");
    text.set(std::string(5000, 'x'));
    CHECK(text.view().size() == 480);
    CHECK(text.view().ends_with("x..."));
}

TEST_CASE("every status has its word") {
    using inquest::status;
    CHECK(to_string(status::empty) == "empty");
    CHECK(to_string(status::full) == "full");
    CHECK(to_string(status::closed) == "closed");
    CHECK(to_string(status::complete) == "complete");
    CHECK(to_string(status::truncated) == "truncated");
    CHECK(to_string(status::aborted) == "aborted");
    CHECK(to_string(status::stopped) == "stopped");
    CHECK(to_string(status::timeout) == "timeout");
}

TEST_CASE("a cause made of a view or a pointer keeps the characters, and a failure keeps its exact type") {
    std::string text(60, 'a');
    const inquest::cause of_view{std::string_view(text)};
    const inquest::cause of_pointer{text.c_str()};
    text.assign(60, 'b');
    CHECK(of_view.text() == std::string(60, 'a'));
    CHECK(of_pointer.text() == std::string(60, 'a'));
    const inquest::failure<const char*> literal("x");
    REQUIRE(literal.error());
    CHECK(*literal.error() == std::string("x"));
    CHECK(inquest::failure<const char*>(static_cast<const char*>(nullptr)).message() == "(null)");
}

TEST_CASE("a cause made of a null pointer to characters says so") {
    const char* const nothing = nullptr;
    const cause why(nothing);
    CHECK(why.message() == "(null)");
    REQUIRE(why.get<std::string>());
    CHECK(*why.get<std::string>() == "(null)");
    char characters[] = "words";
    CHECK(cause(static_cast<char*>(characters)).message() == "words");
}

} // namespace cause
