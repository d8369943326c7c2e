// expect: let this function return std::expected<T, failure<E>> with the worker's E, or with failure<>
#include <inquest/inquest.hpp>

std::expected<void, inquest::failure<std::error_code>> send(inquest::sender<int>& tx,
                                                            inquest::worker<void, int>& worker) {
    if (auto sent = tx.push(1); !sent) return std::unexpected(resolve(tx, worker, sent.error()));
    return {};
}
