#include <inquest/detail/serials.hpp>
#include <inquest/detail/sync.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

std::uint64_t this_thread_serial() noexcept {
    static constinit atomic<std::uint64_t> last{0};
    thread_local const std::uint64_t mine = last.fetch_add(1) + 1;
    return mine;
}

channel_serial next_channel_serial() noexcept {
    static constinit atomic<channel_serial> last{no_channel};
    return last.fetch_add(1) + 1;
}

std::uint64_t next_sequence() noexcept {
    static constinit atomic<std::uint64_t> last{0};
    return last.fetch_add(1) + 1;
}

}}} // namespace inquest::INQUEST_ABI::detail
