// expect: compiles
#include <inquest/inquest.hpp>

void start() {
    auto [tx, rx] = inquest::make_channel<int>(4);
    auto worker = inquest::spawn("source", [out = tx]() mutable { (void)out.push(1); });
    auto other = inquest::spawn("source", [tx]() mutable { (void)tx.push(1); });
}
