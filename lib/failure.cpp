#include <inquest/failure.hpp>

namespace inquest { inline namespace INQUEST_ABI {

failure<void>::failure(inquest::cause why, std::vector<inquest::cause> others)
    : cause_(std::move(why)),
      others_(others.empty() ? nullptr
                             : std::make_shared<const std::vector<inquest::cause>>(std::move(others))) {}
failure<void>::failure(const failure& other) noexcept = default;
failure<void>& failure<void>::operator=(const failure& other) noexcept = default;
failure<void>& failure<void>::operator=(failure&& other) noexcept = default;
failure<void>::~failure() = default;

}} // namespace inquest::INQUEST_ABI
