// A worker's name.
#pragma once

#include <inquest/detail/atomics.hpp>
#include <inquest/detail/sync.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// A worker's name in messages and in the system's thread list. Workers whose handles live at the same time
/// and that were given one name are told apart by numbers from 1; a name that nobody shares stays as it is.
class worker_identity {
  public:
    /// Enters the name into the process-wide register; may allocate.
    static std::shared_ptr<worker_identity> enter(std::string name);
    ~worker_identity();
    worker_identity(const worker_identity&) = delete;
    worker_identity& operator=(const worker_identity&) = delete;

    /// Puts that before the name, where it is shown but in the thread list. Before its thread runs.
    void stand_behind(std::string path) noexcept { path_ = std::move(path); }
    /// Names for what it does by turns, from role 0. Before its thread runs.
    void learn_roles(std::shared_ptr<const std::vector<std::string>> names) noexcept {
        roles_ = std::move(names);
    }
    static constexpr std::size_t no_role = ~std::size_t{0};
    /// From now on it is shown under that name, or under its own. On the worker's thread.
    void take_role(std::size_t which) noexcept { role_.set(which); }
    /// The name with its number, if it has one, behind its path; or that of its role.
    [[nodiscard]] std::string display() const;
    /// Gives the calling thread this name, cut to what the system takes but keeping the number.
    void name_this_thread() noexcept;
    /// From here on the name no longer changes: it stands in a recorded cause. Call on the worker's thread.
    void freeze() noexcept;
    /// The handle is gone: the name is free again once all who shared it are.
    void leave() noexcept;

  private:
    struct registry;
    [[nodiscard]] std::string thread_name() const;
    explicit worker_identity(std::string name) : name_(std::move(name)) {}

    const std::string name_;
    std::string path_;
    std::shared_ptr<const std::vector<std::string>> roles_;
    relaxed<std::size_t> role_{no_role};
    atomic<unsigned> number_{0}; // 0: shared with nobody
    // The rest is protected by the register's mutex.
    atomic<bool> entered_{false};
    std::size_t rank_ = 0; // among those who share the name
    bool frozen_ = false;
    bool has_thread_ = false;
    std::uintptr_t thread_ = 0; // the system's handle, while has_thread_
};

}}} // namespace inquest::INQUEST_ABI::detail
