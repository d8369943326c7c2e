// Items of any type on their way through a pipeline.
#pragma once

#include <inquest/detail/config.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// An item, of whatever type.
class item_node {
  public:
    item_node() = default;
    virtual ~item_node();
    item_node(const item_node&) = delete;
    item_node& operator=(const item_node&) = delete;

  private:
    friend class item_list;
    item_node* next_ = nullptr;
};

/// One of type T.
template <class T>
class boxed_item final : public item_node {
  public:
    explicit boxed_item(T&& item) : item_(std::move(item)) {}
    /// The item in a node that is known to have one of this type.
    static T&& in(item_node& node) noexcept { return std::move(static_cast<boxed_item&>(node).item_); }

  private:
    T item_;
};

/// First in, first out. Only making the nodes allocates.
class item_list {
  public:
    item_list() noexcept = default;
    item_list(item_list&& other) noexcept { append(std::move(other)); }
    item_list& operator=(item_list&&) = delete;
    ~item_list();

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    void push(std::unique_ptr<item_node> item) noexcept;
    /// Of one that is not empty.
    [[nodiscard]] std::unique_ptr<item_node> pop() noexcept;
    /// All of them, behind those that are here.
    void append(item_list&& others) noexcept;

  private:
    item_node* first_ = nullptr;
    item_node** end_ = &first_; // of it, if it is empty, or of the last
    std::size_t size_ = 0;
};

}}} // namespace inquest::INQUEST_ABI::detail
