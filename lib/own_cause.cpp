#include <inquest/detail/own_cause.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

// A failure that the push knows is the cause itself. If it knows of none, what it says is all there is.
failure<> own_cause::known(const push_error& its) {
    if (its.cause()) return failure<>(its.cause());
    const bool refused = its.status() == status::closed || its.status() == status::aborted;
    return failure<>(unexplained("push: " + its.message(), its.cause(),
                                 refused ? cause_kind::unexplained : cause_kind::not_pushed));
}

}}} // namespace inquest::INQUEST_ABI::detail
