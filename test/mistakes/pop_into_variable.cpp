// expect: pop assigns to a variable of the channel's own item type, and returns the item if it is given none
#include <inquest/inquest.hpp>

long drain(inquest::receiver<int>& rx) {
    long item = 0, sum = 0;
    while (rx.pop(item)) sum += item;
    return sum;
}
