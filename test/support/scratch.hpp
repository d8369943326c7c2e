// A directory of a test's own, with what is in it.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace support {

/// A new directory, removed with its contents when this is destroyed.
class scratch {
  public:
    explicit scratch(const std::filesystem::path& in = std::filesystem::temp_directory_path()) {
        std::string name = (in / "inquest-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::system_error(errno, std::generic_category(), name);
        path_ = name;
    }
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    std::string path() const { return path_.string(); }
    /// The path of a file in it.
    std::string file(std::string_view name = "file") const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

inline std::string contents(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline void fill(const std::string& file, std::string_view text) {
    std::ofstream(file, std::ios::binary) << text;
}

} // namespace support
