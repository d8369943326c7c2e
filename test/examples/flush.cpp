// Writes records to a file on a worker of its own, in batches, each synced to the disk. When the disk is full,
// main learns that from its next push, and every record is accounted for: on disk, or handed back.
#include "posix_file.hpp"

#include <inquest/inquest.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace {

constexpr std::size_t batch_bound = 64;
constexpr std::chrono::milliseconds longest_wait(100);
constexpr std::size_t most_records = 9'999'999; // their numbers have seven digits

/// What the worker has done and what it holds. The object is main's, and read there only once the worker was
/// joined: so the batch that the worker fails on isn't lost with it.
struct journal {
    std::vector<std::string> in_hand; // popped, and not complete on disk
    std::size_t complete = 0;         // records on disk
    std::size_t size = 0;             // their bytes: the file's length, but while a batch is written
    std::error_code not_cut;          // why more than these is left in the file, if anything is
};

using flusher = inquest::worker<std::size_t, std::error_code>;

/// Writes all of `bytes`; answers how many were written, fewer only with an error.
std::pair<std::size_t, std::error_code> write_all(posix_file& out, std::string_view bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto written = out.write(bytes.substr(done));
        if (!written) return {done, written.error()};
        done += *written;
    }
    return {done, {}};
}

/// Writes and syncs the records in hand. Those that are complete then are no longer in hand; whatever else
/// there is of the others in the file is cut off.
std::error_code commit(posix_file& out, journal& kept) {
    std::string bytes;
    for (const auto& record : kept.in_hand) bytes += record;
    auto [written, failed] = write_all(out, bytes);
    std::size_t whole = 0; // records of the batch
    std::size_t size = 0;  // their bytes
    while (whole < kept.in_hand.size() && size + kept.in_hand[whole].size() <= written)
        size += kept.in_hand[whole++].size();
    if (written > size) kept.not_cut = out.cut(kept.size + size);
    if (const auto not_synced = out.sync()) { // then nobody knows what of this batch is on disk
        if (!failed) failed = not_synced;
        if (written > 0) kept.not_cut = out.cut(kept.size);
        whole = size = 0;
    }
    kept.complete += whole;
    kept.size += size;
    kept.in_hand.erase(kept.in_hand.begin(), kept.in_hand.begin() + static_cast<std::ptrdiff_t>(whole));
    return failed;
}

std::expected<std::size_t, std::error_code> flush(inquest::receiver<std::string>& records, posix_file& out,
                                                  journal& kept) {
    // A batch is written when it is full, or when its first record has waited long enough.
    while (records.pop_batch(kept.in_hand, batch_bound, longest_wait))
        if (const auto failed = commit(out, kept)) return std::unexpected(failed);
    if (const auto failed = out.close()) return std::unexpected(failed);
    return kept.complete;
}

std::string make_record(std::size_t number) {
    std::string digits = std::to_string(number);
    digits.insert(0, 7 - digits.size(), '0');
    return "record " + digits + ' ' + std::string(number * 7 % 50, static_cast<char>('a' + number % 26)) +
           '\n';
}

struct production {
    std::size_t produced = 0;
    std::optional<std::string> refused; // produced, and not taken by the channel
};

std::expected<std::size_t, inquest::failure<std::error_code>>
produce(std::size_t count, inquest::sender<std::string>& tx, flusher& worker, production& made) {
    while (made.produced < count) {
        std::string record = make_record(++made.produced);
        if (auto sent = tx.push(std::move(record)); !sent) {
            made.refused = std::move(record); // a push that failed left it as it was
            return std::unexpected(inquest::resolve(tx, worker, sent.error()));
        }
    }
    tx.finish();
    return worker.join(); // the last batches are written after the last push, and may fail
}

std::optional<std::size_t> parse_count(std::string_view text) {
    std::size_t count = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || stop != text.data() + text.size() || count > most_records)
        return std::nullopt;
    return count;
}

/// The options, or the exit status to end with: 0 for --help, 2 for bad usage.
std::expected<std::size_t, int> parse_options(int argc, char** argv) {
    const auto usage = [](std::ostream& out) { out << "usage: flush FILE [COUNT]\n"; };
    const auto bad = [&](const std::string& why) {
        std::cerr << "flush: " << why << '\n';
        usage(std::cerr);
        return std::unexpected(2);
    };
    for (int i = 1; i < argc; ++i)
        if (std::string_view(argv[i]) == "--help" || std::string_view(argv[i]) == "-h") {
            usage(std::cout);
            std::cout
                << "Writes COUNT numbered records (default 10000) to FILE, each synced to the disk before "
                   "it\n"
                   "counts as complete. Where that fails, the records handed back go to standard output.\n"
                   "Exit status: 0 done, 1 failed, 2 bad usage.\n";
            return std::unexpected(0);
        }
    if (argc < 2) return bad("no file given");
    if (argc > 3) return bad("too many arguments: " + std::string(argv[3]));
    const auto count = parse_count(argc == 3 ? argv[2] : "10000");
    if (!count) return bad("not a number from 0 to " + std::to_string(most_records) + ": " + argv[2]);
    return *count;
}

} // namespace

int main(int argc, char** argv) {
    const auto count = parse_options(argc, argv);
    if (!count) return count.error();
    std::signal(SIGXFSZ, SIG_IGN); // a file too large is then an error like others: EFBIG
    auto file = posix_file::open(argv[1], O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) {
        std::cerr << "flush: can't open '" << argv[1] << "': " << file.error().message() << '\n';
        return 2;
    }

    journal kept; // before the worker that writes it: it goes after it
    auto [tx, rx] = inquest::make_channel<std::string>(256);
    auto worker =
        inquest::spawn("flush", std::move(rx),
                       [out = std::move(*file), &kept](inquest::receiver<std::string>& records) mutable {
                           return flush(records, out, kept);
                       });
    production made;
    const auto result = produce(*count, tx, worker, made);
    if (result) {
        std::cout << *result << " records complete on disk\n";
        return 0;
    }

    // The worker was joined. Oldest first: what it held, what is queued, what the channel refused.
    auto back = std::move(kept.in_hand);
    tx.recover([&](std::string&& record) { back.push_back(std::move(record)); });
    if (made.refused) back.push_back(*std::move(made.refused));
    for (const auto& record : back) std::cout << record;
    std::cerr << "flush: " << result.error().message() << '\n';
    std::cerr << "flush: " << kept.complete << " records complete on disk, " << back.size()
              << " handed back, " << made.produced << " produced\n";
    if (kept.not_cut)
        std::cerr << "flush: more than that is left in the file: " << kept.not_cut.message() << '\n';
    if (!std::cout.flush()) std::cerr << "flush: the records handed back could not be written\n";
    return 1;
}
