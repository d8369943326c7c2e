#include <inquest/detail/stage_plan.hpp>

#include <cstddef>
#include <limits>
#include <stdexcept>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

namespace {

void refuse_bad_stage(const stage_options& options, const stage_traits& function) {
    const auto refuse = [](const char* why) { throw std::invalid_argument(why); };
    if (options.name.empty()) refuse("inquest: a pipeline's stages have names");
    if (options.parallelism == 0) refuse("inquest: a stage needs at least one worker");
    if (options.capacity == 0) refuse("inquest: a stage needs room for at least one item behind it");
    if (options.capacity > std::numeric_limits<std::size_t>::max() / 2 ||
        options.parallelism > std::numeric_limits<std::size_t>::max() / 2)
        throw std::length_error("inquest: a stage's capacity or parallelism is too large");
    if (options.parallelism == 1) return;
    if (function.is_source) refuse("inquest: a pipeline's source has one worker");
    if (function.has_result)
        refuse("inquest: a sink of several workers takes items: of whole streams each would have a result");
    if (!function.is_copyable)
        refuse("inquest: a stage of several workers needs a function that can be copied");
    if (options.ordered && function.is_whole_stream)
        refuse("inquest: a stage of several workers is ordered only if its function takes items: of a whole "
               "stream nobody knows what was made of which");
}

} // namespace

stage_plan::stage_plan(const stage_options& options, const stage_traits& function)
    : options_(options), traits_(function) {
    refuse_bad_stage(options, function);
}

stage_plan::~stage_plan() = default;

void stage_plan::make_copies() {
    copies_.reserve(options_.parallelism);
    while (copies_.size() < options_.parallelism) copies_.push_back(next_function());
}

kept_function::~kept_function() = default;

}}} // namespace inquest::INQUEST_ABI::detail
