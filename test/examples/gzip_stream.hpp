// A gzip file whose members don't say how long they are, inflated by one worker while others read and write.
#pragma once

#include "gzip_members.hpp"

#include <inquest/channel.hpp>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace gzip {

/// Makes blocks of the pieces of a file. What stands behind its last member is ignored as gzip does it, zeros without a word.
class stream_inflater {
  public:
    /// Whether there was a member before: then there may be none here.
    stream_inflater(bool any_member, inquest::sender<buffer>& out) : any_member_(any_member), out_(out) {}

    /// Returns once the file is inflated, or nobody wants more of it. The error says what is wrong with the file.
    std::expected<void, std::string> inflate_all(inquest::receiver<buffer>& in) {
        for (const buffer& piece : in) {
            auto left = piece.bytes();
            while (!left.empty() && at_ != place::garbage) {
                auto going = at_ == place::data ? inflate_some(left) : look_at_next(left);
                if (!going) return std::unexpected(std::move(going).error());
                if (!*going) return {};
            }
            if (at_ == place::garbage) break;
        }
        if (at_ != place::garbage && !in.outcome()) return {}; // whoever pushes has failed
        if (at_ == place::data || at_ == place::second_byte || !any_member_)
            return std::unexpected("unexpected end of file");
        if (block_.size() > 0) (void)pass_block_on();
        return {};
    }
    /// Whether something else than zeros stood behind the last member.
    [[nodiscard]] bool found_garbage() const noexcept { return at_ == place::garbage; }

  private:
    enum class place : unsigned char { between, second_byte, data, zeros, garbage };
    using going_on = std::expected<bool, std::string>; // false if nobody wants more

    going_on look_at_next(std::string_view& left) {
        const char next = left.front();
        left.remove_prefix(1);
        if (at_ == place::between && next == magic[0]) {
            at_ = place::second_byte;
        } else if (at_ == place::second_byte && next == magic[1]) {
            at_ = place::data;
            stream_.begin();
            auto begin = magic;
            return inflate_some(begin);
        } else if (!any_member_) {
            return std::unexpected("not in gzip format");
        } else {
            at_ = next == 0 && at_ != place::second_byte ? place::zeros : place::garbage;
        }
        return true;
    }
    going_on inflate_some(std::string_view& left) {
        stream_.read_from(left);
        const int result = stream_.go_on(block_);
        left.remove_prefix(left.size() - stream_.unread());
        if (result == Z_STREAM_END) {
            at_ = place::between;
            any_member_ = true;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return std::unexpected(stream_.why());
        }
        if (block_.room_left() > 0) return true;
        return pass_block_on();
    }
    bool pass_block_on() { return out_.push(std::exchange(block_, buffer(block_size))).has_value(); }

    static constexpr std::string_view magic = "\x1f\x8b";
    place at_ = place::between;
    bool any_member_;
    inquest::sender<buffer>& out_;
    inflate_stream stream_;
    buffer block_{block_size};
};

} // namespace gzip
