// Work for a channel on a thread that is there already.
#pragma once

#include <inquest/detail/spawner.hpp>

#include <string>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

/// Does on the calling thread what a worker does on its own: for thread pools, std::async and callbacks. Ends and function are
/// given as to `spawn`: the job is attached to the channels that it reads, its outcome is recorded under this name with
/// the items it was on, and closes these channels as a worker's does; senders are finished or abandoned. A job that has ended is
/// one worker less: if several are to read one channel, say so first (`announce_workers`).
///
/// Returns what `worker::join` would: the value, or the failure; rethrows what the function threw, the same exception object.
/// Either way it counts as observed. Blocks as long as the function runs. Inside a worker, the job obeys that worker's stop: its
/// blocking calls end, and its std::stop_token shows it; on any other thread nobody can request one. An exception always reaches the
/// caller, and a thread that the function ends (pthread_exit) is ended, once the outcome is recorded. Throws also
/// std::invalid_argument for an empty std::function, a null pointer, or an end that was moved from, and std::bad_alloc.
template <class... Args>
    requires detail::ends_and_function<Args...>
auto run_job(std::string name, Args&&... ends_and_function) {
    using spawned = detail::spawned<Args&&...>;
    if constexpr (detail::is_worker_function<typename spawned::function>(typename spawned::ends()))
        return detail::spawner::run_job(worker_options{.name = std::move(name)},
                                        std::forward<Args>(ends_and_function)...);
}

/// Whatever else it is given does not compile, and says what it takes.
template <class Never = void>
auto run_job(...) {
    static_assert(!std::is_void_v<Never>,
                  "run_job takes the job's name, then its ends (receiver<T>, sender<T> or channel<T>&), then "
                  "its function: let that capture everything else");
}

}} // namespace inquest::INQUEST_ABI
