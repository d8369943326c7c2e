#include <inquest/detail/own_cause.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

// A failure that the push knows is the cause itself. If it knows of none, what it says is all there is.
failure<> own_cause::known(const push_error& its) {
    if (its.cause()) return failure<>(its.cause());
    return failure<>(unexplained("push: " + its.message(), its.cause(),
                                 is_resolvable(its) ? cause_kind::unexplained : cause_kind::not_pushed));
}

}}} // namespace inquest::INQUEST_ABI::detail
