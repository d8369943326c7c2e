// Being called when a channel closes.
#pragma once

#include <inquest/detail/config.hpp>

#include <functional>
#include <memory>

namespace inquest { inline namespace INQUEST_ABI {

class close_callback;
class pop_error;

namespace detail {

class close_callbacks;
struct close_function;
class shared_channel;
/// What `on_close` of a handle does, which may be one of no channel. May throw std::bad_alloc.
close_callback call_on_close(const shared_channel& channel, std::function<void(const pop_error&)> fn);

} // namespace detail

/// What `on_close` returns: as long as it lives, its function is called if the channel closes. As std::stop_callback does, its
/// destructor waits for the function if that is running on another thread just then; within the function itself it
/// does not. It may outlive the channel. Only moving and destroying it need exclusive access.
class [[nodiscard("the function is removed when this is destroyed")]] close_callback {
  public:
    /// Leaves `other` with no function.
    close_callback(close_callback&& other) noexcept = default;
    /// Removes the function held before.
    close_callback& operator=(close_callback&& other) noexcept;
    ~close_callback() { remove(); }

  private:
    friend close_callback detail::call_on_close(const detail::shared_channel&,
                                                std::function<void(const pop_error&)>);
    close_callback(std::shared_ptr<detail::close_callbacks> list,
                   std::shared_ptr<detail::close_function> its) noexcept;
    void remove() noexcept;

    std::shared_ptr<detail::close_callbacks> list_; // null: it was called at once
    std::shared_ptr<detail::close_function> its_;
};

}} // namespace inquest::INQUEST_ABI
