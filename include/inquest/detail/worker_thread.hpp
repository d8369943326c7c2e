// Behind a worker handle: a worker's thread, and how it is waited for.
#pragma once

#include <inquest/detail/owned_thread.hpp>
#include <inquest/detail/worker_main.hpp>

#include <exception>
#include <expected>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

/// A worker's thread, but for what its function returns. Any thread may call any operation.
class worker_thread {
  public:
    /// May throw std::bad_alloc.
    explicit worker_thread(const worker_main& program);
    virtual ~worker_thread(); // after end_of_handle
    worker_thread(const worker_thread&) = delete;
    worker_thread& operator=(const worker_thread&) = delete;

    /// Starts it. If it can't be started, that is how the worker has ended.
    void start(std::unique_ptr<worker_main> program);
    bool request_stop() noexcept { return record_->request_stop(thread_); }

    [[nodiscard]] std::string name() const { return record_->identity->display(); }
    [[nodiscard]] thread_id id() const noexcept { return thread_.id(); }
    [[nodiscard]] thread_handle native_handle() const noexcept { return thread_.native_handle(); }
    /// It reads channels, but not this one.
    [[nodiscard]] bool reads_others_than(channel_serial channel) const noexcept {
        return !record_->inputs.empty() && !record_->is_attached_to(channel);
    }
    /// The outcome is there.
    [[nodiscard]] bool is_done() const noexcept { return record_->done.is_open(); }

    /// Why waiting from this thread could never end; null if it can be waited for.
    [[nodiscard]] const char* why_not_wait() const noexcept;
    /// Until the thread has ended. If that takes long, what is reported names `others` that are waited for as well.
    void wait(std::span<worker_thread* const> others = {});
    /// Until the outcome is there, or the deadline, and then false. With a deadline the thread is not joined: nobody
    /// knows how long the destructors of its thread-local objects take.
    bool wait(clock::time_point deadline, std::span<worker_thread* const> others = {});
    [[nodiscard]] activity doing() const noexcept { return record_->doing(); }
    /// What it is doing, for somebody who has waited since `since`.
    [[nodiscard]] still_running glance(clock::time_point since) const;

    // Once the outcome is there:

    /// The failure, which nobody has observed by that.
    [[nodiscard]] std::optional<failure<>> failed() const { return record_->as_failure(); }
    /// Some call of its told its function that a stream broke off, or was stopped.
    [[nodiscard]] bool broke_off() const noexcept { return record_->consequence; }
    /// Its function threw just this.
    [[nodiscard]] bool threw(const cause& why) const;

    /// Waits, then as `failed`, and that observes it; instead of waiting for ever, as `refused`.
    std::optional<failure<>> report();
    /// Instead of waiting for ever: the failure if it is known already, else the reason for not waiting.
    [[nodiscard]] failure<> refused(const char* why) const { return refusal(is_known_to_have_failed(), why); }

  protected:
    /// What the handle's destructor does: joins, or detaches the thread.
    void end_of_handle() noexcept;
    /// The failure if it is known, else the reason for not waiting.
    [[nodiscard]] failure<> refusal(bool known, const char* why) const;
    [[nodiscard]] bool is_known_to_have_failed() const noexcept {
        return record_->is_published() && record_->failed();
    }
    /// Once the outcome is there: the failure, or nothing; rethrows what the function threw.
    [[nodiscard]] std::optional<failure<>> failed_or_rethrow() const {
        return record_->as_failure_or_rethrow();
    }
    [[nodiscard]] worker_record& record() const noexcept { return *record_; }

  private:
    [[nodiscard]] bool is_left_behind() const noexcept { return record_->generation != fork_generation(); }
    /// Also in the destructors of thread-local objects, when its function is over.
    [[nodiscard]] bool is_this_thread() const noexcept {
        return record_->thread_serial.load() == this_thread_serial();
    }
    [[nodiscard]] cause no_wait(const char* why) const;

    const std::shared_ptr<worker_record> record_;
    std::vector<std::weak_ptr<channel_base>> channels_; // that it reads
    union {                                             // so that it can be left behind
        owned_thread thread_;                           // to be joined under `joining_` only
    };
    mutex joining_;
};

/// A std::promise of what a worker returns.
template <class T, class E>
class future_of_worker final : public promised_result {
  public:
    explicit future_of_worker(worker_outcome<T, E>& of) noexcept : outcome_(of) {}
    [[nodiscard]] std::future<std::expected<T, E>> future() { return promise_.get_future(); }

    /// Gives it the value itself, or a copy of the error.
    void fulfil() noexcept override {
        std::exception_ptr thrown = outcome_.exception;
        if (!thrown) try {
                if (auto& result = outcome_.result; result && result->has_value()) {
                    promise_.set_value(*std::move(result));
                    return outcome_.drop_value(); // what is left of it
                }
                if (const E* error = outcome_.returned_error())
                    return promise_.set_value(std::expected<T, E>(std::unexpect, *error));
                thrown = outcome_.as_ended();
            } catch (...) {
                thrown = std::current_exception(); // moving T, or copying E, threw
            }
        try {
            promise_.set_exception(std::move(thrown));
        } catch (...) { // it is fulfilled already
        }
    }

  private:
    worker_outcome<T, E>& outcome_; // which holds this, or whose handle's call this is
    std::promise<std::expected<T, E>> promise_;
};

/// What the handle of a worker<T, E> holds.
template <class T, class E>
class typed_worker_thread final : public worker_thread {
  public:
    using result_type = std::expected<T, failure<E>>;
    using timed_result = std::expected<std::reference_wrapper<const result_type>, still_running>;

    /// Of a typed_main<T, E>.
    explicit typed_worker_thread(const worker_main& program) : worker_thread(program) {}
    ~typed_worker_thread() override {
        end_of_handle();
        if (is_done()) outcome().drop_value(); // else the worker does so, at its end
    }
    typed_worker_thread(const typed_worker_thread&) = delete;
    typed_worker_thread& operator=(const typed_worker_thread&) = delete;

    result_type& join() {
        if (const char* why = why_not_wait()) return handed_out(refuse(why));
        wait();
        return result();
    }
    timed_result join(const time_limit& limit) {
        if (const char* why = why_not_wait()) return std::cref(handed_out(refuse(why)));
        if (!wait(limit.until)) return std::unexpected(glance(limit.since));
        return std::cref(result());
    }
    std::future<std::expected<T, E>> take_future() {
        const std::lock_guard lock(answering_);
        if (is_gone()) throw std::future_error(std::future_errc::no_state);
        auto promised = std::make_unique<future_of_worker<T, E>>(outcome());
        auto future = promised->future();
        record().promise(std::move(promised));
        is_promised_ = true;
        return future;
    }

  private:
    /// Once the outcome is there.
    result_type& result() {
        const std::lock_guard lock(answering_);
        if (joined_) return handed_out(*joined_);
        if (auto why = failed_or_rethrow())
            return handed_out(joined_.emplace(std::unexpect, typed_anew{}, *std::move(why)));
        if (lost_) std::rethrow_exception(lost_);
        if (is_promised_) throw std::future_error(std::future_errc::no_state);
        try {
            if constexpr (std::is_void_v<T>)
                return joined_.emplace();
            else
                return joined_.emplace(std::in_place, **std::move(outcome().result));
        } catch (...) {
            lost_ = std::current_exception();
            throw;
        }
    }
    result_type& refuse(const char* why) {
        const bool known = is_known_to_have_failed();
        const std::lock_guard lock(refusing_);
        auto& answer = known ? refused_failed_ : refused_;
        if (!answer) answer.emplace(std::unexpect, typed_anew{}, refusal(known, why));
        return *answer;
    }
    static result_type& handed_out(result_type& answer) noexcept {
        if (!answer) observe(answer.error());
        return answer;
    }

    /// The value: promised, or handed out.
    [[nodiscard]] bool is_gone() const noexcept {
        return is_promised_ || lost_ || (joined_ && joined_->has_value());
    }
    [[nodiscard]] worker_outcome<T, E>& outcome() const noexcept {
        return static_cast<worker_outcome<T, E>&>(record());
    }

    mutex answering_; // protects the three below
    bool is_promised_ = false;
    std::optional<result_type> joined_; // never changes once set
    std::exception_ptr lost_;           // what T threw when its value was moved to us

    mutex refusing_; // protects the two below
    std::optional<result_type> refused_, refused_failed_;
};

}}} // namespace inquest::INQUEST_ABI::detail
