// The command line that `enrich` and `blind` share.
#pragma once

#include "line_client.hpp"

#include <expected>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string_view>

struct line_options {
    address server;
    std::unique_ptr<std::ifstream> file; // null: standard input

    std::istream& input() const { return file ? *file : std::cin; }
    /// True, and said, where reading ended by an error and not at the end of the input.
    bool input_failed(const char* program) const {
        if (!input().bad()) return false;
        std::cerr << program << ": the input could not be read to its end\n";
        return true;
    }
};

/// The options, or the exit status to end with: 0 for --help, 2 for bad usage.
inline std::expected<line_options, int> parse_options(int argc, char** argv, const char* program,
                                                      const char* what) {
    const auto usage = [&](std::ostream& out) { out << "usage: " << program << " HOST:PORT [FILE]\n"; };
    const auto bad = [&](std::string_view why, std::string_view which) {
        std::cerr << program << ": " << why << (which.empty() ? "" : ": ") << which << '\n';
        usage(std::cerr);
        return std::unexpected(2);
    };
    for (int i = 1; i < argc; ++i)
        if (std::string_view(argv[i]) == "--help" || std::string_view(argv[i]) == "-h") {
            usage(std::cout);
            std::cout << what
                      << "\nReads standard input where no FILE is given. Exit status: 0 done, 1 failed, 2 "
                         "bad usage.\n";
            return std::unexpected(0);
        }
    if (argc < 2) return bad("no server given", "");
    if (argc > 3) return bad("too many arguments", argv[3]);
    auto server = address::parse(argv[1]);
    if (!server) return bad("not HOST:PORT", argv[1]);
    line_options options{.server = std::move(*server), .file = nullptr};
    if (argc == 3) {
        options.file = std::make_unique<std::ifstream>(argv[2]);
        if (!*options.file || std::filesystem::is_directory(argv[2])) {
            std::cerr << program << ": can't read '" << argv[2] << "'\n";
            return std::unexpected(2);
        }
    }
    return options;
}
