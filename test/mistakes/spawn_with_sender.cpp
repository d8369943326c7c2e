// expect: compiles
#include <inquest/inquest.hpp>

void start(inquest::sender<int> tx) {
    auto worker = inquest::spawn("source", std::move(tx), [](inquest::sender<int>& out) { out.finish(); });
}
