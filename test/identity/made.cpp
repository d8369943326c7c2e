// Built once for each of the places that made.hpp names.
#include "made.hpp"

namespace {

// In identity.cpp these names are those of other types, of the same size.
struct hidden_error {
    const char* text;
};
inquest::cause same_function(const inquest::cause&) {
    struct local_error {
        const char* text;
    };
    return inquest::cause(local_error{"local"});
}

} // namespace

identity::causes identity::PLACE::made() {
    return {
        .error = inquest::cause(error{7}),
        .code = inquest::cause(code::refused),
        .text = inquest::cause("words"),
        .system = inquest::cause(std::make_error_code(std::errc::broken_pipe)),
        .boxed = inquest::cause(box<error>{{8}}),
        .callback = inquest::cause(callback()),
        .in_unnamed_namespace = inquest::cause(hidden_error{"unnamed"}),
        .boxed_unnamed = inquest::cause(box<hidden_error>{{"unnamed"}}),
        .local = same_function({}),
        .mark = inquest::detail::identity_of<error>().mark,
#ifdef __cpp_rtti
        .has_rtti = true,
#else
        .has_rtti = false,
#endif
    };
}
