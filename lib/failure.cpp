#include <inquest/failure.hpp>

namespace inquest { inline namespace INQUEST_ABI {

failure<void>::failure(inquest::cause why, std::vector<inquest::cause> others)
    : cause_(std::move(why)),
      context_(others.empty() ? nullptr
                              : std::make_shared<const detail::failure_context>(std::move(others))) {}
failure<void>::failure(const failure& its, std::source_location push_site, std::size_t undelivered)
    : cause_(its.cause_), context_(std::make_shared<const detail::failure_context>(
                              std::vector<inquest::cause>(its.also_failed().begin(), its.also_failed().end()),
                              push_site, undelivered)) {}
failure<void>::failure(const failure& other) noexcept = default;
failure<void>& failure<void>::operator=(const failure& other) noexcept = default;
failure<void>& failure<void>::operator=(failure&& other) noexcept = default;
failure<void>::~failure() = default;

std::span<const inquest::cause> failure<void>::also_failed() const noexcept {
    return context_ ? std::span(context_->others) : std::span<const inquest::cause>();
}

}} // namespace inquest::INQUEST_ABI
