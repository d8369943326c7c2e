// A limit to how many workers of a stage work at once.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

/// So many can be taken at the same time.
class places {
  public:
    explicit places(std::size_t number) : free_(number) {}

    /// One that is taken while this lives. Waits until there is one.
    class taken {
      public:
        explicit taken(places& from) : from_(from) {
            std::unique_lock lock(from_.guard_);
            from_.freed_.wait(lock, [&] { return from_.free_ > 0; });
            --from_.free_;
        }
        ~taken() {
            const std::lock_guard lock(from_.guard_);
            ++from_.free_;
            from_.freed_.notify_one();
        }
        taken(const taken&) = delete;
        taken& operator=(const taken&) = delete;

      private:
        places& from_;
    };

  private:
    std::mutex guard_;
    std::condition_variable freed_;
    std::size_t free_;
};

/// A stage's function that takes a place for each call.
template <class Fn>
class limited {
  public:
    limited(places& its, Fn fn) : places_(its), fn_(std::move(fn)) {}
    auto operator()(auto&& item) {
        const places::taken mine(places_);
        return fn_(std::forward<decltype(item)>(item));
    }

  private:
    places& places_;
    Fn fn_;
};
