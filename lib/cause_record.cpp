#include <inquest/detail/cause_record.hpp>
#include <inquest/detail/worker_identity.hpp>

#include <algorithm>
#include <cxxabi.h>
#include <typeinfo>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

bool operator==(const type_identity& a, const type_identity& b) noexcept {
    return a.mark == b.mark ||
           (!a.name.empty() && a.name == b.name && a.size == b.size && a.alignment == b.alignment);
}

std::size_t copy_cut(std::string_view text, std::span<char> into) noexcept {
    constexpr std::string_view cut = "...";
    const auto kept = std::min(text.size(), into.size());
    std::copy_n(text.begin(), kept, into.begin());
    if (text.size() > kept) std::ranges::copy(cut, into.last(cut.size()).begin());
    return kept;
}

cause_record::cause_record() noexcept = default;
cause_record::~cause_record() = default;

void cause_record::set_current_exception() noexcept {
    exception = std::current_exception();
    if (!exception) return; // a forced unwind is passing, which must not be thrown again from here
    // Asked of the runtime, not of typeid: works for every type, and for callers built without RTTI.
    if (const std::type_info* type = abi::__cxa_current_exception_type()) exception_type = type->name();
    try {
        throw;
    } catch (const std::exception& e) {
        if (const char* text = e.what()) what.set(text);
    } catch (const std::string& text) {
        what.set(text);
    } catch (const char* text) {
        what.set(text ? text : "");
    } catch (...) {
    }
}

}}} // namespace inquest::INQUEST_ABI::detail
