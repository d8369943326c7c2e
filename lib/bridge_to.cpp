#include <inquest/bridge_to.hpp>

#include <exception>
#include <system_error>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

static_assert(bridged<int>::as_bridge(status::empty) == bridge::status::empty);
static_assert(bridged<int>::as_bridge(status::truncated) == bridge::status::truncated);
static_assert(bridged<int>::as_bridge(status::interrupted) == bridge::status::interrupted);

int code_in(const cause& why) noexcept {
    if (const int* code = why.get<int>()) return *code;
    if (const auto* code = why.get<std::error_code>()) return code->value();
    if (const auto* code = why.get<std::errc>()) return static_cast<int>(*code);
    if (const auto thrown = why.exception()) try {
            std::rethrow_exception(thrown);
        } catch (const std::system_error& its) {
            return its.code().value();
        } catch (...) { // it has none
        }
    return 0;
}

}}} // namespace inquest::INQUEST_ABI::detail
