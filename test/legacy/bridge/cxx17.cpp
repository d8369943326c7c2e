#include "parcel.hpp"

static_assert(__cplusplus == 201703L, "this is to be C++17");
#if defined(BUILT_WITHOUT_RTTI) && defined(__GXX_RTTI)
#error "this is to be built without RTTI"
#endif

int use_every_pop(numbers from) {
    using inquest::bridge::status;
    int failed = 0, number = 0;
    failed += !from.pop(number) || number != 1;
    failed += !from.try_pop(number) || number != 2;
    failed += from.try_pop(number).status() != status::empty;
    failed += from.pop_for(number, std::chrono::milliseconds(1)).status() != status::timeout;
    failed += number != 2;
    failed += !from.close("a file of C++17 gave up");
    failed += from.close("again");
    failed += from.pop(number).status() != status::truncated;
    failed += from.pop_for(number, std::chrono::hours::max()).status() != status::truncated;
    return failed;
}
