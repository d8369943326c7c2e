// The thread that a worker's handle owns.
#pragma once

#include <inquest/detail/sync.hpp>

#include <cstddef>
#include <optional>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

class worker_main;

/// A std::jthread; or a thread of the system's, if it has a stack of its own size, which a std::jthread can't be given. To be
/// joined or detached before it is destroyed.
class owned_thread {
  public:
    owned_thread() noexcept = default;
    ~owned_thread() = default;
    owned_thread(const owned_thread&) = delete;
    owned_thread& operator=(const owned_thread&) = delete;

    /// Has a thread run the program, and destroy it. Zero, or the system's error, and then the program is the caller's. With
    /// `stack_size` of zero the system decides.
    [[nodiscard]] int start(worker_main* program, std::size_t stack_size) noexcept;

    bool request_stop() noexcept;
    [[nodiscard]] bool joinable() const noexcept { return is_sized_joinable_ || standard_.joinable(); }
    void join();
    void detach();
    /// Whether it has come to its end, and is yet to be joined; true if the system does not say.
    [[nodiscard]] bool has_exited() noexcept;

    // Those that it was started with, also once it is joined:
    [[nodiscard]] thread_id id() const noexcept { return id_; }
    [[nodiscard]] thread_handle native_handle() const noexcept { return handle_; }

  private:
    [[nodiscard]] int start_sized(worker_main* program, std::size_t stack_size);

    jthread standard_;                      // unless it is sized
    std::optional<stop_source> sized_stop_; // if it is
    bool is_sized_joinable_ = false;        // then it is the thread at `handle_`
    thread_id id_;
    thread_handle handle_{};
};

}}} // namespace inquest::INQUEST_ABI::detail
