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

// What each worker does.
std::expected<totals, net_error> ask_server(const address& server, inquest::receiver<std::string>& lines) {
    line_client client(server);
    totals sum;
    for (const auto& line : lines) {
        auto answer = client.ask(line);
        if (!answer) return std::unexpected(answer.error());
        ++sum.lines;
        sum.bytes += answer->size();
    }
    if (auto end = lines.outcome(); !end)
        return std::unexpected(net_error{"stopped early", end.error().message()});
    return sum;
}

using enrichers = inquest::worker_pool<std::string, totals, net_error>;

std::expected<totals, inquest::failure<net_error>> enrich(std::istream& in, enrichers& pool,
                                                          std::vector<std::string>& undelivered) {
    for (std::string line; std::getline(in, line);)
        if (auto sent = pool.push(std::move(line)); !sent) {
            pool.recover([&](std::string&& queued) { undelivered.push_back(std::move(queued)); });
            undelivered.push_back(std::move(line)); // refused, and so untouched
            return std::unexpected(sent.error());
        }
    if (in.bad()) // not the end: the workers must not take it for that
        pool.close(inquest::cause("the input could not be read to its end"));
    const auto parts = pool.finish();
    if (!parts) return std::unexpected(parts.error());
    totals all;
    for (const auto& part : *parts) {
        all.lines += part.lines;
        all.bytes += part.bytes;
    }
    return all;
}

} // namespace

int main(int argc, char** argv) {
    auto options =
        parse_options(argc, argv, "enrich",
                      "Sends each line to a TCP server, reads one line back for each, and prints totals.");
    if (!options) return options.error();

    enrichers pool =
        inquest::make_pool<std::string>({.name = "enrich", .workers = 4, .capacity = 16},
                                        [server = options->server](inquest::receiver<std::string>& lines) {
                                            return ask_server(server, lines);
                                        });

    std::vector<std::string> undelivered;
    const auto result = enrich(options->input(), pool, undelivered);
    if (!result) {
        pool.recover([&](std::string&& line) { undelivered.push_back(std::move(line)); });
        std::cerr << "enrich: " << result.error().message() << '\n';
        std::cerr << "enrich: undelivered lines: " << undelivered.size() << '\n';
        return 1;
    }
    if (options->input_failed("enrich")) return 1;
    std::cout << result->lines << " lines enriched, " << result->bytes << " bytes received\n";
}
