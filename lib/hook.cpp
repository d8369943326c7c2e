#include "platform.hpp"

#include <inquest/detail/cancellation.hpp>
#include <inquest/hook.hpp>

#include <algorithm>
#include <cstdio>
#include <mutex>

namespace inquest { inline namespace INQUEST_ABI {

namespace {

template <class F>
using shared = std::shared_ptr<const F>; // null: none set

struct hooks {
    detail::mutex guard; // protects those below
    shared<failure_hook> unobserved, eager;
    shared<long_wait_hook> long_wait;
    shared<detail::log_line> log;

    static hooks& get() { return platform::process_wide<hooks>(); }
    template <class F>
    static F exchange(shared<F> hooks::* which, F hook) {
        auto next = hook ? std::make_shared<const F>(std::move(hook)) : nullptr;
        hooks& all = get();
        {
            const std::lock_guard lock(all.guard);
            std::swap(all.*which, next);
        }
        return next ? *next : F{};
    }
    template <class F>
    static shared<F> look(shared<F> hooks::* which) {
        hooks& all = get();
        const std::lock_guard lock(all.guard);
        return all.*which;
    }
};

[[maybe_unused]] const hooks& made_at_load = hooks::get();

constinit detail::atomic<std::chrono::milliseconds::rep> long_after{60'000};

// True if one was set and did not throw. Otherwise the next in line is to hear of it.
template <class F, class... Args>
bool reported(shared<F> hooks::* which, const char* name, const Args&... args) noexcept {
    try {
        const auto hook = hooks::look(which);
        if (!hook) return false;
        (*hook)(args...);
        return true;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "inquest: %s threw: %s\n", name, e.what());
    } catch (...) {
        std::fprintf(stderr, "inquest: %s threw\n", name);
    }
    return false;
}

// `subject` is a cause or a still_running, whose text may be the user's code.
void write_line(bool alarm, const char* what, const auto& subject) noexcept {
    try {
        const std::string line = std::string(what) + ": " + subject.message();
        if (!reported(&hooks::log, "the logger", alarm, std::string_view(line)))
            std::fprintf(stderr, "inquest: %s\n", line.c_str());
    } catch (...) {
        std::fprintf(stderr, "inquest: %s, whose text could not be made\n", what);
    }
}

} // namespace

failure_hook set_failure_hook(failure_hook hook) {
    return hooks::exchange(&hooks::unobserved, std::move(hook));
}
failure_hook set_eager_failure_hook(failure_hook hook) {
    return hooks::exchange(&hooks::eager, std::move(hook));
}
long_wait_hook set_long_wait_hook(long_wait_hook hook) {
    return hooks::exchange(&hooks::long_wait, std::move(hook));
}
std::chrono::milliseconds set_long_wait_threshold(std::chrono::milliseconds after) noexcept {
    return std::chrono::milliseconds(
        long_after.exchange(std::max(after.count(), decltype(after.count()){1})));
}

namespace detail {

void set_log(log_line log) { hooks::exchange(&hooks::log, std::move(log)); }

// A cancelled thread must not be unwound out of these.
void report_unobserved(const cause& why) noexcept {
    const uncancelled guard;
    if (!reported(&hooks::unobserved, "the failure hook", why)) write_line(true, "unobserved failure", why);
}
void report_eagerly(const cause& why) noexcept {
    const uncancelled guard;
    reported(&hooks::eager, "the eager failure hook", why);
}
void report_long_wait(const still_running& who) noexcept {
    const uncancelled guard;
    if (!reported(&hooks::long_wait, "the long-wait hook", who)) write_line(false, "long wait", who);
}
std::chrono::milliseconds long_wait() noexcept { return std::chrono::milliseconds(long_after.load()); }

} // namespace detail

}} // namespace inquest::INQUEST_ABI
