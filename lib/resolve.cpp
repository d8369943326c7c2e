#include <inquest/resolve.hpp>

#include <algorithm>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

cause unexplained(std::string text, cause upstream) {
    auto record = std::make_shared<given_record<std::string>>(std::move(text), std::source_location());
    record->kind = cause_kind::unexplained;
    record->consequence = true; // never the first of several
    record->value_type = {};    // a text of ours is nobody's typed error
    record->upstream = std::move(upstream);
    record->place_file = nullptr;
    return to_cause(std::move(record));
}

std::vector<cause> primary_first(collected all) {
    auto made = std::move(all.failures);
    const auto by_rank = [](const cause& one) { return std::pair(one.is_consequence(), one.sequence()); };
    std::iter_swap(made.begin(), std::ranges::min_element(made, {}, by_rank));
    made.insert(made.end(), all.others.begin(), all.others.end());
    const auto rest = made.begin() + 1;
    std::sort(rest, made.end(), [](const cause& a, const cause& b) { return a.sequence() < b.sequence(); });
    made.erase(std::unique(rest, std::remove(rest, made.end(), cause(made.front()))), made.end());
    return made;
}

cause fallback(std::string_view lead, const push_error& why) {
    return unexplained(std::string(lead) + " (push: " + why.message() + ')', why.cause());
}

bool is_resolvable(const push_error& why) noexcept {
    return why.status() == status::closed || why.status() == status::aborted;
}

}}} // namespace inquest::INQUEST_ABI::detail
