#include <inquest/detail/cancellation.hpp>
#include <inquest/detail/relay.hpp>
#include <inquest/detail/worker_record.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

stage_step::~stage_step() = default;

struct relay::station {
    explicit station(const relay_stage& its)
        : stage(its), finished(its.ordered && its.parallelism > 1 ? its.capacity + its.parallelism : 0) {
        for (auto copy = its.parallelism; copy-- > 0;) idle_copies.push_back(copy);
    }

    [[nodiscard]] std::size_t busy() const noexcept {
        return stage.parallelism - idle_copies.size() - failed;
    }

    relay_stage stage;
    item_list waiting{};
    std::vector<std::size_t> idle_copies{}; // the one that was used last is used next
    std::size_t failed = 0;                 // copies
    std::uint64_t begun = 0; // items; their numbers are from 1, in the order in which they came

    // If its order is to be restored, what was made of item n is in `finished` at n modulo its size until it is that item's turn. It
    // can't be there twice: see has_room_behind.
    struct finished_item {
        bool is_there = false;
        item_list made{};
        // Counted even if nothing was made of it, since its place is taken.
        [[nodiscard]] std::size_t size() const noexcept { return std::max<std::size_t>(made.size(), 1); }
    };
    std::vector<finished_item> finished;
    std::uint64_t handed_on = 0; // the last item
    std::size_t held_back = 0;   // the size of all that is there
};

/// What a thread is about to do, or does, with an item at a stage: made under the lock. If it is destroyed before it is done, it has failed.
struct relay::in_hand {
    in_hand(relay& relay, std::size_t stage) noexcept
        : all(relay), at(stage), copy(its().idle_copies.back()), number(++its().begun) {
        its().idle_copies.pop_back();
        ++all.busy_;
        if (at > 0) item = its().waiting.pop();
    }
    ~in_hand() {
        if (!is_done) all.fail_at(at);
    }
    in_hand(const in_hand&) = delete;
    in_hand& operator=(const in_hand&) = delete;
    [[nodiscard]] station& its() const noexcept { return all.stations_[at]; }

    relay& all;
    const std::size_t at, copy;
    const std::uint64_t number;
    std::unique_ptr<item_node> item{};
    bool is_done = false;
};

relay::relay(const std::vector<relay_stage>& stages) {
    stations_.reserve(stages.size());
    for (const auto& one : stages) stations_.emplace_back(one);
}

relay::~relay() = default;

// As with threads of its own: besides what waits, each copy of the function may hold what it has made.
bool relay::has_room_behind(std::size_t at) const noexcept {
    if (at + 1 == stations_.size()) return true;
    const auto& its = stations_[at];
    const auto there = its.busy() + its.held_back + stations_[at + 1].waiting.size();
    return there < its.stage.capacity + its.stage.parallelism;
}

bool relay::is_ready(std::size_t at) const noexcept {
    const auto& its = stations_[at];
    return (at == 0 ? !exhausted_ : !its.waiting.empty()) && !its.idle_copies.empty() && has_room_behind(at);
}

std::optional<std::size_t> relay::find_ready() const noexcept {
    if (stopping_) return std::nullopt;
    for (auto at = stations_.size(); at-- > begins_at_;)
        if (is_ready(at)) return at;
    return std::nullopt;
}

std::optional<std::size_t> relay::wait_ready(std::unique_lock<mutex>& lock) noexcept {
    const uncancelled guard;
    for (;;) {
        if (const auto at = find_ready()) return at;
        if (busy_ == 0) return std::nullopt;
        ++idle_;
        ready_.wait(lock);
        --idle_;
    }
}

std::expected<void, failure<>> relay::carry() {
    auto& me = *current_worker;
    bool saw_broken_stream = false; // in any step
    std::unique_lock lock(guard_);
    while (const auto at = wait_ready(lock)) {
        in_hand its(*this, *at);
        const bool more = idle_ > 0 && find_ready();
        lock.unlock();
        if (more) ready_.notify_one();
        me.identity->take_role(its.at);
        me.note_item(its.at == 0 ? 0 : its.number);
        me.saw_broken_stream = false; // what it saw elsewhere is not why this fails
        item_list made;
        if (auto failed = its.its().stage.step->work(its.copy, std::move(its.item), made))
            return std::unexpected(*std::move(failed));
        me.identity->take_role(worker_identity::no_role);
        saw_broken_stream |= me.saw_broken_stream;
        lock.lock();
        hand_on(its, std::move(made));
    }
    me.saw_broken_stream = saw_broken_stream;
    lock.unlock();
    ready_.notify_all(); // nothing is ready, and nobody is busy who could change that
    return {};
}

// Also before a stage that begins nothing more: what waits there is destroyed with the relay, and not here under the lock.
void relay::hand_on(in_hand& its, item_list&& made) noexcept {
    auto& here = its.its();
    its.is_done = true;
    here.idle_copies.push_back(its.copy); // there was room for it
    --busy_;
    if (its.at == 0 && made.empty()) {
        exhausted_ = true;
        --here.begun; // it was none
    }
    if (its.at + 1 == stations_.size()) return;
    auto& next = stations_[its.at + 1].waiting;
    if (here.finished.empty()) return next.append(std::move(made));
    const auto place = [&](std::uint64_t number) -> auto& {
        return here.finished[number % here.finished.size()];
    };
    auto& its_place = place(its.number);
    its_place.is_there = true;
    its_place.made.append(std::move(made));
    here.held_back += its_place.size();
    while (place(here.handed_on + 1).is_there) {
        auto& first = place(++here.handed_on);
        here.held_back -= first.size();
        first.is_there = false;
        next.append(std::move(first.made));
    }
}

void relay::fail_at(std::size_t at) noexcept {
    std::unique_lock lock(guard_);
    --busy_;
    ++stations_[at].failed;
    begins_at_ = std::max(begins_at_, at + 1);
    lock.unlock();
    ready_.notify_all();
}

// Wakes nobody: threads wait only while one is busy, which wakes them when it comes back.
void relay::stop() noexcept {
    const std::lock_guard lock(guard_);
    stopping_ = true;
}

bool relay::is_complete() noexcept {
    const std::lock_guard lock(guard_);
    return exhausted_ && begins_at_ == 0 &&
           std::ranges::all_of(stations_, [](const station& its) { return its.waiting.empty(); });
}

stage_load relay::look(std::size_t stage) noexcept {
    const std::lock_guard lock(guard_);
    const auto& its = stations_[stage];
    stage_load found{.items = its.begun, .busy = its.busy()};
    if (stage == 0) found.items -= found.busy; // of the source, what it has made
    if (!has_room_behind(stage))
        found.blocked = its.idle_copies.size();
    else if (stage > 0 && its.waiting.empty())
        found.starved = its.idle_copies.size();
    return found;
}

}}} // namespace inquest::INQUEST_ABI::detail
