// How far a flusher has come, and who waits for that.
#pragma once

#include <inquest/detail/atomics.hpp>
#include <inquest/detail/latch.hpp>
#include <inquest/detail/sync.hpp>

#include <chrono>
#include <cstdint>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// Items go by their numbers in the channel, from 1. One thread writes them, any may ask.
class flush_progress {
  public:
    // By the writer:

    void begin() noexcept;
    /// Before it waits for another item, with what it has in hand: false if somebody waits for what is not written yet, so that it
    /// should write now. Until `has_waited` it can be interrupted.
    [[nodiscard]] bool may_wait() noexcept;
    void has_waited() noexcept;
    /// With all up to `written` written, and all up to `taken` in its hands: somebody waits for these and no more. Takes no lock.
    [[nodiscard]] bool is_wanted(std::uint64_t written, std::uint64_t taken) const noexcept {
        const auto wanted = wanted_.get();
        return wanted > written && wanted <= taken;
    }
    /// All up to that item are written.
    void wrote(std::uint64_t last) noexcept;
    /// Nothing more will be.
    void end() noexcept;

    // By others:

    /// The calling thread is the writer.
    [[nodiscard]] bool is_writer() const noexcept;
    [[nodiscard]] bool has_ended() noexcept;
    /// Blocks until all up to that item are written, or nothing more will be, or the deadline; returns whether they are. `interrupt`
    /// wakes the writer out of its wait; it is called again as long as the writer still waits, since it may have been about to.
    template <class Interrupt>
    [[nodiscard]] bool wait(std::uint64_t last, clock::time_point deadline, const Interrupt& interrupt) {
        for (want(last); is_waiting();) {
            interrupt();
            const auto soon = clock::now() + std::chrono::milliseconds(1);
            if (soon >= deadline) break;
            if (wait_written(last, soon)) return true;
        }
        return wait_written(last, deadline);
    }

  private:
    void want(std::uint64_t last) noexcept;
    [[nodiscard]] bool is_waiting() noexcept;
    [[nodiscard]] bool wait_written(std::uint64_t last, clock::time_point deadline);
    /// Opens the gates of those who need wait no longer. Under the lock.
    void release_calls() noexcept;

    /// A call that waits for the writer, on the stack of its thread.
    struct flush_call {
        const std::uint64_t last;
        latch gate{};
        flush_call* next = nullptr;
    };

    atomic<std::uint64_t> writer_{0}; // its thread's number
    relaxed<std::uint64_t> wanted_;   // written under guard_
    mutex guard_;
    // protected by guard_:
    std::uint64_t written_ = 0;
    bool is_waiting_ = false, ended_ = false;
    flush_call* calls_ = nullptr;
};

}}} // namespace inquest::INQUEST_ABI::detail
