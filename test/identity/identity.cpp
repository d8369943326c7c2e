// Whether the type of an error is told from others exactly.
#include "made.hpp"

#include <inquest/detail/describe.hpp>
#include <inquest/failure.hpp>

#include <doctest/doctest.h>

#include <array>
#include <expected>
#include <memory>
#include <vector>

using inquest::cause;
using inquest::detail::identity_of;
using inquest::detail::type_identity;

namespace {

// In made.cpp these names are those of other types, of the same size.
struct hidden_error {
    long code;
};
auto same_function(const cause& why) {
    struct local_error {
        long code;
    };
    CHECK(cause(local_error{3}).get<local_error>()->code == 3);
    return why.get<local_error>();
}

} // namespace

TEST_CASE("an error is found by its type in another translation unit, and across shared objects") {
    for (const auto& made :
         {identity::elsewhere::made(), identity::hidden::made(), identity::without_rtti::made()}) {
        const bool same_object = made.mark == identity_of<identity::error>().mark;
        CAPTURE(same_object);
        CAPTURE(made.has_rtti);
#ifdef __clang__
        if (!same_object && !made.has_rtti) { // it can't be told, so it isn't
            CHECK(!made.error.get<identity::error>());
            CHECK(!made.boxed.get<identity::box<identity::error>>());
            continue;
        }
#endif
        REQUIRE(made.error.get<identity::error>());
        CHECK(made.error.get<identity::error>()->code == 7);
        REQUIRE(made.code.get<identity::code>());
        CHECK(*made.code.get<identity::code>() == identity::code::refused);
        REQUIRE(made.text.get<std::string>());
        CHECK(*made.text.get<std::string>() == "words");
        REQUIRE(made.system.get<std::error_code>());
        CHECK(*made.system.get<std::error_code>() == std::errc::broken_pipe);
        REQUIRE(made.boxed.get<identity::box<identity::error>>());
        CHECK(made.boxed.get<identity::box<identity::error>>()->value.code == 8);
        CHECK(made.callback.get<identity::callback>());
        CHECK(!made.callback.get<std::function<void(const identity::code&)>>());
    }
}

TEST_CASE("the shared objects have marks of their own, so there it is the name that tells") {
    CHECK(identity::elsewhere::made().mark == identity_of<identity::error>().mark);
    CHECK(identity::hidden::made().mark != identity_of<identity::error>().mark);
    CHECK(identity::without_rtti::made().mark != identity_of<identity::error>().mark);
}

TEST_CASE("types of one name in unnamed namespaces or in functions are not taken for one another") {
    for (const auto& made :
         {identity::elsewhere::made(), identity::hidden::made(), identity::without_rtti::made()}) {
        CHECK(!made.in_unnamed_namespace.get<hidden_error>());
        CHECK(!made.boxed_unnamed.get<identity::box<hidden_error>>());
        CHECK(!same_function(made.local));
        struct identity {
            struct error {
                long code;
            };
        };
        CHECK(!made.error.get<identity::error>());
    }
    CHECK(cause(hidden_error{4}).get<hidden_error>()->code == 4);
}

TEST_CASE("two types of one name in the blocks of one function are two") {
    cause first, second;
    {
        struct error {
            long code;
        };
        first = cause(error{5});
        REQUIRE(first.get<error>());
        CHECK(first.get<error>()->code == 5);
    }
    {
        struct error {
            const char* text;
        };
        CHECK(!first.get<error>());
        second = cause(std::vector<error>{{"words"}});
        CHECK(second.get<std::vector<error>>());
    }
    {
        struct error {
            const char* text;
        };
        CHECK(!second.get<std::vector<error>>());
        const inquest::failure<error> mine(second);
        CHECK(!mine.error());
    }
}

TEST_CASE("identities are equal by their mark, or by name, size and alignment") {
    static const char one = 0, other = 0;
    const type_identity first{&one, "x", 8, 4};
    CHECK(first == type_identity{&one, "x", 8, 4});
    CHECK(first == type_identity{&other, "x", 8, 4});
    CHECK(first != type_identity{&other, "y", 8, 4});
    CHECK(first != type_identity{&other, "x", 16, 4});
    CHECK(first != type_identity{&other, "x", 8, 8});
    CHECK(first != type_identity());
    const type_identity nameless{&one, "", 8, 4};
    CHECK(nameless == type_identity{&one, "", 8, 4});
    CHECK(nameless != type_identity{&other, "", 8, 4});
    CHECK(identity_of<int>() != type_identity());
}

namespace {

#if !defined(__clang__) || defined(__cpp_rtti)
template <class... Ts>
bool all_named() {
    return (!identity_of<Ts>().name.empty() && ...);
}
#endif
template <class... Ts>
bool none_named() {
    return (identity_of<Ts>().name.empty() && ...);
}

namespace inner {
struct deep {};
} // namespace inner
template <class T>
struct hidden_box {};
enum hidden_code {};

} // namespace

namespace identity {

namespace {
struct hidden_too {};
} // namespace
template <class T>
struct holder {
    struct nested {};
    template <class U>
    struct inner {};
};
template <auto>
struct over_value {};
typedef struct {
} named_by_typedef;
struct has_unnamed {
    struct {
        int i;
    } member;
};
inline auto closure = [] {};
struct subscript {
    auto operator[](int) const& {
        struct local {
            struct nested {};
        };
        return local();
    }
};
template <class T>
auto local_of(T) {
    struct local {};
    return local();
}

} // namespace identity

#if !defined(__clang__) || defined(__cpp_rtti)
TEST_CASE("a type that all know by one name is known by it") {
    using namespace identity;
    CHECK(all_named<int, const char*, std::string, std::error_code, std::errc, std::exception_ptr>());
    CHECK(all_named<error, code, named_by_typedef, box<box<int>>, std::vector<error>,
                    std::expected<int, error>>());
    CHECK(all_named<void (*)(int), int (*)(error&&) noexcept, std::function<error(const code&, int)>>());
    CHECK(all_named<std::unique_ptr<error, void (*)(error*)>, std::shared_ptr<const error>>());
}
#endif

TEST_CASE("a type whose name others may have is known by none") {
    using namespace identity;
    struct local {
        struct nested {};
    };
    enum local_code {};
    const auto closure_here = [] {};
    CHECK(none_named<local, local::nested, local_code, decltype(closure_here), local*>());
    CHECK(none_named<hidden_error, hidden_code, inner::deep, hidden_box<int>, hidden_too>());
    CHECK(none_named<decltype(closure), decltype(has_unnamed::member)>());
    CHECK(none_named<decltype(subscript()[0]), decltype(subscript()[0])::nested, decltype(local_of(1))>());
    CHECK(none_named<std::vector<local>, box<hidden_error>, std::expected<local, int>,
                     std::function<void(local)>>());
    CHECK(none_named<holder<local>::nested, holder<local>::inner<int>, over_value<3>,
                     over_value<&same_function>>());
}

TEST_CASE("a type's name for people is as the compiler writes it") {
    using inquest::detail::type_name;
    CHECK(type_name<int>() == "int");
    CHECK(type_name<identity::error>() == "identity::error");
    CHECK(type_name<identity::box<identity::error>>() == "identity::box<identity::error>");
}
