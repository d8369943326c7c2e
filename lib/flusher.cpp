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

void report_left_in_hand(std::size_t items) noexcept {
    try {
        report_unobserved(unexplained("a flusher has ended with " + std::to_string(items) +
                                          " items in hand that are not written",
                                      cause()));
    } catch (...) { // no memory for the text
    }
}

}}} // namespace inquest::INQUEST_ABI::detail
