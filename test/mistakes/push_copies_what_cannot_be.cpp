// expect: an item that cannot be copied is moved in: write push(std::move(item))
#include <inquest/inquest.hpp>

bool send(inquest::sender<std::unique_ptr<int>>& tx, std::unique_ptr<int> item) {
    return tx.push(item).has_value();
}
