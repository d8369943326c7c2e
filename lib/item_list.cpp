#include <inquest/detail/item_list.hpp>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

item_node::~item_node() = default;

item_list::~item_list() {
    while (!empty()) (void)pop();
}

void item_list::push(std::unique_ptr<item_node> item) noexcept {
    *end_ = item.release();
    end_ = &(*end_)->next_;
    ++size_;
}

std::unique_ptr<item_node> item_list::pop() noexcept {
    std::unique_ptr<item_node> item(first_);
    first_ = std::exchange(item->next_, nullptr);
    if (--size_ == 0) end_ = &first_;
    return item;
}

void item_list::append(item_list&& others) noexcept {
    if (others.empty()) return;
    *end_ = std::exchange(others.first_, nullptr);
    end_ = std::exchange(others.end_, &others.first_);
    size_ += std::exchange(others.size_, 0);
}

}}} // namespace inquest::INQUEST_ABI::detail
