// expect: the ends of a channel come from make_channel<T>(16), and a channel<T> from its capacity
#include <inquest/inquest.hpp>

void start() { inquest::channel<int> queue; }
