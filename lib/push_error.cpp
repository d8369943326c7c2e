#include <inquest/detail/channel_base.hpp>
#include <inquest/push_error.hpp>

namespace inquest { inline namespace INQUEST_ABI {

push_error::push_error(const push_error& other) noexcept = default;
push_error& push_error::operator=(const push_error& other) noexcept = default;
push_error& push_error::operator=(push_error&& other) noexcept = default;
push_error::~push_error() = default;

}} // namespace inquest::INQUEST_ABI
