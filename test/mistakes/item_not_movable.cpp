// expect: a channel's items are moved or copied: let it carry a std::unique_ptr to what can be neither
#include <inquest/inquest.hpp>

struct fixed {
    fixed() = default;
    fixed(fixed&&) = delete;
};

void start() {
    auto [tx, rx] = inquest::make_channel<fixed>(4);
    (void)tx.push(fixed());
}
