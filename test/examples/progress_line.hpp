// How far a pipeline has come, as a line on a terminal that is written anew again and again.
#pragma once

#include <inquest/pipeline.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <iomanip>
#include <iostream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>

class progress_line {
  public:
    /// `position` returns how many bytes are done, of `size` if that is known.
    progress_line(std::function<std::uint64_t()> position, std::optional<std::uint64_t> size)
        : position_(std::move(position)), size_(size) {}
    /// Erases it.
    ~progress_line() { show({}); }
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;

    void draw(std::span<const inquest::stage_figures> stages) {
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun_;
        const auto done = static_cast<double>(position_());
        std::ostringstream line;
        line << std::fixed << std::setprecision(0);
        if (size_ && *size_ > 0) line << 100 * done / static_cast<double>(*size_) << "%, ";
        line << std::setprecision(1) << done / 1e6 / passed.count()
             << " MB/s, slowest: " << inquest::bottleneck(stages).name;
        show(line.str());
    }

  private:
    void show(const std::string& text) {
        const auto longer_before = shown_ > text.size() ? shown_ - text.size() : 0;
        if (shown_ + text.size() > 0)
            std::cerr << '\r' << text << std::string(longer_before, ' ') << std::flush;
        if (text.empty() && shown_ > 0) std::cerr << '\r' << std::flush;
        shown_ = text.size();
    }

    std::function<std::uint64_t()> position_;
    std::optional<std::uint64_t> size_;
    const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    std::size_t shown_ = 0;
};
