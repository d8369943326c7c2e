#include "long_wait.hpp"
#include "platform.hpp"
#include "spinning.hpp"

#include <inquest/detail/channel_base.hpp>
#include <inquest/hook.hpp>

#include <algorithm>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

constinit thread_local worker_record* current_worker = nullptr;

std::uint64_t next_sequence() noexcept {
    static constinit atomic<std::uint64_t> last{0};
    return last.fetch_add(1) + 1;
}

std::uint64_t this_thread_serial() noexcept {
    static constinit atomic<std::uint64_t> last{0};
    thread_local const std::uint64_t mine = last.fetch_add(1) + 1;
    return mine;
}

channel_serial next_channel_serial() noexcept {
    static constinit atomic<channel_serial> last{no_channel};
    return last.fetch_add(1) + 1;
}

// --- names
// ---------------------------------------------------------------------------------------------------

struct worker_identity::registry {
    // Each name's bearers; the one at index i has the number i + 1. A place is free again when its bearer leaves.
    using bearers = std::vector<worker_identity*>;
    mutex guard;
    std::map<std::string, bearers, std::less<>> names;

    static registry& get() { return platform::process_wide<registry>(); }
    static const registry& made_at_load;
};

const worker_identity::registry& worker_identity::registry::made_at_load = get();

std::shared_ptr<worker_identity> worker_identity::enter(std::string name) {
    std::shared_ptr<worker_identity> self(new worker_identity(std::move(name)));
    registry& all = registry::get();
    const std::lock_guard lock(all.guard);
    auto at = all.names.find(self->name_);
    if (at == all.names.end()) at = all.names.emplace(self->name_, registry::bearers(1)).first;
    auto& bearers = at->second;
    const auto place = std::ranges::find(bearers, nullptr);
    self->slot_ = static_cast<std::size_t>(place - bearers.begin());
    if (place != bearers.end())
        *place = self.get();
    else
        bearers.push_back(self.get());
    self->entered_ = true;

    if (bearers.size() == 1) return self; // alone: no number
    self->number_ = static_cast<unsigned>(self->slot_) + 1;
    worker_identity* const first = bearers.front();
    if (first && first->number_ == 0 && !first->frozen_) {
        first->number_ = 1;
        if (first->has_thread_) platform::set_thread_name(first->thread_, first->thread_name());
    }
    return self;
}

worker_identity::~worker_identity() { leave(); }

void worker_identity::leave() noexcept {
    if (!entered_) return;
    registry& all = registry::get();
    const std::lock_guard lock(all.guard);
    if (!entered_.exchange(false)) return;
    const auto at = all.names.find(name_);
    auto& bearers = at->second;
    bearers[slot_] = nullptr;
    while (!bearers.empty() && !bearers.back()) bearers.pop_back();
    if (bearers.empty()) all.names.erase(at);
}

std::string worker_identity::display() const {
    const unsigned number = number_.load();
    return number == 0 ? name_ : name_ + '-' + std::to_string(number);
}

// Cut in the middle of the name rather than in its number, and never inside a UTF-8 character.
std::string worker_identity::thread_name() const {
    const unsigned number = number_.load();
    const std::string suffix = number == 0 ? std::string{} : '-' + std::to_string(number);
    std::size_t keep = std::min(name_.size(), platform::max_thread_name - suffix.size());
    while (keep > 0 && keep < name_.size() && (static_cast<unsigned char>(name_[keep]) & 0xC0) == 0x80)
        --keep;
    return name_.substr(0, keep) + suffix;
}

void worker_identity::name_this_thread() noexcept {
    const std::lock_guard lock(registry::get().guard);
    thread_ = platform::this_thread_handle();
    has_thread_ = true;
    platform::set_thread_name(thread_, thread_name());
}

void worker_identity::freeze() noexcept {
    const std::lock_guard lock(registry::get().guard);
    frozen_ = true;
    has_thread_ = false;
}

// --- the record
// ----------------------------------------------------------------------------------------------

namespace {

// The record of a worker that failed, if the cause is one's end; else null.
const cause_record* failed_worker(const cause& why) noexcept {
    const auto* record = record_of(why);
    return record && record->sequence != 0 && record->kind != cause_kind::finished ? record : nullptr;
}

} // namespace

void worker_record::note_ending(channel_serial channel, status ending, const cause& why) noexcept {
    if (is_published())
        return; // a thread-local's destructor: the outcome stands, and may be the cause itself
    if (ending == status::stopped) {
        saw_broken_stream = true;
        return;
    }
    if (attached_to == no_channel || attached_to == channel) ended_after.set(doing_last.get());
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
    upstream = named.why;
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
    upstream = its.cause();
    if (const auto* record = record_of(upstream)) share_value(*record);
}

bool worker_record::note_handed(std::uint64_t number) noexcept {
    if (std::ranges::find(handed, number) != handed.end()) return false;
    handed[handed_next++ % handed.size()] = number;
    return true;
}

// Either this sees the outcome published, or `publish` sees this.
void worker_record::observe_future() noexcept {
    observed_by.add();
    if (is_published()) observe_returned();
}

void worker_record::observe_returned() const noexcept {
    if (!returned) return;
    for (const cause& other : returned->also_failed())
        if (const auto* record = failed_worker(other)) record->observed_by.add();
    if (passes_on) record_of(returned->cause())->observed_by.add();
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

still_running worker_record::glance(clock::duration waited, cause known) const {
    auto now = activity::running;
    std::string channel;
    {
        const std::lock_guard lock(mutex_); // a blocked call can't leave its channel meanwhile
        now = is_published() ? activity::ending : blocked_.activity;
        if (blocked_.channel) channel = *blocked_.channel;
    }
    std::optional<item_range> on;
    if (const auto popped = current_items(); popped.last != 0) on = popped;
    return {identity->display(), now, std::move(channel), on, std::move(known), waited};
}

namespace {

// A worker's thread while it is one.
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

} // namespace

void begin_thread(worker_record& record, const stop_token& stop) {
    record.stop = stop;
    record.thread_serial = this_thread_serial();
    record.identity->name_this_thread();
    until_thread_ends<running_worker>().emplace(record, stop);
}

void publish(worker_record& record, channel_base* channel) noexcept {
    record.items = record.current_items();
    record.consequence = record.saw_broken_stream;
    record.identity->freeze();
    if (channel) {
        channel->worker_ended(record);
    } else {
        record.sequence = next_sequence();
        record.published.store(true);
    }
    if (record.returned && record.observed_by.any()) record.observe_returned(); // its future was taken
}

void wait_for_ending(worker_record& record, const std::weak_ptr<channel_base>& channel) {
    if (record.done.is_open()) return;
    wait_however_long([&](auto deadline) { return record.done.wait(deadline); },
                      [&](auto waited) { return record.glance(waited, known_cause(channel)); });
}

// To be woken costs the one who joins a multiple of what is left of the other's life.
void join_ended(jthread& thread) {
    spin([&] { return has_exited(thread); });
    thread.join();
}

bool is_draining(const std::weak_ptr<channel_base>& channel) noexcept {
    const auto alive = channel.lock();
    return alive && alive->is_draining();
}

cause known_cause(const std::weak_ptr<channel_base>& channel) noexcept {
    const auto alive = channel.lock();
    return alive ? alive->known_cause() : cause{};
}

void observe(const cause& handed_out) noexcept {
    const auto* record = failed_worker(handed_out);
    if (!record) return; // the hook is never told of it
    if (!current_worker) return record->observed_by.add();
    if (current_worker->note_handed(record->sequence)) record->observed_by.add_worker();
}

void observe(const failure<>& handed_out) noexcept {
    for (const cause& other : handed_out.also_failed()) observe(other);
    observe(handed_out.cause());
}

void report_if_unobserved(const std::shared_ptr<worker_record>& record) noexcept {
    if (!record->is_published() || !record->failed()) return;
    const auto leave = [](const cause& why) {
        if (const auto* its = failed_worker(why); its && its->observed_by.leave()) report_unobserved(why);
    };
    leave(record->as_cause());
    for (const cause& other : record->also_failed()) leave(other);
}

}}} // namespace inquest::INQUEST_ABI::detail
