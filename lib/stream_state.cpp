#include <inquest/detail/stream_state.hpp>

#include <algorithm>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

void stream_state::attach(worker_record& record) {
    workers_.push_back(&record);
    attached_ever_ = true;
    if (announced_ > 0) --announced_;
}

bool stream_state::renounce(std::size_t n) noexcept {
    if (announced_ == 0) return false;
    announced_ -= std::min(announced_, n);
    return have_all_ended() && attached_ever_;
}

void stream_state::detach(worker_record& record, cause& last) noexcept {
    std::erase(workers_, &record);
    std::swap(last_worker_, last);
}

}}} // namespace inquest::INQUEST_ABI::detail
