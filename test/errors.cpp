// Errors as any code base has them: each gives a good text, and comes back with its type.
#include "support/support.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <ostream>
#include <system_error>
#include <variant>

namespace lib {

enum streamed_enum { all_well, all_lost };
[[maybe_unused]] std::ostream& operator<<(std::ostream& out, streamed_enum e) {
    return out << (e == all_lost ? "all is lost" : "all is well");
}

enum class plain { ok, broken = 7 };
enum old_enum { old_ok, old_broken = 3 };

enum class worded { ok, broken };
[[maybe_unused]] const char* to_string(worded w) { return w == worded::ok ? "fine" : "broken pipe of sorts"; }

enum class coded { bad_magic = 1 };
struct coded_category final : std::error_category {
    const char* name() const noexcept override { return "coded"; }
    std::string message(int) const override { return "bad magic number"; }
};
inline std::error_code make_error_code(coded c) {
    static const coded_category category;
    return {static_cast<int>(c), category};
}

/// As absl, grpc and rocksdb have it.
class status_class {
  public:
    status_class(int code, std::string text) : code_(code), text_(std::move(text)) {}
    std::string_view message() const { return text_; }
    int code() const { return code_; }

  private:
    int code_;
    std::string text_;
};

struct streamed {
    int line;
    friend std::ostream& operator<<(std::ostream& out, const streamed& e) { return out << "line " << e.line; }
};

struct mute {
    int code;
};

struct derived_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

} // namespace lib

template <>
struct std::is_error_code_enum<lib::coded> : std::true_type {};

namespace errors {

using inquest::make_channel;
using inquest::receiver;
using inquest::resolve;
using inquest::spawn;

namespace {

template <class E>
std::string text_of(E error) {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", std::move(rx),
                   [&](receiver<int>&) -> std::expected<void, E> { return std::unexpected(error); });
    for (;;) {
        const auto sent = tx.push(1);
        if (sent) continue;
        const auto why = resolve(tx, w, sent.error());
        REQUIRE(why.error());
        static_assert(std::is_same_v<decltype(why.error()), const E*>);
        const std::string line = why.message();
        CHECK(line.starts_with("worker 'w' failed: "));
        CHECK(why.cause().template get<E>() == why.error());
        return line.substr(std::string("worker 'w' failed: ").size());
    }
}

} // namespace

TEST_CASE("every kind of error has its text") {
    CHECK(text_of(std::make_error_code(std::errc::connection_refused)) == "Connection refused");
    CHECK(text_of(std::error_code(ENOSPC, std::system_category())) == "No space left on device");
    CHECK(text_of(std::make_error_condition(std::errc::io_error)) == "Input/output error");
    CHECK(text_of(std::errc::broken_pipe) == "Broken pipe");
    CHECK(text_of(lib::coded::bad_magic) == "bad magic number");
    CHECK(text_of(std::string("no route")) == "no route");
    CHECK(text_of<const char*>("a literal") == "a literal");
    CHECK(text_of<std::string_view>("a view") == "a view");
    CHECK(text_of(lib::status_class(5, "deadline exceeded")) == "deadline exceeded");
    CHECK(text_of(lib::streamed{12}) == "line 12");
    CHECK(text_of(lib::worded::broken) == "broken pipe of sorts");
    CHECK(text_of(lib::derived_error("by value")) == "by value");
    CHECK(text_of(std::make_exception_ptr(lib::derived_error("inside"))) == "lib::derived_error: inside");
}

TEST_CASE("an int is an errno, of either sign, with its number") {
    CHECK(text_of(ENOENT) == "No such file or directory (errno 2)");
    CHECK(text_of(-ENOENT) == "No such file or directory (errno 2)");
    CHECK(text_of(0) == "Success (errno 0)");
    CHECK(text_of(123456) == "Unknown error 123456 (errno 123456)");
    CHECK(text_of(std::numeric_limits<int>::min()).find("errno -2147483648") != std::string::npos);
}

TEST_CASE("an enum without words is named with its number, and a type without any is named") {
    CHECK(text_of(lib::plain::broken) == "lib::plain(7)");
    CHECK(text_of(lib::old_broken) == "lib::old_enum(3)");
    CHECK(text_of(lib::all_lost) == "all is lost");
    CHECK(text_of(lib::mute{4}) == "an error of type lib::mute");
    CHECK(text_of(std::variant<int, lib::mute>(5)).starts_with("an error of type std::variant<"));
    CHECK(text_of(nullptr).size() > 0);
    CHECK(text_of(std::pair<int, int>(1, 2)).starts_with("an error of type std::pair<"));
}

TEST_CASE("the error comes back by value, with what it holds") {
    auto [tx, rx] = make_channel<int>(1);
    auto w = spawn("w", std::move(rx), [](receiver<int>&) -> std::expected<int, lib::status_class> {
        return std::unexpected(lib::status_class(14, "unavailable"));
    });
    const auto& result = w.join();
    REQUIRE(!result);
    CHECK(result.error().error()->code() == 14);
    CHECK(tx.push(1).error().cause().get<lib::status_class>()->code() == 14);
    CHECK(tx.push(1).error().cause().get<int>() == nullptr);
}

} // namespace errors
