// What the library finds in place of the synchronisation types of std.
#pragma once

#include "breakages.hpp" // for the build: the library's copies are as new as this
#include "objects.hpp"

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace interleave {

class stop_source;

/// A stop request, and who is to hear of it.
class stop_state : public object {
  public:
    struct callback {
        std::function<void()> call;
        bool* gone = nullptr; // set if it destroys itself
        bool over = false;    // it has been called
    };
    [[nodiscard]] bool requested() const {
        take("looks whether a stop is requested of");
        return requested_;
    }
    bool request() {
        take("requests the stop of");
        if (std::exchange(requested_, true)) return false;
        runner_ = scheduler::get().self();
        while (!callbacks_.empty()) {
            running_ = callbacks_.front();
            callbacks_.pop_front();
            bool gone = false;
            running_->gone = &gone;
            running_->call();
            if (!gone) running_->over = true;
            running_ = nullptr;
        }
        return true;
    }
    /// False if the stop is requested already.
    bool enter(callback& its) {
        take("registers with");
        if (requested_) return false;
        callbacks_.push_back(&its);
        return true;
    }
    /// Not before a call of it elsewhere is over.
    void leave(callback& its) {
        take("deregisters with");
        callbacks_.remove(&its);
        if (running_ != &its) return; // it has not been called, or the call is over
        if (runner_ == scheduler::get().self()) {
            *its.gone = true;
            return;
        }
        scheduler::get().take(
            {.what = step::kind::until,
             .text = "waits for the callback of",
             .object = &its,
             .possible = [](const void* one) { return static_cast<const callback*>(one)->over; }});
    }

  private:
    bool requested_ = false;
    std::list<callback*> callbacks_;
    callback* running_ = nullptr;
    unsigned runner_ = 0;
};

class stop_token {
  public:
    stop_token() noexcept = default;
    [[nodiscard]] bool stop_requested() const noexcept { return state_ && state_->requested(); }
    [[nodiscard]] bool stop_possible() const noexcept { return state_ != nullptr; }

  private:
    friend class stop_source;
    template <class F>
    friend class stop_callback;
    explicit stop_token(std::shared_ptr<stop_state> state) : state_(std::move(state)) {}
    std::shared_ptr<stop_state> state_;
};

class stop_source {
  public:
    [[nodiscard]] stop_token get_token() const noexcept { return stop_token(state_); }
    bool request_stop() noexcept {
        const auto keep = state_;
        return keep && keep->request();
    }

  private:
    std::shared_ptr<stop_state> state_ = std::make_shared<stop_state>();
};

template <class F>
class stop_callback {
  public:
    template <class G>
    stop_callback(const stop_token& token, G&& call) : call_(std::forward<G>(call)), state_(token.state_) {
        entry_.call = [this] { call_(); };
        if (state_ && !state_->enter(entry_)) {
            state_.reset();
            call_();
        }
    }
    ~stop_callback() {
        if (state_) state_->leave(entry_);
    }
    stop_callback(const stop_callback&) = delete;
    stop_callback& operator=(const stop_callback&) = delete;

  private:
    F call_;
    std::shared_ptr<stop_state> state_;
    stop_state::callback entry_;
};
template <class F>
stop_callback(stop_token, F) -> stop_callback<F>;

/// What is to be done at the end of the calling thread's body: its carrier goes on to other schedules.
inline thread_local std::vector<void (*)()> at_end_of_body;

class jthread {
  public:
    jthread() noexcept = default;
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, jthread>)
    explicit jthread(F&& f) : number_(0), joinable_(true) {
        number_ = scheduler::get().start(
            [fn = std::decay_t<F>(std::forward<F>(f)), token = stop_.get_token()]() mutable {
                if constexpr (std::is_invocable_v<std::decay_t<F>&, stop_token>)
                    fn(std::move(token));
                else
                    fn();
                for (const auto end : std::exchange(at_end_of_body, {})) end();
            });
    }
    jthread(jthread&& other) noexcept
        : stop_(std::move(other.stop_)), number_(other.number_),
          joinable_(std::exchange(other.joinable_, false)) {}
    jthread& operator=(jthread&& other) noexcept {
        if (joinable_) request_stop(), join();
        stop_ = std::move(other.stop_);
        number_ = other.number_;
        joinable_ = std::exchange(other.joinable_, false);
        return *this;
    }
    ~jthread() {
        if (joinable_) request_stop(), join();
    }
    [[nodiscard]] bool joinable() const noexcept { return joinable_; }
    void join() {
        scheduler::get().take(
            {.what = step::kind::until, .text = "joins", .object = this, .possible = [](const void* self) {
                 return scheduler::get().is_over(static_cast<const jthread*>(self)->number_);
             }});
        if (!std::exchange(joinable_, false)) scheduler::get().fail("joins a thread that was joined");
    }
    void detach() { joinable_ = false; }
    bool request_stop() noexcept { return stop_.request_stop(); }

  private:
    stop_source stop_;
    unsigned number_ = 0;
    bool joinable_ = false;
};

} // namespace interleave

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

using mutex = interleave::mutex;
using condition_variable = interleave::condition_variable;
template <class T>
using atomic = interleave::atomic<T>;
using clock = interleave::clock;
inline constexpr bool explored = true;
inline void spin_hint() {}
inline bool one_processor() { return false; }
/// Lets some time pass, so that who spins comes to an end.
inline void yield() {
    auto& s = interleave::scheduler::get();
    s.take("yields", nullptr);
    s.time_is(s.now() + std::chrono::microseconds(1));
}
using jthread = interleave::jthread;
using thread_id = std::thread::id;
using thread_handle = std::thread::native_handle_type;
template <class T>
std::optional<T>& until_thread_ends() {
    static thread_local std::optional<T> kept;
    if (!kept) interleave::at_end_of_body.push_back([] { kept.reset(); });
    return kept;
}
using stop_source = interleave::stop_source;
using stop_token = interleave::stop_token;
template <class F>
using stop_callback = interleave::stop_callback<F>;

}}} // namespace inquest::INQUEST_ABI::detail
