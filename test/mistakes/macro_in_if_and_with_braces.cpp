// expect: compiles
#include <inquest/inquest.hpp>
#include <inquest/macros.hpp>

struct entry {
    int number;
    std::string text;
};

std::expected<void, inquest::failure<>> send(inquest::sender<entry>& tx, inquest::worker<void, int>& worker,
                                             bool first) {
    if (first)
        INQUEST_PUSH(tx, worker, {1, "one"});
    else
        INQUEST_PUSH(tx, worker, entry{2, "two"});
    return {};
}
