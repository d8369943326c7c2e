// expect: one thread, one worker: write std::move(w), or pass worker<T, E>&
#include <inquest/inquest.hpp>

void keep(inquest::worker<void, int>& worker) { auto mine = worker; }
