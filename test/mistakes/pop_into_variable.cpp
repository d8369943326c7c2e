// expect: pop returns the item: write while (auto item = rx.pop()), and use *item
#include <inquest/inquest.hpp>

int drain(inquest::receiver<int>& rx) {
    int item = 0, sum = 0;
    while (rx.pop(item)) sum += item;
    return sum;
}
