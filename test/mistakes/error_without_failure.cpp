// expect: let this function return std::expected<T, failure<E>> with the worker's E, or with failure<>
#include <inquest/inquest.hpp>
#include <inquest/macros.hpp>

std::expected<void, std::error_code> send(inquest::sender<int>& tx,
                                          inquest::worker<void, std::error_code>& worker) {
    INQUEST_PUSH(tx, worker, 1);
    return {};
}
