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

void fixed_text::set(std::string_view text) noexcept {
    constexpr std::string_view cut = "...";
    size_ = std::min(text.size(), chars_.size());
    std::copy_n(text.begin(), size_, chars_.begin());
    if (text.size() > size_) std::copy(cut.begin(), cut.end(), chars_.end() - cut.size());
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
