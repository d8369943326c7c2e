// How tests look into a channel.
#pragma once

#include <inquest/channel.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <source_location>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// The one friend of what a channel is made of.
struct channel_inspector {
    template <class T>
    static channel_base& core(const channel_handle<T>& of) noexcept {
        return *of.core_.get();
    }
    template <class T>
    static const shared_channel& share(const channel_handle<T>& of) noexcept {
        return of.core_;
    }
    template <class T>
    static std::weak_ptr<const channel_base> weak(const channel_handle<T>& of) noexcept {
        return of.core_.weak();
    }
    /// One more than the channel's user has asked for.
    template <class T>
    static receiver<T> make_receiver(const channel_handle<T>& of) {
        return receiver<T>(of.core_);
    }
    /// As `resolve` closes it.
    template <class T>
    static void close(const channel_handle<T>& of,
                      const std::source_location& where = std::source_location::current()) noexcept {
        of.core_->close(closer::resolver, where);
    }

    /// Calls that are parked in it now.
    template <class T>
    static std::size_t parked(const channel_handle<T>& in) noexcept {
        std::size_t all = 0;
        for (const channel_side* its : {&pushes(core(in)), &pops(core(in))}) {
            const std::lock_guard line(its->line_lock());
            all += its->waiters.size();
        }
        return all;
    }
    /// Those that wait, spinning or parked, or are between two items.
    template <class T>
    static std::size_t inside(const channel_handle<T>& in) noexcept {
        const channel_base::both_locks locks(core(in));
        return pushes(core(in)).inside + pops(core(in)).inside;
    }

    /// Calls of wait_closed.
    template <class T>
    static std::size_t waiting_for_close(const channel_handle<T>& of) noexcept {
        const channel_base::both_locks locks(core(of));
        return core(of).wait_for_close_.size();
    }

    // Without a lock.
    static const channel_side& pushes(const channel_base& of) noexcept { return of.push_; }
    static const channel_side& pops(const channel_base& of) noexcept { return of.pop_; }
    static const stream_state& stream(const channel_base& of) noexcept { return of.state_; }
};

}}} // namespace inquest::INQUEST_ABI::detail
