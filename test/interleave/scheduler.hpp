// Runs a program's threads one at a time, and asks a strategy at every step who goes on.
//
// The threads are ordinary ones that pass a baton: whoever holds it runs, all others wait for theirs. Before each
// operation on something shared a thread announces it as a *step*; there the baton may go to any thread whose own
// announced step is possible now. Unlocking a mutex is no step, unless a program asks for it: it only makes more
// possible, and as long as nothing is destroyed nobody can see the difference before the next step. So each
// schedule is one sequentially consistent interleaving of the steps, and the choices made tell it exactly: made again,
// they give the same run.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <semaphore>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace interleave {

class mutex;
struct parked; // a wait on a condition variable

/// How a thread goes on: with its step, or out of a wait that nobody has notified, on time's account or on none, or
/// notified but only after its time.
enum class way : unsigned char { ahead, timeout, spurious, late };

/// One thing that could happen next.
struct option {
    unsigned thread;
    way how;
};

/// Decides among what could happen next.
class strategy {
  public:
    virtual ~strategy() = default;
    /// Before each schedule. False: there is no other.
    virtual bool begin() = 0;
    /// An index into `options`, of which there are at least two. `going`: the first of them is the thread that has
    /// the baton, and could keep it.
    virtual std::size_t choose(std::span<const option> options, bool going) = 0;
};

/// What a thread is about to do.
struct step {
    enum class kind : unsigned char { plain, lock, wait, until, quiet };
    kind what = kind::plain;
    const char* text = "";
    const void* object = nullptr;
    mutex* lock = nullptr;                   // to be had: for lock and wait
    parked* wait = nullptr;                  // for wait
    bool (*possible)(const void*) = nullptr; // of object: for until
};

/// The only one there is. Its members are for the thread that has the baton.
class scheduler {
  public:
    static scheduler& get();

    /// Runs `program` once, as the first thread of a schedule, and returns when all threads have ended: the choices
    /// that were made, which replay it. A failure does not return: it is reported on standard output, and ends the process.
    std::string run(std::string_view name, const std::function<void()>& program, strategy& how);

    /// Gives up the baton until the step is possible and its turn has come. For a program's threads only.
    way take(const step& next);
    /// A step that is always possible.
    void take(const char* text, const void* object) { take({.text = text, .object = object}); }

    /// Starts a thread, and returns its number.
    unsigned start(std::move_only_function<void()> body);
    [[nodiscard]] bool is_over(unsigned number) const;
    /// The calling thread's number.
    [[nodiscard]] unsigned self() const;
    /// True on a thread of a program that is being run. Otherwise operations just happen.
    [[nodiscard]] bool active() const;

    /// The time as the program sees it. It passes when a wait times out, and when a program lets it.
    [[nodiscard]] std::chrono::nanoseconds now() const { return now_; }
    void time_is(std::chrono::nanoseconds when) { now_ = std::max(now_, when); }

    [[noreturn]] void fail(std::string why);
    /// A line in the trace.
    void note(std::string line);
    void name_thread(std::string name);
    /// What `from` up to `to` is called in the trace.
    void label(const void* from, const void* to, std::string name);
    /// Called whenever nobody can go on: the program looks whether all who wait do so with reason.
    void at_rest(std::function<void()> look);

    /// Run once on every thread before it is scheduled: for what is made once a thread.
    void (*on_new_thread)() = [] {};
    /// Whether unlocking is a step too. Needed only if a thread may destroy what another has just unlocked, or
    /// the last of them to unlock it does.
    bool unlock_is_step = false;

  private:
    struct thread;
    struct event {
        unsigned thread;
        way how;
        const char* text;
        const void* object;
        std::size_t line; // into lines_, or none
    };
    scheduler();
    ~scheduler();
    thread& pick(thread* going);
    void look_around(thread* going);
    void hand_over(thread& to);
    void carry(thread& mine);
    [[nodiscard]] std::string whereabouts(const void* object) const;
    [[nodiscard]] std::string choices_text() const;

    std::vector<std::unique_ptr<thread>> threads_; // kept from schedule to schedule
    unsigned live_ = 0;                            // how many of them this schedule has started
    std::binary_semaphore finished_{0}, made_{0};

    strategy* strategy_ = nullptr;
    std::size_t schedules_ = 0; // run of this program so far
    std::string_view program_;
    std::vector<option> options_;
    std::vector<unsigned char> choices_;
    std::vector<event> events_;
    std::vector<std::string> lines_;
    struct range {
        const void *from, *to;
        std::string name;
    };
    std::vector<range> labels_;
    std::vector<std::function<void()>> at_rest_;
    std::chrono::nanoseconds now_{};
};

} // namespace interleave
