// What two files of a program written long ago share. Built without RTTI.
#pragma once

#include <string>

using namespace std;

#include <inquest/inquest.hpp>
#include <inquest/macros.hpp>

using namespace inquest;

struct record {
    int number;
    string text;
};

// As such code has them: an enum without words.
enum old_error { old_ok, old_bad_record = 5 };

struct bad_record : runtime_error {
    explicit bad_record(int n) : runtime_error("bad record"), number(n) {}
    int number;
};

struct store {
    inquest::channel<record> queue{4};
    worker<int, old_error> writer;
    store();
};

worker<long, no_error> start_throwing(receiver<record> from);
expected<void, failure<old_error>> fill(store& into, int count);
