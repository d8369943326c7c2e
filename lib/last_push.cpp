#include <inquest/detail/last_push.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

const std::source_location& last_push::none() noexcept {
    static constexpr auto here = std::source_location::current();
    return here;
}

const std::source_location& last_push::finished() noexcept {
    static constexpr auto here = std::source_location::current();
    return here;
}

}}} // namespace inquest::INQUEST_ABI::detail
