#include <inquest/detail/worker_record.hpp>
#include <inquest/hook.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

constinit thread_local worker_record* current_worker = nullptr;

worker_record::worker_record(std::string name, on_destroy destroyed)
    : identity(worker_identity::enter(std::move(name))), drains(destroyed == on_destroy::drain) {
    who = identity;
}

worker_record::~worker_record() = default;

promised_result::~promised_result() = default;

const cause_record* failed_worker(const cause& why) noexcept {
    const auto* record = record_of(why).get();
    return record && record->sequence != 0 && record->kind != cause_kind::finished ? record : nullptr;
}

namespace {

// Nothing but the consequence of a failure that somebody was handed.
bool follows_from_known(const worker_record& record) noexcept {
    if (record.broken_count > 1) return false; // the cause names one of them only
    cause why = record.as_cause();
    while (why.kind() == cause_kind::broken_stream) {
        why = why.upstream();
        if (const auto* its = failed_worker(why); its && its->observed_by.any()) return true;
    }
    return false;
}

} // namespace

void worker_record::note_refused_push(channel_serial channel, const cause& why) noexcept {
    if (is_published()) return; // a destructor, or a function of on_close: the outcome stands
    saw_broken_stream = true;
    if (std::ranges::find(outputs, channel) == outputs.end()) return;
    was_refused = true;
    if (!refused_by) refused_by = why;
}

void worker_record::note_ending(channel_serial channel, status ending, const cause& why) noexcept {
    if (is_published())
        return; // a thread-local's destructor: the outcome stands, and may be the cause itself
    if (ending == status::stopped) {
        saw_broken_stream = true;
        return;
    }
    const auto at = std::ranges::find(inputs, channel, &input::channel);
    const auto* const from = last_from.get();
    if (inputs.empty() || (at != inputs.end() && (!from || from->channel == channel)))
        ended_after.set(last_item.get());
    if (at != inputs.end()) {
        at->complete = ending == status::complete;
        at->broken = !at->complete;
        if (at->broken) at->why = why;
    }
    if (ending == status::complete) return;
    saw_broken_stream = true;
    const auto seen = std::span(broken).first(std::min(broken_count, broken.size()));
    if (std::ranges::find(seen, channel, &broken_stream::channel) != seen.end()) return;
    if (broken_count < broken.size()) broken[broken_count] = {channel, why, ending};
    ++broken_count;
}

void worker_record::acknowledge(channel_serial channel) noexcept {
    for (auto& one : broken)
        if (one.channel == channel) one.known = true;
}

void worker_record::record_success() noexcept {
    kind = cause_kind::finished;
    if (stop_requested()) return;
    const auto first =
        std::ranges::find_if(broken, [](const auto& one) { return one.channel != no_channel && !one.known; });
    if (first == broken.end() && broken_count <= broken.size()) return;
    const auto& named = first == broken.end() ? broken.front() : *first;
    kind = cause_kind::broken_stream;
    upstream = record_of(named.why);
    broken_ending = named.ending;
}

void worker_record::record_failure(const failure<>& its) noexcept {
    kind = cause_kind::error;
    returned.emplace(its);
    const auto pass_on = [this](const cause& why) {
        const auto* record = failed_worker(why);
        if (!record) return false;
        const auto at = std::ranges::find(handed, record->sequence);
        const bool counted = at != handed.end();
        if (counted) *at = 0;
        record->observed_by.pass_on(counted);
        return true;
    };
    passes_on = pass_on(its.cause());
    for (const cause& other : its.also_failed()) (void)pass_on(other);
    if (passes_on) return;
    upstream = record_of(its.cause());
    if (upstream) share_value(*upstream);
}

// Not complete: what a function has pushed that was asked to stop, or that gave up because a push of its own was refused or its last
// pop interrupted, unless it had come to the end of every input; nor if an input broke off.
void worker_record::conclude() noexcept {
    const auto broke = std::ranges::find_if(inputs, &input::broken);
    const bool gave_up = stop_requested() || was_refused || interrupted_after == last_item.get();
    has_completed = kind == cause_kind::finished && broke == inputs.end() &&
                    (!gave_up || (!inputs.empty() && std::ranges::all_of(inputs, &input::complete)));
    because_of = broke != inputs.end() && broke->why ? broke->why : refused_by;
}

bool worker_record::note_handed(std::uint64_t number) noexcept {
    if (std::ranges::find(handed, number) != handed.end()) return false;
    handed[handed_next++ % handed.size()] = number;
    return true;
}

cause worker_record::as_cause() const { return passes_on ? returned->cause() : to_cause(shared_from_this()); }

std::optional<failure<>> worker_record::as_failure() const {
    if (!failed()) return std::nullopt;
    const auto others = also_failed();
    return failure<>(as_cause(), std::vector<cause>(others.begin(), others.end()));
}

std::optional<failure<>> worker_record::as_failure_or_rethrow() const {
    if (kind == cause_kind::exception) {
        observe(as_cause());
        std::rethrow_exception(exception);
    }
    return as_failure();
}

cause worker_record::root() const noexcept { return because_of || !failed() ? because_of : as_cause(); }

std::span<const cause> worker_record::also_failed() const noexcept {
    return returned ? returned->also_failed() : std::span<const cause>();
}

std::exception_ptr worker_record::as_ended() const noexcept {
    try {
        return std::make_exception_ptr(ended(as_cause()));
    } catch (...) { // no memory for the text
        return std::current_exception();
    }
}

void worker_record::promise(std::unique_ptr<promised_result> result) noexcept {
    // Either this sees the outcome published, or `publish` sees this.
    (void)observed_by.add();
    if (is_published()) observe_returned();
    {
        const std::lock_guard lock(mutex_);
        if (!too_late_to_promise_) {
            promised_ = std::move(result);
            return;
        }
    }
    result->fulfil();
}

void worker_record::fulfil_promise() noexcept {
    std::unique_ptr<promised_result>
        its; // destroyed here, with what is in it, before the worker counts as done
    {
        const std::lock_guard lock(mutex_);
        too_late_to_promise_ = true;
        its = std::move(promised_);
    }
    if (its) its->fulfil();
}

void worker_record::observe_returned() const noexcept {
    if (!returned) return;
    for (const cause& other : returned->also_failed())
        if (const auto* record = failed_worker(other)) (void)record->observed_by.add();
    if (passes_on) (void)record_of(returned->cause())->observed_by.add();
}

void worker_record::attach(channel_serial channel, const std::string& name) {
    inputs.emplace_back(channel, name);
    unstopped_channel.set(inputs.size() == 1 ? channel : not_one);
}

const worker_record::input* worker_record::find_input(channel_serial channel) const noexcept {
    const auto at = std::ranges::find(inputs, channel, &input::channel);
    return at == inputs.end() ? nullptr : std::to_address(at);
}

bool worker_record::is_inside(channel_serial channel) const noexcept {
    return is_attached_to(channel) || (around && around->is_inside(channel));
}

bool worker_record::is_beside(const worker_record& other) const noexcept {
    return std::ranges::any_of(other.inputs, [this](const auto& one) { return is_inside(one.channel); });
}

// A call that registers after our look sees the token stopped: it asks after that, and the token came first.
void worker_record::interrupt() noexcept {
    const std::lock_guard lock(mutex_);
    if (blocked_.node) blocked_.node->interrupt();
}

worker_record::blocked_at worker_record::set_blocked(const blocked_at& where) noexcept {
    const std::lock_guard lock(mutex_);
    return std::exchange(blocked_, where);
}

bool worker_record::pops_from(const std::string& channel) const noexcept {
    const std::lock_guard lock(mutex_);
    return blocked_.activity == activity::popping && blocked_.channel == &channel;
}

activity worker_record::doing() const noexcept {
    const std::lock_guard lock(mutex_);
    return doing_now();
}

still_running worker_record::glance(clock::duration waited, cause known) const {
    auto now = activity::running;
    std::string channel;
    {
        const std::lock_guard lock(mutex_); // a blocked call can't leave its channel meanwhile
        now = doing_now();
        if (blocked_.channel) channel = *blocked_.channel;
    }
    std::optional<item_range> on;
    if (const auto popped = current_items(); popped.last != 0) on = popped;
    return {identity->display(), now, std::move(channel), on, std::move(known), waited};
}

void observe(const cause& handed_out) noexcept {
    const auto* record = failed_worker(handed_out);
    if (!record) return; // it is never reported to the hook
    if (!current_worker)
        (void)record->observed_by.add();
    else if (current_worker->note_handed(record->sequence))
        record->observed_by.add_worker();
}

void observe(const failure<>& handed_out) noexcept {
    for (const cause& other : handed_out.also_failed()) observe(other);
    observe(handed_out.cause());
}

void report_if_unobserved(const worker_record& record) noexcept {
    if (!record.is_published() || !record.failed()) return;
    const auto is_unobserved = [](const cause& why) {
        const auto* its = failed_worker(why);
        return its && its->observed_by.leave();
    };
    if (is_unobserved(record.as_cause()) && !follows_from_known(record)) report_unobserved(record.as_cause());
    for (const cause& other : record.also_failed())
        if (is_unobserved(other)) report_unobserved(other);
}

void observe_ending(const cause& why) noexcept {
    if (failed_worker(why))
        observe(why);
    else if (const auto& record = record_of(why))
        (void)record->observed_by.add();
}

void report_if_nobodys(const cause& why) noexcept {
    if (!why || failed_worker(why) || why.kind() == cause_kind::finished) return;
    if (record_of(why)->observed_by.add()) report_unobserved(why);
}

}}} // namespace inquest::INQUEST_ABI::detail
