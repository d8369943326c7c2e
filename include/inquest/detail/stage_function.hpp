// What the workers of a pipeline run, made of functions of one item.
#pragma once

#include <inquest/channel.hpp>
#include <inquest/detail/item_list.hpp>
#include <inquest/detail/turnstile.hpp>
#include <inquest/failure.hpp>
#include <inquest/worker_options.hpp>

#include <concepts>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI {

/// What a stage's function returns to make several items of one, or none.
template <class T>
struct many {
    std::vector<T> items{}; ///< in their order
};

namespace detail {

/// What such a function returned: the value, and the error if it may fail.
template <class R>
struct returned_of {
    using value = R;
    using outcome = void;
};
template <class T, class E>
struct returned_of<std::expected<T, E>> {
    using value = T;
    using outcome = std::expected<void, E>;
};
template <class R>
using value_returned = typename returned_of<std::remove_cvref_t<R>>::value;
/// What the worker returns: nothing, or the error.
template <class R>
using outcome_of_stage = typename returned_of<std::remove_cvref_t<R>>::outcome;

/// Of which items what it returned consists.
template <class V>
struct items_in {
    using type = V;
};
template <class T>
struct items_in<std::optional<T>> {
    using type = T;
};
template <class T>
struct items_in<many<T>> {
    using type = T;
};
template <class R>
using item_returned = typename items_in<value_returned<R>>::type;

/// The failure in what a function returned, if it is one.
template <class R>
std::optional<failure<>> failure_in([[maybe_unused]] R& returned) {
    if constexpr (!std::is_void_v<outcome_of_stage<R>>) {
        if (!returned) {
            using error = typename std::remove_cvref_t<R>::error_type;
            if constexpr (std::derived_from<error, failure<>>)
                return std::move(returned).error();
            else
                return failure<error>(std::move(returned).error());
        }
    }
    return std::nullopt;
}
/// The value in it, if it is none.
template <class R>
auto&& value_in(R& returned) noexcept {
    if constexpr (std::is_void_v<outcome_of_stage<R>>)
        return std::move(returned);
    else
        return *std::move(returned);
}

template <class V>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class V>
inline constexpr bool is_many = false;
template <class T>
inline constexpr bool is_many<many<T>> = true;

/// Passes each item in a value on as T&&, as long as that returns true.
template <class T, class V, class Pass>
bool each_item(V&& value, const Pass& pass) {
    using its = std::remove_cvref_t<V>;
    if constexpr (is_optional<its> && !std::is_same_v<its, T>) {
        return !value || pass(*std::forward<V>(value));
    } else if constexpr (is_many<its> && !std::is_same_v<its, T>) {
        for (auto&& item : value.items)
            if (!pass(std::move(item))) return false;
        return true;
    } else {
        return pass(std::forward<V>(value));
    }
}
/// False if a push was refused.
template <class T, class V>
bool push_all(sender<T>& out, V&& value) {
    return each_item<T>(std::forward<V>(value),
                        [&](T&& item) { return out.push(std::move(item)).has_value(); });
}
/// Puts each into a box of its own.
template <class T, class V>
void box_all(item_list& into, V&& value) {
    (void)each_item<T>(std::forward<V>(value), [&](T&& item) {
        into.push(std::unique_ptr<item_node>(new boxed_item<T>(std::move(item))));
        return true;
    });
}

/// One to one, to none or to many; each of its workers has a copy of the function.
template <class From, class To, class Fn>
class stage_of_items {
    using returned = std::invoke_result_t<Fn&, From&&>;
    static constexpr bool may_fail = !std::is_void_v<outcome_of_stage<returned>>;

  public:
    /// `order` is null if items may overtake each other.
    stage_of_items(Fn&& fn, std::shared_ptr<turnstile> order)
        : fn_(std::move(fn)), order_(std::move(order)) {}

    auto operator()(receiver<From>& in, sender<To>& out) -> outcome_of_stage<returned> {
        while (auto item = in.pop()) {
            passage its(order_.get());
            auto made = std::invoke(fn_, *std::move(item));
            if constexpr (may_fail) {
                if (!made) return std::unexpected(std::move(made).error());
            }
            if (!its.comes() && !out.is_closed()) continue; // a failure, which ends the input
            if (!push_all(out, value_in(made))) break;
            its.pass();
        }
        return outcome_of_stage<returned>();
    }

  private:
    Fn fn_;
    std::shared_ptr<turnstile> order_;
};

/// Calls a function until it returns no more: an empty std::optional.
template <class To, class Fn>
class source_of_items {
    using returned = std::invoke_result_t<Fn&>;

  public:
    explicit source_of_items(Fn&& fn) : fn_(std::move(fn)) {}
    auto operator()(sender<To>& out) -> outcome_of_stage<returned> {
        for (;;) {
            auto made = std::invoke(fn_);
            if constexpr (!std::is_void_v<outcome_of_stage<returned>>) {
                if (!made) return std::unexpected(std::move(made).error());
            }
            auto&& item = value_in(made);
            if (!item || !push_all(out, std::move(item))) return outcome_of_stage<returned>();
        }
    }

  private:
    Fn fn_;
};

/// Calls a function with each item.
template <class From, class Fn>
class sink_of_items {
    using returned = std::invoke_result_t<Fn&, From&&>;

  public:
    explicit sink_of_items(Fn&& fn) : fn_(std::move(fn)) {}
    auto operator()(receiver<From>& in) -> outcome_of_stage<returned> {
        while (auto item = in.pop()) {
            if constexpr (std::is_void_v<outcome_of_stage<returned>>) {
                std::invoke(fn_, *std::move(item));
            } else {
                if (auto done = std::invoke(fn_, *std::move(item)); !done)
                    return std::unexpected(std::move(done).error());
            }
        }
        return outcome_of_stage<returned>();
    }

  private:
    Fn fn_;
};

} // namespace detail
}} // namespace inquest::INQUEST_ABI
