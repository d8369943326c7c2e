// expect: compiles
#include <inquest/inquest.hpp>

// One's own function of that name is a better match, also if it is given an end of ours.
namespace own {

void spawn(const inquest::receiver<int>& rx, const std::function<void()>& fn);

void start(inquest::receiver<int>& rx) {
    spawn(rx, [] {});
}

} // namespace own
