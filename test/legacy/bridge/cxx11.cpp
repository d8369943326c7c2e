#include "parcel.hpp"

static_assert(__cplusplus == 201103L, "this is to be C++11");

inquest::bridge::status add_up(numbers from, long& sum) {
    int number = 0;
    for (;;) {
        const inquest::bridge::result popped = from.pop(number);
        if (!popped) return popped.status();
        sum += number;
    }
}
