// The command line of `squeeze`.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <expected>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unistd.h>

struct squeeze_options {
    bool decompress = false, test = false, to_standard_output = false, keep = false;
    int level = 6;
    std::size_t threads = std::max(1U, std::thread::hardware_concurrency());
    std::string file{}; // empty: standard input to standard output

    [[nodiscard]] bool makes_file() const noexcept { return !file.empty() && !to_standard_output && !test; }
};

constexpr std::string_view squeeze_suffix = ".gz";

/// The options, or the exit status to end with: 0 for --help, 2 for bad usage.
inline std::expected<squeeze_options, int> parse_squeeze_options(int argc, char** argv) {
    constexpr std::string_view usage = "usage: squeeze [-c] [-d] [-t] [-k] [-p THREADS] [-1..-9] [FILE]\n";
    const auto bad = [&](const std::string& why) {
        std::cerr << "squeeze: " << why << '\n' << usage;
        return std::unexpected(2);
    };
    squeeze_options given;
    const char* const known = ":cdtkp:123456789h-:";
    opterr = 0;
    for (int option = 0; (option = getopt(argc, argv, known)) != -1;) {
        switch (option) {
        case 'c':
            given.to_standard_output = true;
            break;
        case 'd':
            given.decompress = true;
            break;
        case 't':
            given.decompress = given.test = true;
            break;
        case 'k':
            given.keep = true;
            break;
        case 'p': {
            const std::string_view text = optarg;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), given.threads);
            if (error != std::errc() || end != text.data() + text.size() || given.threads < 1 ||
                given.threads > 1024)
                return bad("not a number of threads from 1 to 1024: " + std::string(text));
            break;
        }
        case '-':
            if (std::string_view(optarg) != "help") return bad("unknown option: --" + std::string(optarg));
            [[fallthrough]];
        case 'h':
            std::cout
                << usage
                << "Compresses FILE to FILE.gz, or -d FILE.gz to FILE, and removes what it was made of.\n"
                   "Without FILE, or if it is -, standard input to standard output.\n"
                   "  -c          to standard output, and keep FILE\n"
                   "  -d          decompress\n"
                   "  -t          decompress, but write nothing: is it whole?\n"
                   "  -k          keep FILE\n"
                   "  -p THREADS  so many at once (default: the number of processors)\n"
                   "  -1 to -9    fast to small (default: -6)\n"
                   "Exit status: 0 done, 1 failed, 2 bad usage, or trailing garbage ignored.\n";
            return std::unexpected(0);
        case ':':
            return bad(std::string("option needs an argument: -") + static_cast<char>(optopt));
        case '?':
            return bad(std::string("unknown option: -") + static_cast<char>(optopt));
        default:
            given.level = option - '0';
        }
    }
    if (argc - optind > 1) return bad("too many arguments: " + std::string(argv[optind + 1]));
    if (optind < argc && std::string_view(argv[optind]) != "-") {
        given.file = argv[optind];
        if (given.file.empty()) return bad("no name: ''");
    }
    return given;
}

/// What is made of FILE, or why nothing is.
inline std::expected<std::string, std::string> name_of_result(const squeeze_options& given) {
    const bool has_suffix = given.file.ends_with(squeeze_suffix);
    if (!given.decompress) {
        if (has_suffix) return std::unexpected("'" + given.file + "' already has the suffix .gz");
        return given.file + std::string(squeeze_suffix);
    }
    auto name = given.file.substr(0, given.file.size() - (has_suffix ? squeeze_suffix.size() : 0));
    if (!has_suffix || name.empty() || name.ends_with('/'))
        return std::unexpected("'" + given.file + "' is not the name of a file with the suffix .gz");
    return name;
}
