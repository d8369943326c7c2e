// The README's program: a worker fails, and the producer says why.
#include <inquest/inquest.hpp>

#include <iostream>
#include <string>

int main() {
    const auto add_up = [](inquest::receiver<int>& numbers) -> std::expected<int, std::string> {
        int sum = 0;
        while (auto n = numbers.pop()) {
            if (*n == 13) return std::unexpected("13 is not a number to add");
            sum += *n;
        }
        return sum;
    };
    auto [tx, rx] = inquest::make_channel<int>(4);
    auto worker = inquest::spawn("sum", std::move(rx), add_up);
    for (int i = 1; i <= 100; ++i)
        if (auto sent = tx.push(i); !sent) { // the worker is gone: ask why
            std::cerr << resolve(tx, worker, sent.error()).message() << '\n';
            return 1;
        }
    tx.finish(); // complete, not truncated
    std::cout << worker.join().value() << '\n';
}
