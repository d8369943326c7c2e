// Being called when a channel closes.
#pragma once

#include <inquest/detail/close_callbacks.hpp>

#include <memory>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

template <class T>
class channel_handle;

/// What `on_close` returns: as long as it lives, its function is called if the channel closes. As std::stop_callback does, its
/// destructor waits for the function if that is running on another thread just then; within the function itself it
/// does not. It may outlive the channel. Only moving and destroying it need exclusive access.
class [[nodiscard("the function is removed when this is destroyed")]] close_callback {
  public:
    /// Leaves `other` with no function.
    close_callback(close_callback&& other) noexcept = default;
    /// Removes the function held before.
    close_callback& operator=(close_callback&& other) noexcept {
        if (this != &other) {
            remove();
            list_ = std::move(other.list_);
            its_ = std::move(other.its_);
        }
        return *this;
    }
    ~close_callback() { remove(); }

  private:
    template <class T>
    friend class channel_handle;
    close_callback(std::shared_ptr<detail::close_callbacks> list,
                   std::shared_ptr<detail::close_callbacks::callback> its) noexcept
        : list_(std::move(list)), its_(std::move(its)) {}
    void remove() noexcept {
        if (list_) list_->remove(*its_);
    }

    std::shared_ptr<detail::close_callbacks> list_; // null: it was called at once
    std::shared_ptr<detail::close_callbacks::callback> its_;
};

}} // namespace inquest::INQUEST_ABI
