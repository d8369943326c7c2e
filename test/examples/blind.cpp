// The same program as `enrich`, on a queue as old code has it: a mutex, a deque, two condition variables, and
// a close(). When a worker fails, main learns that the queue is closed, and nothing else: compare the two.
#include "line_client.hpp"
#include "options.hpp"
#include "plain_queue.hpp"

#include <iostream>
#include <thread>
#include <vector>

namespace {

struct totals {
    std::size_t lines = 0;
    std::size_t bytes = 0;
};

} // namespace

int main(int argc, char** argv) {
    auto options = parse_options(
        argc, argv, "blind", "What `enrich` does, on a plain queue: see what is lost when a worker fails.");
    if (!options) return options.error();

    plain_queue<std::string> lines(16);
    std::vector<totals> sums(4);
    std::vector<std::jthread> workers;
    for (auto& sum : sums)
        workers.emplace_back([&lines, &sum, server = options->server] {
            line_client client(server);
            while (auto line = lines.pop()) {
                auto answer = client.ask(*line);
                if (!answer) return lines.close(); // the error ends here, where nobody looks
                ++sum.lines;
                sum.bytes += answer->size();
            }
        });

    for (std::string line; std::getline(options->input(), line);)
        if (!lines.push(line)) {
            std::cerr << "blind: queue closed\n"; // all there is to say
            return 1;
        }
    lines.close();
    workers.clear();
    if (options->input_failed("blind")) return 1;
    totals all;
    for (const auto& sum : sums) {
        all.lines += sum.lines;
        all.bytes += sum.bytes;
    }
    std::cout << all.lines << " lines enriched, " << all.bytes << " bytes received\n";
}
