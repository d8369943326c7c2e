// Starting a worker.
#pragma once

#include <inquest/detail/worker_function.hpp>
#include <inquest/detail/worker_thread.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

struct spawner {
    /// `end` is the worker's receiver, or no_end.
    template <class Item, class End, class Fn>
    static auto start(worker_options&& options, End&& end, Fn&& fn) {
        using R = decltype(result_type_of<Item>(fn));
        using T = typename result_of<typename R::type>::value;
        using E = typename result_of<typename R::type>::error;
        refuse_empty(fn);
        auto program =
            std::make_unique<typed_worker_main<T, E, Fn, Item>>(std::move(options), std::forward<Fn>(fn));
        auto thread = std::make_unique<typed_worker_thread<T, E>>(*program, program->get_future());
        if constexpr (!std::is_void_v<Item>) {
            thread->attach(*program, handle_access::core(end));
            program->take_end(std::forward<End>(end));
        }
        thread->start(std::move(program));
        return worker<T, E>(std::move(thread));
    }

  private:
    template <class R>
    struct of {
        using type = std::remove_cv_t<R>;
    };
    template <class Item, class Fn>
    static auto result_type_of(Fn& fn) {
        if constexpr (std::is_void_v<Item>)
            return of<decltype(call_worker(fn, stop_token{}))>{};
        else
            return of<decltype(call_worker(fn, stop_token{}, std::declval<receiver<Item>&>()))>{};
    }
};

}}} // namespace inquest::INQUEST_ABI::detail
