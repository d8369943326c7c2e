// expect: a worker's result outlives its function: return it by value, not by reference
#include <inquest/inquest.hpp>

int& counter();

void start() { auto worker = inquest::spawn("counter", counter); }
