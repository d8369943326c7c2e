// expect: an item that cannot be copied is moved in: write push(std::move(item))
#include <inquest/inquest.hpp>

bool send(inquest::sender<std::unique_ptr<int>>& tx, const std::vector<std::unique_ptr<int>>& items) {
    return tx.push_range(items).has_value();
}
