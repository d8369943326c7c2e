#include "scheduler.hpp"

#include "sync.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <pthread.h>
#include <unistd.h>

namespace interleave {

struct scheduler::thread {
    unsigned id = 0;
    std::string name;
    std::move_only_function<void()> body;
    std::binary_semaphore baton{0};
    step next; // what it is about to do, while it has not the baton
    way how = way::ahead;
    bool over = false;
    bool leave = false; // the carrier itself is to end
    const char *stack_from = nullptr, *stack_to = nullptr;
    std::thread carrier;

    // One that has been destroyed stops nobody: whoever goes on to lock it is reported.
    [[nodiscard]] bool has_lock_free() const {
        return !next.lock || !next.lock->is_held() || !next.lock->is_alive();
    }
    [[nodiscard]] bool can_go() const {
        if (over || !has_lock_free()) return false;
        switch (next.what) {
        case step::kind::wait:
            return next.wait->notified;
        case step::kind::until:
            return next.possible(next.object);
        case step::kind::quiet:
            return false;
        default:
            return true;
        }
    }
    [[nodiscard]] bool waits() const { return !over && next.what == step::kind::wait && has_lock_free(); }
};

namespace {

thread_local unsigned own_number = 0;
thread_local bool on_duty = false; // runs a program
constexpr std::size_t no_line = static_cast<std::size_t>(-1);
constexpr std::size_t step_limit = 20'000; // no program comes near it

} // namespace

scheduler& scheduler::get() {
    static scheduler only;
    return only;
}

scheduler::scheduler() = default;

scheduler::~scheduler() {
    for (auto& t : threads_) {
        t->leave = true;
        t->baton.release();
        t->carrier.join();
    }
}

unsigned scheduler::self() const { return own_number; }
bool scheduler::active() const { return on_duty; }
bool scheduler::is_over(unsigned number) const { return threads_[number]->over; }

std::string scheduler::run(std::string_view name, const std::function<void()>& program, strategy& how) {
    schedules_ = program_ == name ? schedules_ + 1 : 1;
    program_ = name;
    strategy_ = &how;
    live_ = 0;
    choices_.clear();
    events_.clear();
    lines_.clear();
    labels_.clear();
    at_rest_.clear();
    now_ = std::chrono::hours(1); // so that there is a past
    start([&program] { program(); });
    threads_[0]->name = "main";
    threads_[0]->baton.release();
    finished_.acquire();
    return choices_text();
}

unsigned scheduler::start(std::move_only_function<void()> body) {
    if (live_ == threads_.size()) {
        threads_.push_back(std::make_unique<thread>());
        thread& made = *threads_.back();
        made.id = live_;
        made.carrier = std::thread([this, &made] { carry(made); });
        made_.acquire(); // until it has the baton it may do nothing that is seen
    }
    thread& t = *threads_[live_];
    t.name = "thread " + std::to_string(live_);
    t.body = std::move(body);
    t.next = {.text = "begins"};
    t.over = false;
    return live_++;
}

void scheduler::carry(thread& mine) {
    own_number = mine.id;
    pthread_attr_t attributes;
    void* from = nullptr;
    std::size_t size = 0;
    if (::pthread_getattr_np(::pthread_self(), &attributes) == 0) {
        ::pthread_attr_getstack(&attributes, &from, &size);
        ::pthread_attr_destroy(&attributes);
    }
    mine.stack_from = static_cast<const char*>(from);
    mine.stack_to = mine.stack_from + size;
    on_new_thread();
    made_.release();
    for (;;) {
        mine.baton.acquire();
        if (mine.leave) return;
        on_duty = true;
        mine.body();
        mine.body = nullptr; // what it had captured may take steps while it is destroyed
        on_duty = false;
        mine.over = true;
        if (std::all_of(threads_.begin(), threads_.begin() + live_, [](const auto& t) { return t->over; }))
            finished_.release();
        else
            pick(nullptr).baton.release();
    }
}

way scheduler::take(const step& next) {
    thread& mine = *threads_[own_number];
    mine.next = next;
    thread& to = pick(&mine);
    if (&to != &mine) {
        to.baton.release();
        mine.baton.acquire();
    }
    events_.push_back({own_number, mine.how, next.text, next.object, no_line});
    return mine.how;
}

// What is possible, in an order that is the same in every run: on the one that runs, on the others, what time does,
// and what no reason does.
void scheduler::look_around(thread* going) {
    options_.clear();
    const auto all = std::span(threads_).first(live_);
    if (going && going->can_go()) options_.push_back({going->id, way::ahead});
    for (const auto& t : all)
        if (t.get() != going && t->can_go()) options_.push_back({t->id, way::ahead});
    if (options_.empty()) {
        const bool before = std::exchange(on_duty, false);
        for (const auto& look : at_rest_) look();
        on_duty = before;
        for (const auto& t : all)
            if (!t->over && t->next.what == step::kind::quiet) options_.push_back({t->id, way::ahead});
    }
    for (const auto& t : all)
        if (t->waits() && t->next.wait->timed && !t->next.wait->notified)
            options_.push_back({t->id, way::timeout});
    if (options_.empty()) fail("deadlock: nobody can go on");
    for (const auto& t : all) {
        if (!t->waits()) continue;
        if (!t->next.wait->notified)
            options_.push_back({t->id, way::spurious});
        else if (t->next.wait->timed)
            options_.push_back({t->id, way::late});
    }
}

scheduler::thread& scheduler::pick(thread* going) {
    if (events_.size() >= step_limit) fail("livelock: no end after " + std::to_string(step_limit) + " steps");
    look_around(going);
    std::size_t which = 0;
    if (options_.size() > 1) {
        const bool could_keep = going && options_[0].thread == going->id && options_[0].how == way::ahead;
        which = strategy_->choose(options_, could_keep);
        choices_.push_back(static_cast<unsigned char>(which));
    }
    thread& to = *threads_[options_[which].thread];
    to.how = options_[which].how;
    return to;
}

// --- reports
// ------------------------------------------------------------------------------------------------

void scheduler::note(std::string line) {
    if (!on_duty) return;
    events_.push_back({own_number, way::ahead, "", nullptr, lines_.size()});
    lines_.push_back(std::move(line));
}

void scheduler::name_thread(std::string name) {
    if (on_duty) threads_[own_number]->name = std::move(name);
}

void scheduler::label(const void* from, const void* to, std::string name) {
    labels_.push_back({from, to, std::move(name)});
}

void scheduler::at_rest(std::function<void()> look) { at_rest_.push_back(std::move(look)); }

std::string scheduler::whereabouts(const void* object) const {
    for (const auto& l : labels_)
        if (object >= l.from && object < l.to) return l.name;
    for (const auto& t : threads_)
        if (object >= t->stack_from && object < t->stack_to) return t->name + "'s own";
    return "elsewhere";
}

// Runs of one choice are written as N*CHOICE.
std::string scheduler::choices_text() const {
    std::string text;
    for (std::size_t i = 0; i < choices_.size();) {
        std::size_t n = 1;
        while (i + n < choices_.size() && choices_[i + n] == choices_[i]) ++n;
        if (!text.empty()) text += '.';
        if (n > 1) text += std::to_string(n) + '*';
        text += std::to_string(choices_[i]);
        i += n;
    }
    return text;
}

void scheduler::fail(std::string why) {
    on_duty = false;
    std::size_t width = 0;
    for (unsigned i = 0; i < live_; ++i) width = std::max(width, threads_[i]->name.size());
    const auto line = [&](unsigned who, const std::string& what) {
        std::printf("    %-*s  %s\n", static_cast<int>(width), threads_[who]->name.c_str(), what.c_str());
    };
    std::printf("FAILED %.*s, schedule %zu: %s\n", static_cast<int>(program_.size()), program_.data(),
                schedules_, why.c_str());
    std::map<const void*, std::string> names; // by which of its kind it was met first
    std::map<std::string, int> met;
    for (const event& e : events_) {
        if (e.line != no_line) {
            line(e.thread, "# " + lines_[e.line]);
            continue;
        }
        std::string text = e.text;
        if (e.object) {
            auto& name = names[e.object];
            if (name.empty()) {
                name = whereabouts(e.object);
                if (const int n = ++met[name]; n > 1) name += " (" + std::to_string(n) + ')';
            }
            text += ' ' + name;
        }
        if (e.how == way::timeout) text += ", its time is over";
        if (e.how == way::spurious) text += ", without reason";
        if (e.how == way::late) text += ", notified but late";
        line(e.thread, text);
    }
    std::printf("  at the end:\n");
    for (unsigned i = 0; i < live_; ++i) {
        const thread& t = *threads_[i];
        line(i, t.over            ? "has ended"
                : i == own_number ? "runs"
                                  : std::string("is about to: ") + t.next.text +
                                        (t.next.object ? ' ' + whereabouts(t.next.object) : ""));
    }
    std::printf("  replay: --program %.*s --replay %s\n", static_cast<int>(program_.size()), program_.data(),
                choices_text().c_str());
    std::fflush(stdout);
    ::_exit(1);
}

} // namespace interleave
