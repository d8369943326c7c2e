// Adds up the amounts in a file, each line "NAME AMOUNT", with eight workers. A bad line kills the worker that has it in hand, and
// with it the pool. The program says which line that was, takes back what the workers had not dealt with, skips the bad
// line, and goes on with another pool: the totals are those of all the other lines.
#include <inquest/inquest.hpp>

#include <atomic>
#include <charconv>
#include <cstddef>
#include <deque>
#include <expected>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

struct record {
    std::size_t line = 0; // its number in the file, from 1
    std::string text;
};

struct totals {
    std::atomic<std::size_t> records{0};
    std::atomic<long long> sum{0};
};

std::expected<long long, std::string> amount_of(const record& its) {
    const auto space = its.text.rfind(' ');
    if (space == std::string::npos) return std::unexpected("no amount");
    long long amount = 0;
    const char* const end = its.text.data() + its.text.size();
    const auto [stop, error] = std::from_chars(its.text.data() + space + 1, end, amount);
    if (error != std::errc() || stop != end) return std::unexpected("not an amount");
    return amount;
}

using adders = inquest::worker_pool<record, void, std::string>;

adders start_adders(totals& all) {
    return inquest::make_pool<record>(
        {.name = "add",
         .workers = 8,
         .capacity = 64,
         .describe_item = [](const record& its) { return std::to_string(its.line) + ": " + its.text; }},
        [&all](inquest::leasing_receiver<record>& records) -> std::expected<void, std::string> {
            for (const record& each : records) {
                const auto amount = amount_of(each);
                if (!amount) return std::unexpected(amount.error()); // with the record in hand
                all.sum += *amount;
                ++all.records;
            }
            return {};
        });
}

/// What is still to be dealt with: records that were taken back, and then the rest of the file.
class source {
  public:
    explicit source(std::istream& file) : file_(file) {}
    std::optional<record> next() {
        if (!back_.empty()) {
            record first = std::move(back_.front());
            back_.pop_front();
            return first;
        }
        record read{.line = line_ + 1, .text = {}};
        if (!std::getline(file_, read.text)) return std::nullopt;
        line_ = read.line;
        return read;
    }
    void give_back(std::deque<record>&& records) {
        back_.insert(back_.begin(), std::make_move_iterator(records.begin()),
                     std::make_move_iterator(records.end()));
    }

  private:
    std::istream& file_;
    std::size_t line_ = 0;
    std::deque<record> back_;
};

/// Why it went no further, if it has not come to the end. `refused` is a record that the pool did not take.
std::expected<void, inquest::failure<std::string>> add_up(source& from, adders& pool,
                                                          std::optional<record>& refused) {
    for (auto next = from.next(); next; next = from.next())
        if (auto sent = pool.push(std::move(*next)); !sent) {
            refused = std::move(next); // untouched
            return sent;
        }
    return pool.finish();
}

} // namespace

int main(int argc, char** argv) {
    if (argc == 2 && (std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h")) {
        std::cout
            << "usage: poison FILE\nAdds up the amounts in FILE, each line \"NAME AMOUNT\"; bad lines are "
               "named "
               "and skipped.\nExit status: 0 done, 1 not all could be done, 2 bad usage.\n";
        return 0;
    }
    if (argc != 2) {
        std::cerr << "usage: poison FILE\n";
        return 2;
    }
    std::ifstream file(argv[1]);
    if (!file || std::filesystem::is_directory(argv[1])) {
        std::cerr << "poison: can't read '" << argv[1] << "'\n";
        return 2;
    }

    totals all;
    source lines(file);
    std::size_t skipped = 0;
    for (;;) {
        auto pool = start_adders(all);
        std::optional<record> refused;
        const auto done = add_up(lines, pool, refused);
        if (done) break;
        std::cerr << "poison: " << done.error().message() << '\n';
        const auto skipped_before = skipped;
        std::deque<record> back;
        pool.recover([&](record&& its, const inquest::item_origin& from) {
            if (from.state == inquest::item_state::in_hand) {
                std::cerr << "poison: skipped line " << its.line << ": " << its.text << '\n';
                ++skipped;
            } else
                back.push_back(std::move(its));
        });
        if (skipped == skipped_before) return 1; // no line's fault: another pool would fail as well
        if (refused) back.push_back(*std::move(refused));
        std::cerr << "poison: " << back.size() << " lines taken back\n";
        lines.give_back(std::move(back));
    }
    if (file.bad()) {
        std::cerr << "poison: '" << argv[1] << "' could not be read to its end\n";
        return 1;
    }
    std::cout << all.records << " lines add up to " << all.sum << ", " << skipped << " skipped\n";
}
