#include "platform.hpp"

#include <inquest/detail/cancellation.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

namespace {

void set_cancellation([[maybe_unused]] int state) noexcept {
#ifdef INQUEST_PTHREADS
    int ignored = 0;
    (void)pthread_setcancelstate(state, &ignored);
#endif
}

} // namespace

void disable_cancellation() noexcept {
#ifdef INQUEST_PTHREADS
    set_cancellation(PTHREAD_CANCEL_DISABLE);
#endif
}

kept_cancellation::kept_cancellation() noexcept {
    const uncancelled look;
    before_ = look.before();
}
kept_cancellation::~kept_cancellation() { set_cancellation(before_); }

uncancelled::uncancelled() noexcept {
#ifdef INQUEST_PTHREADS
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
#endif
}

uncancelled::~uncancelled() { set_cancellation(before_); }

}}} // namespace inquest::INQUEST_ABI::detail
