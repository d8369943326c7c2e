#include <inquest/detail/channel_side.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

// Before it blocks, whoever meets a lock held tries it some more: it is held for a few instructions only.
void channel_side::lock_patiently() noexcept {
    for (unsigned round = 0; round < lock_rounds; ++round) {
        for (unsigned i = 0; i < 1U << round; ++i) spin_hint();
        if (lock.try_lock()) return;
    }
    lock.lock();
}

}}} // namespace inquest::INQUEST_ABI::detail
