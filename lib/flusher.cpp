#include <inquest/flusher.hpp>
#include <inquest/hook.hpp>

#include <stdexcept>
#include <string>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

void refuse_bad_flusher(const std::string& name, std::size_t batch, std::size_t bytes, bool has_size) {
    if (name.empty()) throw std::invalid_argument("inquest: a flusher has a name");
    if (batch == 0) throw std::invalid_argument("inquest: a flusher's batch holds at least one item");
    if (bytes != 0 && !has_size)
        throw std::invalid_argument("inquest: a flusher that counts bytes needs size_of");
}

namespace {

void report(const std::string& flusher, const char* what, std::uint64_t items, const char* fate) noexcept {
    try {
        report_unobserved(unexplained("flusher '" + flusher + "' " + what + ' ' + std::to_string(items) +
                                      (items == 1 ? " item " : " items ") + fate));
    } catch (...) { // no memory for the text
    }
}

} // namespace

void report_left_in_hand(const std::string& flusher, std::size_t items) noexcept {
    report(flusher, "has ended with", items, "in hand, not written");
}

void report_dropped(const std::string& flusher, std::uint64_t items) noexcept {
    report(flusher, "has dropped", items, "to make room, not written");
}

}}} // namespace inquest::INQUEST_ABI::detail
