// Sends each line of a file through a TCP server, with four workers on one channel. When a worker fails, the
// producer's next push fails, and the program says in the worker's own words why.
#include "line_client.hpp"
#include "options.hpp"

#include <inquest/inquest.hpp>

#include <iostream>
#include <vector>

namespace {

struct totals {
    std::size_t lines = 0;
    std::size_t bytes = 0;
};

using enricher = inquest::worker<totals, net_error>;

enricher start(const address& server, const inquest::receiver<std::string>& rx) {
    return inquest::spawn(
        "enrich", rx, [server](inquest::receiver<std::string>& lines) -> std::expected<totals, net_error> {
            line_client client(server);
            totals sum;
            for (const auto& line : lines) {
                auto answer = client.ask(line);
                if (!answer) return std::unexpected(answer.error());
                ++sum.lines;
                sum.bytes += answer->size();
            }
            if (auto end = lines.ended(); end->status() != inquest::status::complete)
                return std::unexpected(net_error{"stopped early", end->message()});
            return sum;
        });
}

std::expected<totals, inquest::failure<net_error>> enrich(std::istream& in, inquest::sender<std::string>& tx,
                                                          std::vector<enricher>& workers,
                                                          std::vector<std::string>& undelivered) {
    for (std::string line; std::getline(in, line);)
        if (auto sent = tx.push(std::move(line)); !sent) {
            undelivered.push_back(std::move(line)); // refused, and so untouched
            return std::unexpected(inquest::resolve_first(tx, workers, sent.error()));
        }
    if (in.bad()) // not the end: the workers must not take it for that
        tx.close(inquest::cause("the input could not be read to its end"));
    tx.finish();
    // A failure in the last items comes after the last push: it is found here, not by a push.
    if (auto failed = inquest::report(workers)) return std::unexpected(*failed);
    totals all;
    for (auto& worker : workers) {
        const auto& part = worker.join();
        all.lines += part->lines;
        all.bytes += part->bytes;
    }
    return all;
}

} // namespace

int main(int argc, char** argv) {
    auto options =
        parse_options(argc, argv, "enrich",
                      "Sends each line to a TCP server, reads one line back for each, and prints totals.");
    if (!options) return options.error();

    auto [tx, rx] = inquest::make_channel<std::string>(16);
    std::vector<enricher> workers;
    for (int i = 0; i < 4; ++i) workers.push_back(start(options->server, rx));

    std::vector<std::string> undelivered;
    const auto result = enrich(options->input(), tx, workers, undelivered);
    if (!result) {
        tx.recover([&](std::string&& line) { undelivered.push_back(std::move(line)); });
        std::cerr << "enrich: " << result.error().message() << '\n';
        std::cerr << "enrich: undelivered lines: " << undelivered.size() << '\n';
        return 1;
    }
    if (options->input_failed("enrich")) return 1;
    std::cout << result->lines << " lines enriched, " << result->bytes << " bytes received\n";
}
