#include "search.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace interleave {

// --- exhaustive
// ---------------------------------------------------------------------------------------------------

bool exhaustive::begin() {
    if (at_ != path_.size())
        scheduler::get().fail("the program is not the same in every run: it ended early");
    at_ = 0;
    if (std::exchange(first_, false)) return true;
    // The last fork that has a way left which can be paid for.
    for (; !path_.empty(); path_.pop_back()) {
        fork& f = path_.back();
        while (++f.taken < f.of)
            if (f.spent + f.price[f.taken] <= bound_) return true;
    }
    return false;
}

std::size_t exhaustive::choose(std::span<const option> options, bool going) {
    fork f;
    if (options.size() > f.price.size()) scheduler::get().fail("too many threads to explore exhaustively");
    for (const option& o : options)
        f.threads = static_cast<std::uint16_t>(f.threads * 31 + 4 * o.thread + static_cast<unsigned>(o.how));
    if (at_ < path_.size()) {
        const fork& known = path_[at_++];
        if (known.of != options.size() || known.threads != f.threads)
            scheduler::get().fail("the program is not the same in every run");
        return known.taken;
    }
    if (!path_.empty())
        f.spent = static_cast<unsigned char>(path_.back().spent + path_.back().price[path_.back().taken]);
    f.of = static_cast<unsigned char>(options.size());
    for (std::size_t i = 0; i < f.of; ++i) {
        const way how = options[i].how;
        const bool hasty =
            how == way::timeout && options[0].how == way::ahead; // time passes while threads could run
        const bool odd = how == way::spurious || how == way::late;
        f.price[i] = static_cast<unsigned char>(((going && i != 0) || hasty ? 1 : 0) + (odd ? 1 : 0));
    }
    path_.push_back(f);
    ++at_;
    return 0;
}

// --- by chance
// ---------------------------------------------------------------------------------------------------

namespace {

// Of those that have a reason, but now and then of all.
std::size_t sober(std::span<const option> options) {
    const auto odd = std::ranges::find_if(options, [](const option& o) { return o.how != way::ahead; });
    const auto n = static_cast<std::size_t>(odd - options.begin());
    return n == 0 ? options.size() : n;
}

} // namespace

bool chance::begin() {
    if (left_ == 0) return false;
    --left_;
    dice_.seed(seed_++);
    return true;
}

std::size_t chance::choose(std::span<const option> options, bool) {
    const auto roll = dice_();
    return (roll >> 8) % (roll % 16 == 0 ? options.size() : sober(options));
}

bool priorities::begin() {
    if (left_ == 0) return false;
    --left_;
    longest_ = std::max(longest_, at_);
    at_ = 0;
    lowest_ = 0;
    rank_.clear();
    dice_.seed(seed_++);
    change_at_.clear();
    for (unsigned i = 0; i < changes_; ++i) change_at_.push_back(dice_() % longest_);
    return true;
}

std::size_t priorities::choose(std::span<const option> options, bool) {
    for (const option& o : options)
        while (rank_.size() <= o.thread) rank_.push_back(static_cast<int>(dice_() % 1'000'000) + 1);
    const std::size_t sane = sober(options);
    const auto best = [&] {
        std::size_t found = 0;
        for (std::size_t i = 1; i < sane; ++i)
            if (rank_[options[i].thread] > rank_[options[found].thread]) found = i;
        return found;
    };
    if (std::ranges::find(change_at_, at_++) != change_at_.end()) rank_[options[best()].thread] = --lowest_;
    // Time and odd wake-ups have no rank: now and then one of them comes about.
    const std::size_t rest = options.size() - sane;
    return rest > 0 && dice_() % 32 == 0 ? sane + dice_() % rest : best();
}

// --- again
// -------------------------------------------------------------------------------------------------------

replay::replay(std::string_view choices) {
    const auto number = [](std::string_view text) {
        unsigned n = 0;
        const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), n);
        if (bad != std::errc{} || end != text.data() + text.size())
            throw std::invalid_argument("no schedule: '" + std::string(text) + "'");
        return n;
    };
    while (!choices.empty()) {
        const auto part = choices.substr(0, choices.find('.'));
        choices.remove_prefix(std::min(part.size() + 1, choices.size()));
        const auto star = part.find('*');
        const unsigned times = star == part.npos ? 1 : number(part.substr(0, star));
        const unsigned choice = number(star == part.npos ? part : part.substr(star + 1));
        if (times > 1'000'000 || choice > 255)
            throw std::invalid_argument("no schedule: '" + std::string(part) + "'");
        choices_.insert(choices_.end(), times, static_cast<unsigned char>(choice));
    }
}

bool replay::begin() {
    if (done_ && at_ != choices_.size())
        scheduler::get().fail("this schedule is of another program: it goes on");
    return !std::exchange(done_, true);
}

std::size_t replay::choose(std::span<const option> options, bool) {
    if (at_ == choices_.size()) return 0; // a failure ended it here
    if (choices_[at_] >= options.size()) scheduler::get().fail("this schedule is of another program");
    return choices_[at_++];
}

} // namespace interleave
