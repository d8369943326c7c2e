#include "spinning.hpp"

#include <inquest/detail/latch.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

void latch::open() noexcept {
    wake_list wakes;
    const std::lock_guard lock(mutex_);
    open_.store(true);
    wakes.take_all(line_);
}

bool latch::wait(clock::time_point deadline) {
    if (spin([this] { return is_open(); }, deadline)) return true;
    waiter node;
    {
        const std::lock_guard lock(mutex_);
        if (open_.load()) return true;
        line_.add(node);
    }
    // Cancelled or timed out, the node leaves the line, or is waited for if it was already picked.
    struct leave {
        latch& self;
        waiter& node;
        ~leave() {
            std::unique_lock lock(self.mutex_);
            if (node.linked) {
                self.line_.remove(node);
            } else {
                lock.unlock();
                node.wait_signalled();
            }
        }
    } const guard{*this, node};
    node.wait(deadline);
    return open_.load();
}

}}} // namespace inquest::INQUEST_ABI::detail
