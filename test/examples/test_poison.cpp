#include "../support/program.hpp"
#include "../support/support.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t line_count = 100'000;

/// A file of names and amounts, those lines excepted that are bad.
class accounts {
  public:
    explicit accounts(const std::set<std::size_t>& bad_lines) {
        std::ofstream out(path_);
        for (std::size_t line = 1; line <= line_count; ++line) {
            const auto amount = static_cast<long long>(line * 7919 % 100'003) - 50'000;
            out << "account-" << line % 97;
            if (bad_lines.contains(line))
                out << " seventeen\n";
            else {
                out << ' ' << amount << '\n';
                sum_ += amount;
            }
        }
        REQUIRE(out.flush());
    }
    ~accounts() { std::filesystem::remove(path_); }
    const std::string& path() const { return path_; }
    long long sum() const { return sum_; }

  private:
    const std::string path_ =
        (std::filesystem::temp_directory_path() / ("inquest-poison-" + std::to_string(::getpid()))).string();
    long long sum_ = 0;
};

support::outcome poison(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), support::from_build("POISON"));
    return support::run(arguments);
}

void check(const std::set<std::size_t>& bad_lines) {
    const accounts file(bad_lines);
    const auto run = poison({file.path()});
    CHECK(run.status == 0);
    CHECK(run.out == std::to_string(line_count - bad_lines.size()) + " lines add up to " +
                         std::to_string(file.sum()) + ", " + std::to_string(bad_lines.size()) + " skipped\n");
    for (const auto line : bad_lines) {
        const auto text = std::to_string(line) + ": account-" + std::to_string(line % 97) + " seventeen";
        CHECK(run.err.find("poison: skipped line " + text + '\n') != std::string::npos);
        // The failure itself names it as well: that of one of the workers that failed at once.
        if (bad_lines.size() == 1) {
            CHECK(run.err.starts_with("poison: worker 'add-"));
            CHECK(run.err.find("' failed on item " + std::to_string(line) + " (" + text +
                               "): not an amount\n") != std::string::npos);
        }
    }
    if (bad_lines.empty()) CHECK(run.err.empty());
}

} // namespace

TEST_CASE("one bad line among 100 000 is named and skipped, and the totals are those of all the others") {
    check({61'803});
}

TEST_CASE("a file without one") { check({}); }

TEST_CASE("the first line, and the last") {
    check({1});
    check({line_count});
}

TEST_CASE("several at once, and one in what was taken back") { check({1, 2, 3, 500, 530, 531, 99'999}); }

TEST_CASE("more than there are workers, in a row") {
    std::set<std::size_t> bad_lines;
    for (std::size_t line = 40'000; line < 40'020; ++line) bad_lines.insert(line);
    check(bad_lines);
}

TEST_CASE("bad usage") {
    CHECK(poison({}).status == 2);
    CHECK(poison({"/nonexistent"}).status == 2);
    CHECK(poison({"/"}).status == 2);
    CHECK(poison({"--help"}).status == 0);
}
