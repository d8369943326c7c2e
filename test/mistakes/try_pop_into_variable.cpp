// expect: pop assigns to a variable of the channel's own item type, and returns the item if it is given none
#include <inquest/inquest.hpp>

bool poll(inquest::channel<std::string>& queue, std::optional<std::string>& into) {
    return bool(queue.try_pop(into));
}
