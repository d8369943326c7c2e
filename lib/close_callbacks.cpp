#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/close_callbacks.hpp>
#include <inquest/detail/serials.hpp>

#include <cstdio>
#include <exception>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

// Channels are closed in destructors, which must not be unwound by a cancellation.
void close_callbacks::callback::call(const pop_error& ending) const noexcept {
    const uncancelled guard;
    try {
        function(ending);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "inquest: a function of on_close threw: %s\n", e.what());
    } catch (...) {
        std::fprintf(stderr, "inquest: a function of on_close threw\n");
    }
}

void close_callbacks::add(std::shared_ptr<callback> one) {
    std::list<std::shared_ptr<callback>> only;
    only.push_back(std::move(one));
    const std::lock_guard lock(mutex_);
    waiting_.splice(waiting_.end(), only);
}

void close_callbacks::remove(callback& one) noexcept {
    if (generation_ != fork_generation()) return;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(one.waits, false)) {
            waiting_.remove_if([&](const auto& each) { return each.get() == &one; });
            return;
        }
        if (one.caller == this_thread_serial()) return; // from within
    }
    const uncancelled guard;
    one.returned.wait();
}

void close_callbacks::run(const pop_error& ending) noexcept {
    for (;;) {
        std::shared_ptr<callback> next;
        {
            const std::lock_guard lock(mutex_);
            if (waiting_.empty()) return;
            next = std::move(waiting_.front());
            waiting_.pop_front();
            next->waits = false;
            next->caller = this_thread_serial();
        }
        next->call(ending);
        next->returned.open();
    }
}

}}} // namespace inquest::INQUEST_ABI::detail
