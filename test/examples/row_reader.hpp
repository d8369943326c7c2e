// Rows, one a line, from a file or a pipe.
#pragma once

#include "posix_file.hpp"
#include "stop_signals.hpp"
#include "table_row.hpp"

#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

class row_reader {
  public:
    row_reader(posix_file in, const stop_signals& stop) : in_(std::move(in)), stop_(stop) {}

    /// Waits until `next` knows what comes next. False if `other` has become readable before.
    bool wait(int other) {
        for (;;) {
            line_end_ = chunk_.find('\n', at_);
            if (line_end_ != std::string::npos || is_ended_ || stop_.signal() != 0) return true;
            pollfd all[3] = {{in_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}, {other, POLLIN, 0}};
            if (poll(all, 3, -1) < 0) continue; // by the signal that is seen then
            if (all[2].revents != 0) return false;
            if (all[0].revents != 0) read();
        }
    }
    /// The next row, or nothing: at the end, or at a stop when the lines that were read to their ends are used up.
    std::expected<std::optional<row>, std::string> next() {
        if (line_end_ ==
            std::string::npos) { // the last one may lack its end, but one that is not read to its end is none
            if (failed_) return std::unexpected("can't read: " + failed_.message());
            if (!is_ended_ || at_ == chunk_.size()) return std::nullopt;
            line_end_ = chunk_.size();
        }
        auto made = row_of(std::string_view(chunk_).substr(at_, line_end_ - at_), ++lines_);
        if (!made) return std::unexpected("line " + std::to_string(lines_) + " is no row: " + made.error());
        at_ = std::min(line_end_ + 1, chunk_.size());
        return *std::move(made);
    }

  private:
    void read() {
        chunk_.erase(0, std::exchange(at_, 0));
        const auto before = chunk_.size();
        chunk_.resize(before + 65536);
        const auto size = in_.read(std::span(chunk_).subspan(before));
        chunk_.resize(before + size.value_or(0));
        if (!size) failed_ = size.error();
        is_ended_ = size.value_or(0) == 0;
    }

    posix_file in_;
    const stop_signals& stop_;
    std::string chunk_; // read, and from at_ on not used up
    std::size_t at_ = 0, line_end_ = std::string::npos;
    std::uint64_t lines_ = 0;
    bool is_ended_ = false;
    std::error_code failed_;
};
