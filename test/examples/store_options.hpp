// The command line that `store_sqlite` and `store_postgres` share.
#pragma once

#include "posix_file.hpp"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <expected>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct store_options {
    std::size_t batch = 1000, capacity = 4000;
    std::chrono::milliseconds linger{100};
    std::chrono::seconds retry{0};
    bool plain = false;
    std::string place;
    std::optional<posix_file> file{}; // none: standard input
};

/// Reads the command line of a program of that name, whose database is named by `place`.
class store_command_line {
  public:
    store_command_line(std::string_view program, std::string_view place) : program_(program), place_(place) {}

    /// The options, or the exit status to end with: 0 for --help, 2 for bad usage.
    std::expected<store_options, int> parse(const std::vector<std::string_view>& arguments) const {
        store_options made;
        std::vector<std::string_view> names;
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            const auto argument = arguments[i];
            if (argument == "--help") return help();
            if (argument == "--plain") {
                made.plain = true;
            } else if (argument.starts_with("--")) {
                if (i + 1 == arguments.size()) return bad("no number after", argument);
                if (const auto status = set(made, argument, arguments[++i]); status != 0)
                    return std::unexpected(status);
            } else {
                names.push_back(argument);
            }
        }
        if (names.empty()) return bad("missing", place_);
        if (names.size() > 2) return bad("too many arguments", names[2]);
        made.place = names[0];
        if (names.size() == 2) {
            auto file = posix_file::open(std::string(names[1]).c_str(), O_RDONLY);
            if (!file) return bad("can't read '" + std::string(names[1]) + "'", file.error().message());
            made.file.emplace(*std::move(file));
        }
        return made;
    }

  private:
    int set(store_options& to, std::string_view option, std::string_view text) const {
        std::size_t value = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool may_be_0 = option == "--linger" || option == "--retry";
        if (error != std::errc() || stop != text.data() + text.size() || value > 1'000'000 ||
            (value == 0 && !may_be_0))
            return bad("not a number from " + std::string(may_be_0 ? "0" : "1") + " to 1000000", text)
                .error();
        if (option == "--batch")
            to.batch = value;
        else if (option == "--capacity")
            to.capacity = value;
        else if (option == "--linger")
            to.linger = std::chrono::milliseconds(value);
        else if (option == "--retry")
            to.retry = std::chrono::seconds(value);
        else
            return bad("no such option", option).error();
        return 0;
    }
    void usage(std::ostream& out) const {
        out << "usage: " << program_
            << " [--batch N] [--linger MS] [--capacity N] [--retry SECONDS] [--plain] " << place_
            << " [FILE]\n";
    }
    std::unexpected<int> bad(std::string_view why, std::string_view which) const {
        std::cerr << program_ << ": " << why << ": " << which << '\n';
        usage(std::cerr);
        return std::unexpected(2);
    }
    std::unexpected<int> help() const {
        usage(std::cout);
        std::cout <<
            R"(Reads rows, lines "KEY<TAB>TEXT" with a number as key, from FILE or standard input, and inserts them into the
table stored_rows. Each batch is one transaction, which also writes the number of the batch and how many rows of
the input are stored with it into the table stored_batches.

  --batch N        the most rows in a batch (1000)
  --linger MS      how long a row waits for its batch to fill (100)
  --capacity N     how many rows may wait for the batch that is being written (4000)
  --retry SECONDS  how long to wait for a database that is locked or has gone away (0)
  --plain          read and write in turns, on one thread

Each row is stored once: if the answer to a commit is lost, or this program is killed, the number of the last batch
says from where to go on. So start it again with the same input, from its beginning, to store the rest. Without such a
number in the transaction the promise would only be: at least once. A database takes the rows of one input.
SIGINT and SIGTERM end it when the rows that it has read are stored; a second signal ends it at once.
Exit status: 0 done, 1 failed, 2 bad usage, or that of the signal.
)";
        return std::unexpected(0);
    }

    std::string_view program_, place_;
};
