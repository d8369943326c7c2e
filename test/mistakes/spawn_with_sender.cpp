// expect: let that capture everything else, and a sender by move
#include <inquest/inquest.hpp>

void start(inquest::sender<int> tx) {
    auto worker = inquest::spawn("source", std::move(tx), [](inquest::sender<int>& out) { out.finish(); });
}
