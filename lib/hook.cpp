#include <inquest/hook.hpp>

#include <cstdio>
#include <mutex>

namespace inquest::inline INQUEST_ABI {

namespace {

struct hooks {
    detail::mutex guard;
    std::shared_ptr<const failure_hook> failure; // null: the default

    // Never destroyed: workers may outlive static destruction.
    static hooks& get() {
        static hooks* const only = new hooks;
        return *only;
    }
};

void to_standard_error(const char* what, const std::string& line) noexcept {
    std::fprintf(stderr, "inquest: %s: %s\n", what, line.c_str());
}

} // namespace

failure_hook set_failure_hook(failure_hook hook) {
    auto next = hook ? std::make_shared<const failure_hook>(std::move(hook)) : nullptr;
    hooks& all = hooks::get();
    {
        const std::lock_guard lock(all.guard);
        std::swap(all.failure, next);
    }
    return next ? *next : failure_hook{};
}

namespace detail {

void report_unobserved(const cause& why) noexcept {
    try {
        std::shared_ptr<const failure_hook> hook;
        {
            hooks& all = hooks::get();
            const std::lock_guard lock(all.guard);
            hook = all.failure;
        }
        if (hook)
            (*hook)(why);
        else
            to_standard_error("nobody looked at a failure", why.message());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "inquest: the failure hook threw: %s\n", e.what());
    } catch (...) {
        std::fputs("inquest: the failure hook threw\n", stderr);
    }
}

} // namespace detail

} // namespace inquest::inline INQUEST_ABI
