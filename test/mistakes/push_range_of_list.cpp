// expect: push_range takes items that lie side by side
#include <inquest/inquest.hpp>

#include <list>

bool send(inquest::sender<int>& tx, std::list<int>& items) { return tx.push_range(items).has_value(); }
