#include <inquest/detail/observers.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

void observers::change(auto&& next) noexcept {
    auto now = state_.load();
    while (!state_.compare_exchange_strong(now, next(now))) {
    }
}

bool observers::add() noexcept {
    bool first = false;
    change([&](auto now) {
        first = (now & for_good) == 0;
        return now | for_good;
    });
    return first;
}

void observers::add_worker() noexcept {
    change([](auto now) { return now + one_worker; });
}

void observers::pass_on(bool counted) noexcept {
    change([=](auto now) { return now + one_holder - (counted ? one_worker : 0); });
}

bool observers::leave() noexcept {
    bool last = false;
    change([&](auto now) {
        now -= one_holder;
        last = now == 0;
        return last ? for_good : now;
    });
    return last;
}

}}} // namespace inquest::INQUEST_ABI::detail
