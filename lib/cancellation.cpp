#include "platform.hpp"

#include <inquest/detail/cancellation.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

void disable_cancellation() noexcept {
#ifdef INQUEST_PTHREADS
    int ignored = 0;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ignored);
#endif
}

uncancelled::uncancelled() noexcept {
#ifdef INQUEST_PTHREADS
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
#endif
}

uncancelled::~uncancelled() {
#ifdef INQUEST_PTHREADS
    int ignored = 0;
    (void)pthread_setcancelstate(before_, &ignored);
#endif
}

}}} // namespace inquest::INQUEST_ABI::detail
