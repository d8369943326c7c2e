#include <inquest/resolve.hpp>

#include <algorithm>

namespace inquest::inline INQUEST_ABI::detail {

cause unexplained(std::string text, cause upstream) {
    auto record = std::make_shared<given_record<std::string>>(std::move(text), std::source_location());
    record->kind = cause_kind::unexplained;
    record->consequence = true; // never the first of several
    record->value_type = {};    // a text of ours is nobody's typed error
    record->upstream = std::move(upstream);
    record->place_file = nullptr;
    return to_cause(std::move(record));
}

void put_primary_first(std::vector<cause>& failures) {
    std::ranges::sort(failures, {}, &cause::sequence);
    const auto first = std::ranges::find_if_not(failures, &cause::is_consequence);
    if (first != failures.end()) std::rotate(failures.begin(), first, first + 1);
}

cause fallback(std::string_view lead, const push_error& why) {
    return unexplained(std::string(lead) + " (push: " + why.message() + ')', why.cause());
}

bool is_resolvable(const push_error& why) noexcept {
    return why.status() == status::closed || why.status() == status::aborted;
}

} // namespace inquest::inline INQUEST_ABI::detail
