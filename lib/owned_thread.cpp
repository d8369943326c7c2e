#include "platform.hpp"

#include <inquest/detail/owned_thread.hpp>
#include <inquest/detail/worker_main.hpp>

#include <cerrno>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

namespace {

// Destroyed before the thread is: a joined worker holds nothing.
void run_to_end(worker_main* program, const stop_token& stop) {
    const std::unique_ptr<worker_main> mine(program);
    mine->run(stop);
}

} // namespace

int owned_thread::start(worker_main* program, std::size_t stack_size) noexcept {
    try {
        if (stack_size != 0) return start_sized(program, stack_size);
        standard_ = jthread([program](const stop_token& stop) { run_to_end(program, stop); });
#ifndef INQUEST_SYNC_HEADER
        id_ = standard_.get_id();
        handle_ = standard_.native_handle();
#endif
        return 0;
    } catch (const std::system_error& e) {
        return e.code().value();
    } catch (const std::bad_alloc&) {
        return ENOMEM;
    }
}

bool owned_thread::request_stop() noexcept {
    return sized_stop_ ? sized_stop_->request_stop() : standard_.request_stop();
}

#if defined(INQUEST_PTHREADS) && !defined(INQUEST_SYNC_HEADER)

int owned_thread::start_sized(worker_main* program, std::size_t stack_size) {
    struct start_arguments {
        worker_main* program;
        stop_token stop;
    };
    stop_source stop;
    auto arguments = std::make_unique<start_arguments>(program, stop.get_token());
    pthread_attr_t attributes;
    if (const int problem = pthread_attr_init(&attributes)) return problem;
    int problem = pthread_attr_setstacksize(&attributes, stack_size);
    // No handler: what is not to be caught ends the process at the throw.
    const auto main = [](void* its) -> void* {
        const auto given = *std::unique_ptr<start_arguments>(static_cast<start_arguments*>(its));
        run_to_end(given.program, given.stop);
        return nullptr;
    };
    if (problem == 0) problem = pthread_create(&handle_, &attributes, main, arguments.get());
    (void)pthread_attr_destroy(&attributes);
    if (problem != 0) return problem;
    [[maybe_unused]] const auto* const threads_own = arguments.release();
#ifdef __GLIBCXX__
    id_ = thread_id(handle_); // which other libraries keep to themselves
#endif
    sized_stop_ = std::move(stop);
    is_sized_joinable_ = true;
    return 0;
}

void owned_thread::join() {
    if (!is_sized_joinable_) return standard_.join();
    if (const int problem = pthread_join(handle_, nullptr))
        throw std::system_error(problem, std::generic_category());
    is_sized_joinable_ = false; // only now: if the caller is cancelled, it is yet to be joined
}

void owned_thread::detach() {
    if (!std::exchange(is_sized_joinable_, false)) return standard_.detach();
    (void)pthread_detach(handle_);
}

#else

int owned_thread::start_sized(worker_main*, std::size_t) { return ENOTSUP; }
void owned_thread::join() { standard_.join(); }
void owned_thread::detach() { standard_.detach(); }

#endif

bool owned_thread::has_exited() noexcept {
#if defined(__GLIBC__) && !defined(INQUEST_SYNC_HEADER)
    // Looks at a word that the kernel clears once the thread has left its stack; no system call.
    clockid_t ignored{};
    return pthread_getcpuclockid(handle_, &ignored) == ESRCH;
#else
    return true;
#endif
}

}}} // namespace inquest::INQUEST_ABI::detail
