#include "parcel.hpp"

#include <utility>

static_assert(__cplusplus == 201402L, "this is to be C++14");

std::string push_until_refused(parcels to, parcel& left, int& code) {
    for (int i = 1;; ++i) {
        parcel next(i, "parcel " + std::to_string(i));
        if (to.push(std::move(next))) continue;
        left = std::move(next); // it is as it was
        const auto why = to.why();
        code = why.code;
        return why.text;
    }
}

int use_every_push(numbers to) {
    using inquest::bridge::status;
    const int copied = 1;
    int failed = 0;
    failed += !to.push(copied);
    failed += !to.push_for(2, std::chrono::hours(1));
    failed += to.try_push(3).status() != status::full;
    failed += to.push_for(copied, std::chrono::milliseconds(1)).status() != status::timeout;
    failed += to.push_for(copied, std::chrono::duration<double>(-1)).status() != status::timeout;
    failed += to.size() != 2 || to.empty() || to.capacity() != 2 || to.is_closed();
    failed += !to.close() || to.close();
    failed += to.push(4).status() != status::closed;
    failed += to.why().text != "" || to.why().code != 0;
    numbers none;
    failed += none.push(1).status() != status::closed || !none.is_closed() || none.capacity() != 0;
    return failed;
}
