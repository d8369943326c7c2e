// Stages that make one gzip member of each block, and one block of each such member. The copy that a worker has of a stage keeps
// one zlib stream for all its items.
#pragma once

#include "buffer.hpp"
#include "gzip_header.hpp"

#include <cstring>
#include <expected>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <zlib.h>

namespace gzip {

/// A zlib stream, and where it reads and writes.
class zlib_stream {
  public:
    zlib_stream() = default;
    zlib_stream(const zlib_stream&) = delete;
    zlib_stream& operator=(const zlib_stream&) = delete;

    void read_from(std::string_view bytes) noexcept {
        z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data())); // zlib does not write there
        z_.avail_in = static_cast<uInt>(bytes.size());
    }
    [[nodiscard]] std::size_t unread() const noexcept { return z_.avail_in; }

  protected:
    ~zlib_stream() = default;
    /// Appends to `out` what `code` makes of the input.
    int append_to(buffer& out, auto code, int flush) {
        z_.next_out = reinterpret_cast<Bytef*>(out.end());
        z_.avail_out = static_cast<uInt>(out.room_left());
        const int result = code(&z_, flush);
        out.grow(out.room_left() - z_.avail_out);
        return result;
    }
    static void check(int result) {
        if (result != Z_OK) throw std::bad_alloc(); // the arguments are right
    }
    z_stream z_{};
};

/// Makes the data of one member after another, without what stands before and behind them.
class deflate_stream : public zlib_stream {
  public:
    explicit deflate_stream(int level) {
        check(deflateInit2(&z_, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY));
    }
    ~deflate_stream() { deflateEnd(&z_); }
    void begin() noexcept { deflateReset(&z_); }
    [[nodiscard]] std::size_t most_of(std::size_t bytes) {
        return deflateBound(&z_, static_cast<uLong>(bytes));
    }
    int finish(buffer& out) { return append_to(out, deflate, Z_FINISH); }
};

/// Reads one member after another, and checks them.
class inflate_stream : public zlib_stream {
  public:
    inflate_stream() { check(inflateInit2(&z_, MAX_WBITS + 16)); }
    ~inflate_stream() { inflateEnd(&z_); }
    void begin() noexcept { inflateReset(&z_); }
    int go_on(buffer& out) { return append_to(out, inflate, Z_NO_FLUSH); }
    /// After a result that is neither Z_OK nor Z_STREAM_END: why. Only of Z_BUF_ERROR it is not known.
    [[nodiscard]] std::string why() const {
        return z_.msg ? std::string("corrupt: ") + z_.msg : std::string("corrupt");
    }
};

/// The stage that makes members.
class block_deflater {
  public:
    explicit block_deflater(int level) : level_(level) {}
    block_deflater(const block_deflater& other) : level_(other.level_) {}
    block_deflater& operator=(const block_deflater&) = delete;
    block_deflater(block_deflater&&) = default;

    std::expected<buffer, std::string> operator()(const buffer& block) {
        if (!stream_) stream_ = std::make_unique<deflate_stream>(level_);
        stream_->begin();
        stream_->read_from(block.bytes());
        buffer member(header_size + stream_->most_of(block.size()) + trailer_size);
        char* const header_at = member.end();
        member.grow(header_size);
        if (stream_->finish(member) != Z_STREAM_END) return std::unexpected("deflate has failed");
        const auto* const data = reinterpret_cast<const Bytef*>(block.bytes().data());
        append_number(member, crc32_z(crc32_z(0, nullptr, 0), data, block.size()));
        append_number(member, block.size());
        const auto header = make_header(member.size(), level_ == 9   ? effort::most
                                                       : level_ == 1 ? effort::least
                                                                     : effort::usual);
        std::memcpy(header_at, header.data(), header.size());
        return member;
    }

  private:
    static void append_number(buffer& to, std::size_t number) {
        for (int i = 0; i < 4; ++i) to.end()[i] = static_cast<char>(number >> (8 * i) & 0xff);
        to.grow(4);
    }

    int level_;
    std::unique_ptr<deflate_stream> stream_; // made by the worker
};

/// The stage that makes blocks of members which were made here.
class member_inflater {
  public:
    member_inflater() = default;
    member_inflater(const member_inflater&) {}
    member_inflater& operator=(const member_inflater&) = delete;
    member_inflater(member_inflater&&) = default;

    std::expected<buffer, std::string> operator()(const buffer& member) {
        if (!stream_) stream_ = std::make_unique<inflate_stream>();
        stream_->begin();
        stream_->read_from(member.bytes());
        buffer block(block_size + 1); // with room to see that it holds more
        const int result = stream_->go_on(block);
        if (block.room_left() == 0) return std::unexpected("corrupt: a member holds more than it should");
        if (result == Z_STREAM_END && stream_->unread() == 0) return block;
        if (result == Z_STREAM_END || result == Z_OK || result == Z_BUF_ERROR)
            return std::unexpected("corrupt: a member is not as long as it says");
        return std::unexpected(stream_->why());
    }

  private:
    std::unique_ptr<inflate_stream> stream_; // made by the worker
};

} // namespace gzip
