// A stage of a pipeline before it is run.
#pragma once

#include <inquest/detail/relay.hpp>
#include <inquest/detail/stage_function.hpp>
#include <inquest/detail/stage_workers.hpp>

#include <any>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// What a stage's function is, beside a copyable one of single items.
struct stage_traits {
    bool is_whole_stream = false, is_copyable = true, is_source = false, has_result = false;
};

/// A stage's function, or a copy of it, whatever its type.
class kept_function {
  public:
    kept_function() = default;
    virtual ~kept_function();
    kept_function(const kept_function&) = delete;
    kept_function& operator=(const kept_function&) = delete;
};
template <class Fn>
struct kept_function_of final : kept_function {
    explicit kept_function_of(Fn&& its) : fn(std::move(its)) {}
    Fn fn;
};

/// A stage before it is run, which is done in one of two ways.
class stage_plan : public stage_step {
  public:
    /// Throws std::invalid_argument for options that do not go with such a function, or with none.
    stage_plan(const stage_options& options, const stage_traits& function);
    ~stage_plan() override;
    [[nodiscard]] const stage_options& options() const noexcept { return options_; }
    [[nodiscard]] const stage_traits& traits() const noexcept { return traits_; }

    /// With threads of its own. In `joint` is the receiver that it reads, unless it is the source, and then that of what it makes, unless it is
    /// the sink. `path` stands before its name.
    virtual std::unique_ptr<stage_workers> make_workers(std::any& joint, std::string&& path) = 0;
    /// With threads that others share, which call `work`.
    void make_copies();

  protected:
    /// The function for one more of them.
    virtual std::unique_ptr<kept_function> next_function() = 0;
    [[nodiscard]] kept_function& function(std::size_t copy) noexcept { return *copies_[copy]; }
    [[nodiscard]] stage_place place(std::string&& path, shared_channel counted) const {
        return {options_, std::move(path), std::move(counted), traits_.is_source};
    }

  private:
    const stage_options options_;
    const stage_traits traits_;
    std::vector<std::unique_ptr<kept_function>> copies_;
};

/// One with such a function.
template <class Fn>
class plan_of : public stage_plan {
  public:
    plan_of(const stage_options& options, stage_traits function, Fn&& fn)
        : stage_plan(options, copyable(function)), fn_(std::move(fn)) {
        refuse_empty(fn_);
    }

  protected:
    static stage_traits copyable(stage_traits function) {
        function.is_copyable = std::is_copy_constructible_v<Fn>;
        return function;
    }
    /// The function for one more worker: a copy, and for the last one it itself, so that what it captured ends with the workers.
    Fn next_copy() {
        if constexpr (std::is_copy_constructible_v<Fn>)
            if (++given_ < options().parallelism) return fn_;
        return std::move(fn_);
    }
    Fn& copy(std::size_t which) noexcept { return static_cast<kept_function_of<Fn>&>(function(which)).fn; }

  private:
    std::unique_ptr<kept_function> next_function() override {
        return std::unique_ptr<kept_function>(new kept_function_of<Fn>(next_copy()));
    }

    Fn fn_;
    std::size_t given_ = 0;
};

/// The channel behind a stage. What is in it when the pipeline fails is destroyed, since nobody could ask for it.
template <class T>
std::pair<sender<T>, receiver<T>> make_joint(const stage_options& options) {
    return make_channel<T>(
        {.capacity = options.capacity, .name = options.name, .undelivered = undelivered::discard});
}

template <class To, class Fn>
class source_plan final : public plan_of<Fn> {
    static constexpr bool whole = !std::is_invocable_v<Fn&>;

  public:
    source_plan(const stage_options& options, Fn&& fn)
        : plan_of<Fn>(options, {.is_whole_stream = whole, .is_source = true}, std::move(fn)) {}

    std::unique_ptr<stage_workers> make_workers(std::any& joint, std::string&& path) override {
        auto [tx, rx] = make_joint<To>(this->options());
        const auto function = [this] {
            if constexpr (whole)
                return this->next_copy();
            else
                return source_of_items<To, Fn>(this->next_copy());
        };
        auto made = detail::make_workers(this->place(std::move(path), handle_access::core(rx)), function, tx);
        joint = std::move(rx);
        return made;
    }
    std::optional<failure<>> work([[maybe_unused]] std::size_t copy, std::unique_ptr<item_node> /*none*/,
                                  [[maybe_unused]] item_list& made) override {
        if constexpr (!whole) {
            auto returned = std::invoke(this->copy(copy));
            if (auto failed = failure_in(returned)) return failed;
            box_all<To>(made, value_in(returned));
        }
        return std::nullopt;
    }
};

template <class From, class To, class Fn>
class middle_plan final : public plan_of<Fn> {
    static constexpr bool whole = worker_callable<Fn, receiver<From>, sender<To>>;

  public:
    middle_plan(const stage_options& options, Fn&& fn)
        : plan_of<Fn>(options, {.is_whole_stream = whole}, std::move(fn)) {}

    std::unique_ptr<stage_workers> make_workers(std::any& joint, std::string&& path) override {
        const auto in = std::any_cast<receiver<From>>(std::move(joint));
        auto [tx, rx] = make_joint<To>(this->options());
        const auto& options = this->options();
        const auto order = options.ordered && options.parallelism > 1
                               ? std::make_shared<turnstile>(options.parallelism)
                               : nullptr;
        const auto function = [&] {
            if constexpr (whole)
                return this->next_copy();
            else
                return stage_of_items<From, To, Fn>(this->next_copy(), order);
        };
        joint = std::move(rx);
        auto made =
            detail::make_workers(this->place(std::move(path), handle_access::core(in)), function, in, tx);
        made->keep(tx.on_close(made->end_of_input()));
        return made;
    }
    std::optional<failure<>> work([[maybe_unused]] std::size_t copy,
                                  [[maybe_unused]] std::unique_ptr<item_node> item,
                                  [[maybe_unused]] item_list& made) override {
        if constexpr (!whole) {
            auto returned = std::invoke(this->copy(copy), boxed_item<From>::in(*item));
            if (auto failed = failure_in(returned)) return failed;
            box_all<To>(made, value_in(returned));
        }
        return std::nullopt;
    }
};

template <class From, class Fn>
class sink_plan final : public plan_of<Fn> {
    static constexpr bool whole = !std::is_invocable_v<Fn&, From&&>;

  public:
    sink_plan(const stage_options& options, Fn&& fn)
        : plan_of<Fn>(options, {.is_whole_stream = whole, .has_result = whole}, std::move(fn)) {}

    std::unique_ptr<stage_workers> make_workers(std::any& joint, std::string&& path) override {
        const auto in = std::any_cast<receiver<From>>(std::move(joint));
        const auto function = [this] {
            if constexpr (whole)
                return this->next_copy();
            else
                return sink_of_items<From, Fn>(this->next_copy());
        };
        return detail::make_workers(this->place(std::move(path), handle_access::core(in)), function, in);
    }
    std::optional<failure<>> work([[maybe_unused]] std::size_t copy,
                                  [[maybe_unused]] std::unique_ptr<item_node> item,
                                  item_list& /*none*/) override {
        if constexpr (!whole) {
            if constexpr (std::is_void_v<std::invoke_result_t<Fn&, From&&>>) {
                std::invoke(this->copy(copy), boxed_item<From>::in(*item));
            } else {
                auto returned = std::invoke(this->copy(copy), boxed_item<From>::in(*item));
                return failure_in(returned);
            }
        }
        return std::nullopt;
    }
};

}}} // namespace inquest::INQUEST_ABI::detail
