#include <inquest/still_running.hpp>

#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

still_running::still_running(std::string worker, inquest::activity doing, std::string channel,
                             std::optional<item_range> items, inquest::cause known,
                             std::chrono::nanoseconds waited) noexcept
    : worker_(std::move(worker)), channel_(std::move(channel)), items_(items), known_(std::move(known)),
      waited_(waited), activity_(doing) {}

std::span<const still_running> still_running::others() const noexcept { return others_; }
std::span<const std::source_location> still_running::last_pushes() const noexcept { return last_pushes_; }

still_running still_running::with_senders(std::size_t open, std::size_t silent,
                                          std::vector<std::source_location> last) && noexcept {
    senders_ = open;
    silent_ = silent;
    last_pushes_ = std::move(last);
    return std::move(*this);
}

still_running still_running::all(std::vector<still_running> several) {
    still_running first = std::move(several.front());
    several.erase(several.begin());
    first.others_ = std::move(several);
    return first;
}

}} // namespace inquest::INQUEST_ABI
