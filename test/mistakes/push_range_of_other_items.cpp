// expect: push_range takes items of the channel's own T: push others one by one, or make a std::vector<T> of them
#include <inquest/inquest.hpp>

bool send(inquest::sender<std::string>& tx) {
    const char* words[] = {"one", "two"};
    return tx.push_range(words).has_value();
}
