// Bytes in memory that nobody has to fill before they are read into.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

class buffer {
  public:
    /// Empty, with room for so many.
    explicit buffer(std::size_t room) : at_(std::make_unique_for_overwrite<char[]>(room)), room_(room) {}

    [[nodiscard]] std::string_view bytes() const noexcept { return {at_.get(), size_}; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t room_left() const noexcept { return room_ - size_; }
    /// Where the next byte goes.
    [[nodiscard]] char* end() noexcept { return at_.get() + size_; }
    /// So many bytes were written there.
    void grow(std::size_t by) noexcept { size_ += by; }

  private:
    std::unique_ptr<char[]> at_;
    std::size_t room_, size_ = 0;
};
