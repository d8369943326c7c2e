#include "search.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace interleave {

// --- exhaustive
// ---------------------------------------------------------------------------------------------------

bool exhaustive::begin() {
    at_ = 0;
    if (first_) {
        first_ = false;
        return true;
    }
    // The last fork that has a way left which can be paid for.
    for (; !path_.empty(); path_.pop_back()) {
        fork& f = path_.back();
        while (++f.taken < f.of)
            if (f.spent + f.price[f.taken] <= bound_) return true;
    }
    return false;
}

std::size_t exhaustive::choose(std::span<const option> options, bool going) {
    if (at_ < path_.size()) {
        const fork& f = path_[at_++];
        if (f.of != std::min(options.size(), f.price.size()))
            scheduler::get().fail("the program is not the same in every run");
        return f.taken;
    }
    fork f;
    if (!path_.empty())
        f.spent = static_cast<unsigned char>(path_.back().spent + path_.back().price[path_.back().taken]);
    f.of = static_cast<unsigned char>(std::min(options.size(), f.price.size()));
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
    const std::size_t n = dice_() % 32 == 0 ? options.size() : sane;
    const auto best = [&] {
        std::size_t found = 0;
        for (std::size_t i = 1; i < n; ++i)
            if (rank_[options[i].thread] > rank_[options[found].thread]) found = i;
        return found;
    };
    if (std::ranges::find(change_at_, at_++) != change_at_.end()) rank_[options[best()].thread] = --lowest_;
    return n > sane ? dice_() % n : best();
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

bool replay::begin() { return !std::exchange(done_, true); }

std::size_t replay::choose(std::span<const option> options, bool) {
    if (at_ == choices_.size()) return 0;
    if (choices_[at_] >= options.size()) scheduler::get().fail("this schedule is of another program");
    return choices_[at_++];
}

} // namespace interleave
