#include "close_callbacks.hpp"

#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/serials.hpp>

#include <cstdio>
#include <exception>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {
namespace detail {

// Channels are closed in destructors, which must not be unwound by a cancellation.
void close_function::call(const pop_error& ending) const noexcept {
    const uncancelled guard;
    try {
        function(ending);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "inquest: a function of on_close threw: %s\n", e.what());
    } catch (...) {
        std::fprintf(stderr, "inquest: a function of on_close threw\n");
    }
}

void close_callbacks::add(std::shared_ptr<close_function> one) {
    std::list<std::shared_ptr<close_function>> only;
    only.push_back(std::move(one));
    const std::lock_guard lock(mutex_);
    waiting_.splice(waiting_.end(), only);
}

void close_callbacks::remove(close_function& one) noexcept {
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
        std::shared_ptr<close_function> next;
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

} // namespace detail

close_callback::close_callback(std::shared_ptr<detail::close_callbacks> list,
                               std::shared_ptr<detail::close_function> its) noexcept
    : list_(std::move(list)), its_(std::move(its)) {}

void close_callback::remove() noexcept {
    if (list_) list_->remove(*its_);
}

close_callback& close_callback::operator=(close_callback&& other) noexcept {
    if (this != &other) {
        remove();
        list_ = std::move(other.list_);
        its_ = std::move(other.its_);
    }
    return *this;
}

}} // namespace inquest::INQUEST_ABI
