#include <inquest/detail/channel_base.hpp>
#include <inquest/detail/stage_workers.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

stage_workers::stage_workers(shared_channel counted, bool is_source)
    : counted_(std::move(counted)), is_source_(is_source) {}

stage_workers::~stage_workers() = default;

void stage_workers::end_early(channel_base& input, const pop_error& ending) {
    if (ending.status() != status::complete) (void)input.abort_with(ending.cause());
}

std::uint64_t stage_workers::items() const noexcept {
    const auto its = counted_->count_items();
    return is_source_ ? its.pushed : its.popped;
}

}}} // namespace inquest::INQUEST_ABI::detail
