#include "platform.hpp"

#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/worker_main.hpp>
#include <inquest/hook.hpp>

#include <cerrno>
#include <new>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

namespace {

// A worker's thread while it is one: before its function runs and until the thread has ended, so that calls in the
// destructors of its thread-local objects still obey the worker's stop.
class running_worker {
  public:
    running_worker(worker_record& record, const stop_token& stop)
        : record_(record.shared_from_this()), on_stop_(stop, stopper{&record}) {
        current_worker = &record;
    }
    ~running_worker() { current_worker = nullptr; }
    running_worker(const running_worker&) = delete;
    running_worker& operator=(const running_worker&) = delete;

  private:
    struct stopper {
        worker_record* record;
        void operator()() const noexcept { record->interrupt(); }
    };
    std::shared_ptr<worker_record> record_;
    stop_callback<stopper> on_stop_; // the worker's only one
};

void begin_thread(worker_record& record, const stop_token& stop) {
    record.stop = stop;
    record.thread_serial = this_thread_serial();
    record.thread = platform::this_thread_number();
    record.identity->name_this_thread();
    until_thread_ends<running_worker>().emplace(record, stop);
}

// While a thread that is somebody else's runs a job. The stop of a worker that runs it is its own.
class job_scope {
  public:
    explicit job_scope(worker_record& record) : record_(record), on_stop_(begin(record), stopper{&record}) {
        current_worker = &record; // only now: a stop that came before is there
    }
    ~job_scope() {
        current_worker = record_.around;
        record_.around = nullptr; // that one may end before the last who knows this one
        record_.identity->leave();
    }
    job_scope(const job_scope&) = delete;
    job_scope& operator=(const job_scope&) = delete;

  private:
    struct stopper {
        worker_record* record;
        void operator()() const noexcept {
            record->announce_stop();
            record->interrupt();
        }
    };
    static const stop_token& begin(worker_record& record) noexcept {
        record.around = current_worker;
        if (record.around) record.stop = record.around->stop;
        record.thread_serial = this_thread_serial();
        record.thread = platform::this_thread_number();
        return record.stop;
    }
    worker_record& record_;
    kept_cancellation as_it_was_;    // the thread goes on, and can be cancelled if it could
    stop_callback<stopper> on_stop_; // destroyed first: that waits for the callback
};

// Makes the calling thread count as the worker's, for ends that are dropped here.
class current_worker_scope {
  public:
    explicit current_worker_scope(worker_record& record) noexcept : before_(current_worker) {
        current_worker = &record;
    }
    ~current_worker_scope() { current_worker = before_; }
    current_worker_scope(const current_worker_scope&) = delete;
    current_worker_scope& operator=(const current_worker_scope&) = delete;

  private:
    worker_record* before_;
};

} // namespace

worker_main::worker_main(worker_record* fresh, worker_options&& options)
    : record_(fresh), options_(std::move(options)) {}

worker_main::~worker_main() = default;

void worker_main::set_ends(const worker_end* first, std::size_t count) {
    ends_ = {first, count};
    for (const auto& [channel, pushed] : ends_)
        if (!*channel) refuse_moved_from(!pushed);
}

void worker_main::attach() {
    try {
        for (const auto& [channel, pushed] : ends_)
            if (pushed) record_->outputs.push_back((*channel)->serial());
        for (const auto& [channel, pushed] : ends_)
            if (!pushed) inputs_.attach(*channel, *record_);
    } catch (const std::bad_alloc&) {
        if (!inputs_.empty()) {
            (void)record_->observed_by.add(); // the exception says it
            never_started(ENOMEM);
        }
        throw;
    }
}

void worker_main::run(const stop_token& stop) {
    begin_thread(*record_, stop);
    if (!has_attributes()) return;
    if (options_.on_exception == on_exception::terminate)
        run_uncaught(stop);
    else
        run_function(stop);
}

// Gives the thread those of the options that can only be set from inside it. False if it can't be, which is the worker's end.
bool worker_main::has_attributes() noexcept {
    if (const auto& its = options_.thread.processors; !its.empty())
        if (const int problem = platform::set_processors(its)) {
            never_started(problem, "processors");
            return false;
        }
    if (const int problem = platform::set_priority(options_.thread.priority)) {
        never_started(problem, "priority");
        return false;
    }
    return true;
}

void worker_main::run_as_job() {
    const job_scope scope(*record_);
    try {
        run_function(record_->stop);
    } catch (...) { // a forced unwind, of which nobody is told in another way
        report_if_unobserved(*record_);
        throw;
    }
}

void worker_main::run_function(const stop_token& stop) {
    try {
        call(stop);
    } catch (...) {
        disable_cancellation();
        record_->set_current_exception();
        if (!record_->exception) { // pthread_exit or pthread_cancel: no exception of the language
            record_->kind = cause_kind::forced_unwind;
            finish();
            throw; // it must go on
        }
        record_->kind = cause_kind::exception;
    }
    disable_cancellation();
    finish();
}

// No handler stands between a throw and the top of the thread, so that the process ends at the throw, with the
// stack as it was. A forced unwind still passes, and finds the destructor.
void worker_main::run_uncaught(const stop_token& stop) {
    struct finisher {
        worker_main& self;
        ~finisher() {
            disable_cancellation();
            if (self.record_->kind == cause_kind::unexplained) // nothing was returned
                self.record_->kind = cause_kind::forced_unwind;
            self.finish();
        }
    } const at_end{*this};
    call(stop);
}

void worker_main::never_started(int system_error, const char* attribute) noexcept {
    record_->kind = cause_kind::never_started;
    record_->attribute = attribute;
    record_->system_error = system_error;
    const uncancelled guard;
    const current_worker_scope scope(*record_); // for ends that the function captured
    finish();
}

// Publishes the outcome, then destroys the function and what it captured, then fulfils what was promised.
void worker_main::finish() noexcept {
    if (record_->generation != fork_generation()) return; // the function forked, and this is the child
    publish(*record_, inputs_);
    for (const auto& [channel, pushed] : ends_)
        if (pushed && *channel) end_output(std::move(*channel), *pushed, *record_);
    if (record_->failed() && !record_->passes_on)
        report_eagerly(record_->as_cause()); // else it was reported before
    destroy_function();
    inputs_.reset(); // this may destroy the items that are left
    record_->fulfil_promise();
    if (record_->orphaned) drop_value();
    record_->done.open();
    if (record_->orphaned) report_if_unobserved(*record_);
}

void publish(worker_record& record, worker_inputs& inputs) noexcept {
    record.items = record.current_items();
    if (const auto* const from = record.last_from.get()) record.items_of = &from->name;
    record.consequence = record.saw_broken_stream;
    record.conclude();
    record.recorded = clock::now();
    record.identity->freeze();
    inputs.end(record);
    if (record.returned && record.observed_by.any()) record.observe_returned(); // its future was taken
}

}}} // namespace inquest::INQUEST_ABI::detail
