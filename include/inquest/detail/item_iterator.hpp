// An iterator that pops.
#pragma once

#include <inquest/push_error.hpp>

#include <cstddef>
#include <expected>
#include <iterator>
#include <memory>
#include <optional>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// Over the items that From pops.
template <class From, class T>
class item_iterator {
  public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    /// Pops from `from`, which must live as long.
    explicit item_iterator(From& from) noexcept : from_(&from) {}
    /// Takes the item that was popped, if any.
    item_iterator(item_iterator&&) = default;
    /// Takes the item that was popped, if any.
    item_iterator& operator=(item_iterator&&) = default;
    /// The item: the caller's own, to change or move from. Blocks and throws as `pop` does if it was not popped yet.
    T& operator*() const { return *popped_item(); }
    /// The same, for its members.
    T* operator->() const { return std::addressof(*popped_item()); }
    /// On to the next one, which is not popped yet. An item that was passed over without a look is popped here.
    item_iterator& operator++() {
        (void)popped_item();
        item_.reset();
        return *this;
    }
    /// The same.
    void operator++(int) { ++*this; }
    /// True once the stream has ended. Blocks as `*` does.
    friend bool operator==(const item_iterator& i, std::default_sentinel_t) {
        return !i.popped_item().has_value();
    }

  private:
    struct popped { // made in place: an item is moved out of the queue once, and is never lost between
        explicit popped(From& from) : value(from.pop()) {}
        std::expected<T, pop_error> value;
        /// A loop that is interrupted can look at nothing else: it goes on.
        [[nodiscard]] bool is_to_be_tried_again() const noexcept {
            return !value && value.error().status() == status::interrupted;
        }
    };
    std::expected<T, pop_error>& popped_item() const {
        if (!item_) {
            do item_.emplace(*from_);
            while (item_->is_to_be_tried_again());
            if (!item_->value) from_->note_end_of_loop(item_->value.error());
        }
        return item_->value;
    }
    From* from_;
    mutable std::optional<popped> item_;
};

}}} // namespace inquest::INQUEST_ABI::detail
