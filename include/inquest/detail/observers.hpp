// Who knows of a failure.
#pragma once

#include <inquest/detail/sync.hpp>

#include <cstdint>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// Who has been handed a failure, and who holds it: the worker that failed, and those that passed the failure on. A worker
/// that was handed it and then passes it on no longer counts: whoever asks that worker is handed it.
class observers {
  public:
    /// Somebody has been handed it, for good. True if that is the first.
    bool add() noexcept;
    /// A worker's function has been handed it, and may pass it on.
    void add_worker() noexcept;
    /// A worker passes it on, and holds it from now on; `counted` if `add_worker` was called for that one.
    void pass_on(bool counted) noexcept;
    /// The object of a worker that holds it is gone. True if that was the last one and nobody has observed the failure: then
    /// the caller reports it to the hook, and it counts as observed.
    [[nodiscard]] bool leave() noexcept;
    /// Somebody has been handed it for good.
    [[nodiscard]] bool any() const noexcept { return (state_.load() & for_good) != 0; }

  private:
    static constexpr std::uint64_t for_good = 1ULL << 63, one_holder = 1ULL << 32, one_worker = 1;
    void change(auto&& next) noexcept;
    atomic<std::uint64_t> state_{
        one_holder}; // for good or not, the holders, the workers that have been handed it
};

}}} // namespace inquest::INQUEST_ABI::detail
