// What files of C++11, C++14, C++17 and C++23 share: an item as old code has it, and what each of them does.
#pragma once

#include <inquest/bridge.hpp>

#include <memory>
#include <string>

struct parcel {
    parcel() : number(0) {}
    parcel(int n, const std::string& its) : number(n), text(new std::string(its)) {}
    int number;
    std::unique_ptr<std::string> text; // can't be copied
};

typedef inquest::bridge::queue<parcel> parcels;
typedef inquest::bridge::queue<int> numbers;

/// C++14: pushes parcels until one is refused; then what the channel says, and the parcel that is left.
std::string push_until_refused(parcels to, parcel& left, int& code);
/// C++14: what becomes of copies and of calls that do not wait.
int use_every_push(numbers to);
/// C++11, without RTTI: pops to the end; the sum of the numbers, and how the stream has ended.
inquest::bridge::status add_up(numbers from, long& sum);
/// C++17, without RTTI: pops what there is, or waits for so long.
int use_every_pop(numbers from);
