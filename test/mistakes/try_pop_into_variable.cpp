// expect: pop returns the item: write while (auto item = rx.pop()), and use *item
#include <inquest/inquest.hpp>

bool poll(inquest::channel<std::string>& queue, std::string& into) { return bool(queue.try_pop(into)); }
