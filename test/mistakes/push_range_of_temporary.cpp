// expect: push_range leaves what was not accepted in its range: give that a name, and pass it without std::move
#include <inquest/inquest.hpp>

bool send(inquest::sender<int>& tx) { return tx.push_range(std::vector<int>{1, 2}).has_value(); }
