#include <inquest/adopt.hpp>
#include <inquest/detail/cancellation.hpp>

#include <system_error>

namespace inquest { inline namespace INQUEST_ABI {

thread_cancelled::thread_cancelled() : std::runtime_error("the thread was cancelled") {}

namespace detail {

joined_pthread::~joined_pthread() {
    const uncancelled guard;
    if (joinable_) pthread_join(thread_, nullptr);
}

void* joined_pthread::join() {
    void* returned = nullptr;
    const int problem = pthread_join(thread_, &returned);
    joinable_ = false; // not after an error either: it is not ours then
    if (problem != 0) throw std::system_error(problem, std::generic_category(), "a thread can't be joined");
    if (returned == PTHREAD_CANCELED) throw thread_cancelled();
    return returned;
}

joined_pthread start_pthread(void* (*start)(void*), void* argument) {
    pthread_t thread{};
    if (const int problem = pthread_create(&thread, nullptr, start, argument); problem != 0)
        throw std::system_error(problem, std::generic_category(), "no thread can be created");
    return joined_pthread(thread);
}

} // namespace detail

}} // namespace inquest::INQUEST_ABI
