// The texts of causes, errors and glances.
#include "platform.hpp"

#include <inquest/cause.hpp>
#include <inquest/detail/channel_base.hpp>
#include <inquest/failure.hpp>
#include <inquest/push_error.hpp>
#include <inquest/still_running.hpp>

#include <algorithm>
#include <limits>
#include <span>
#include <sstream>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

std::string_view to_string(status s) noexcept {
    switch (s) {
    case status::empty:
        return "empty";
    case status::full:
        return "full";
    case status::closed:
        return "closed";
    case status::complete:
        return "complete";
    case status::truncated:
        return "truncated";
    case status::aborted:
        return "aborted";
    case status::stopped:
        return "stopped";
    case status::timeout:
        return "timeout";
    case status::interrupted:
        return "interrupted";
    }
    return "unknown status";
}

namespace detail {

std::string describe_errno(int number) {
    const int positive = number < 0 && number != std::numeric_limits<int>::min() ? -number : number;
    return std::generic_category().message(positive) + " (errno " + std::to_string(positive) + ')';
}

std::string describe_enum(std::string_view type, unsigned long long number, bool is_signed) {
    return std::string(type) + '(' +
           (is_signed ? std::to_string(static_cast<long long>(number)) : std::to_string(number)) + ')';
}

std::string describe_unknown(std::string_view type) { return "an error of type " + std::string(type); }

std::string describe_streamed(void (*write)(std::ostream& out, const void* value), const void* value) {
    std::ostringstream out;
    write(out, value);
    return std::move(out).str();
}

std::string describe_exception(const std::exception_ptr& thrown) {
    if (!thrown) return "no exception";
    cause_record record;
    try {
        std::rethrow_exception(thrown);
    } catch (...) {
        record.set_current_exception();
    }
    std::string text = record.exception_type ? platform::demangle(record.exception_type) : "an exception";
    if (!record.what.view().empty()) text.append(": ").append(record.what.view());
    return text;
}

} // namespace detail

namespace {

std::string quoted_worker(const detail::cause_record& r) { return "worker '" + r.who->display() + '\''; }

// A cause, or an empty one that says who closed the channel.
bool says_more(const cause& why) { return why || why.kind() == cause_kind::closed; }

std::string who_dropped(const detail::cause_record& r) {
    return r.who ? quoted_worker(r) : "thread " + std::to_string(r.thread);
}

// " on item 3", " on items 3 to 9", " after item 9", or nothing if none was popped.
std::string on_items(const item_range& items) {
    const auto& [first, last, after] = items;
    if (last == 0) return {};
    if (after) return " after item " + std::to_string(last);
    if (first == last) return " on item " + std::to_string(last);
    return " on items " + std::to_string(first) + " to " + std::to_string(last);
}

std::string on_items(const detail::cause_record& r) {
    const bool says_where = r.items.last != 0 && r.items_of && !r.items_of->empty();
    std::string line = on_items(r.items);
    if (says_where) line += " of '" + *r.items_of + '\'';
    if (const auto text = r.item_text.view(); !text.empty()) line.append(" (").append(text) += ')';
    return line;
}

std::string place_text(const std::source_location& place) {
    return std::string(place.file_name()) + ':' + std::to_string(place.line());
}

std::string place_text(const detail::cause_record& r) {
    return r.place_file ? place_text(r.place) : std::string{};
}

} // namespace

std::string cause::text() const {
    if (!record_) return "nothing failed";
    const auto& r = *record_;
    switch (r.kind) {
    case cause_kind::given:
    case cause_kind::error:
    case cause_kind::not_pushed:
    case cause_kind::unexplained:
        if (r.value) return r.value_text(r.value);
        if (r.exception) return detail::describe_exception(r.exception);
        if (r.kind == cause_kind::error)
            if (const auto behind = upstream(); says_more(behind)) return behind.message();
        return "no reason given";
    case cause_kind::exception: {
        // From the copies taken when it was thrown: the object may be in another thread's hands by now.
        std::string text = r.exception_type ? platform::demangle(r.exception_type) : "an exception";
        if (!r.what.view().empty()) text.append(": ").append(r.what.view());
        return text;
    }
    case cause_kind::finished:
        return "finished early";
    case cause_kind::broken_stream:
        if (const auto behind = upstream(); says_more(behind)) return behind.message();
        return "the stream was " + std::string(to_string(r.broken_ending));
    case cause_kind::never_started:
        return (r.attribute ? r.attribute + std::string(": ") : std::string()) +
               std::generic_category().message(r.system_error);
    case cause_kind::forced_unwind:
        return "thread ended by pthread_exit or pthread_cancel";
    case cause_kind::abandoned:
        return r.by_stop            ? "was stopped"
               : r.during_unwinding ? "left during an exception"
                                    : "left without finish";
    case cause_kind::dropped:
        return "receiver dropped";
    case cause_kind::destroyed:
        return "channel destroyed";
    case cause_kind::closed: {
        std::string line =
            r.channel_name.empty() ? "channel closed" : "channel '" + r.channel_name + "' closed";
        line += " by " + who_dropped(r);
        if (r.place_file) line += " at " + place_text(r);
        return line;
    }
    }
    return "unknown cause";
}

std::string cause::message() const {
    if (!record_) return text();
    const auto& r = *record_;
    switch (r.kind) {
    case cause_kind::given:
    case cause_kind::not_pushed:
    case cause_kind::unexplained:
    case cause_kind::destroyed:
    case cause_kind::closed:
        return text();
    case cause_kind::error:
    case cause_kind::exception:
    case cause_kind::forced_unwind:
        return quoted_worker(r) + " failed" + on_items(r) + ": " + text();
    case cause_kind::finished:
        return quoted_worker(r) + " finished early";
    case cause_kind::broken_stream:
        return quoted_worker(r) + " ended on a broken stream" + on_items(r) + ": " + text();
    case cause_kind::never_started:
        return quoted_worker(r) + " never started: " + text();
    case cause_kind::abandoned: {
        std::string line = "producer " + text() + ": " + who_dropped(r);
        if (r.place_file) line += ", last push at " + place_text(r);
        return line;
    }
    case cause_kind::dropped:
        return text() + " by " + who_dropped(r);
    }
    return text();
}

std::string failure<void>::details() const {
    std::string lines = cause_.message();
    const auto milliseconds = [](std::chrono::nanoseconds t) {
        return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(t).count()) + " ms";
    };
    if (const auto thread = cause_.thread_id())
        lines += "\n  on thread " + std::to_string(thread) + ',';
    else
        lines += "\n ";
    lines += ' ' + milliseconds(cause_.age()) + " ago";
    if (const auto place = push_site()) {
        lines += "\n  push refused at " + place_text(*place);
        if (undelivered() > 0) lines += ", " + std::to_string(undelivered()) + " undelivered";
    }
    if (const auto behind = cause_.upstream(); says_more(behind))
        if (const auto text = behind.message(); lines.find(text) == std::string::npos)
            lines += "\n  behind it: " + text;
    for (const auto& other : also_failed()) {
        lines += "\n  also failed: " + other.message();
        if (other.is_consequence()) lines += " (a consequence)";
    }
    return lines;
}

ended::ended(inquest::cause why)
    : why_(std::move(why)), text_(std::make_shared<const std::string>(why_.message())) {}

const char* ended::what() const noexcept { return text_->c_str(); }

namespace {

// "waiting in push of 'out' on item 2"
std::string doing(const still_running& who) {
    std::string line;
    switch (who.activity()) {
    case activity::running:
        line += "running";
        break;
    case activity::pushing:
        line += "waiting in push";
        break;
    case activity::popping:
        line += "waiting in pop";
        break;
    case activity::ending:
        line += "ending";
        break;
    }
    if (!who.channel().empty()) line += " of '" + who.channel() + '\'';
    if (who.items()) line += on_items(*who.items());
    return line;
}

// Of a channel that has no room.
std::string who_is_busy(const std::string& channel, const std::vector<still_running>& workers) {
    constexpr std::size_t most = 4;
    std::vector<std::string> parts;
    if (!channel.empty()) parts.push_back("channel '" + channel + '\'');
    for (const auto& one : std::span(workers).first(std::min(workers.size(), most)))
        parts.push_back("worker '" + one.worker() + "' " + doing(one));
    if (workers.size() > most) parts.push_back("and " + std::to_string(workers.size() - most) + " more");
    std::string line;
    for (const auto& part : parts) line.append(line.empty() ? ": " : ", ").append(part);
    return line;
}

// Whom a pop waits for.
std::string who_may_push(const still_running& its) {
    constexpr std::size_t most = 4;
    const std::size_t open = its.open_senders(), silent = its.silent_senders();
    std::string line = std::to_string(open) + (open == 1 ? " sender open" : " senders open");
    if (silent > 0) {
        line += ", " + (silent < open ? std::to_string(silent) + " of " : std::string()) + "which ";
        line += silent == 1 ? "has pushed nothing" : "have pushed nothing";
    }
    const auto places = its.last_pushes();
    if (places.empty()) return line;
    line += places.size() == 1 ? ", last push at " : ", last pushes at ";
    const char* before = "";
    for (const auto& place : places.first(std::min(places.size(), most)))
        line += std::exchange(before, ", ") + place_text(place);
    if (places.size() > most) line += " and elsewhere";
    return line;
}

// `others` goes before the cause, which may be long.
std::string one_line(const still_running& its, const std::string& others) {
    std::string line = "worker '" + its.worker() + "' still " + doing(its);
    line += " (" +
            std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(its.waited()).count()) +
            " ms)";
    if (its.open_senders() > 0) line += ", " + who_may_push(its);
    line += others;
    if (says_more(its.cause())) line += ": " + its.cause().message();
    return line;
}

} // namespace

std::string still_running::message() const {
    if (others_.empty()) return one_line(*this, {});
    return one_line(*this,
                    ", and " + std::to_string(others_.size()) + (others_.size() == 1 ? " other" : " others"));
}

std::string still_running::details() const {
    std::string lines = one_line(*this, {});
    for (const auto& one : others_) lines += '\n' + one_line(one, {});
    return lines;
}

std::vector<still_running> push_error::workers() const {
    const auto channel = channel_.lock();
    return channel && !channel->left_behind() ? channel->glance_at_workers() : std::vector<still_running>();
}

std::string push_error::brief() const {
    return std::string(to_string(status_)) + ", push at " + place_text(where_);
}

std::string push_error::message() const {
    std::string line(to_string(status_));
    if (cause_) {
        line += ": " + cause_.message();
        if (early_) line += ", " + std::to_string(undelivered_) + " undelivered";
        return line;
    }
    if (cause_.kind() == cause_kind::closed)
        line = cause_.message(); // says the status too
    else if (status_ == inquest::status::closed)
        line += ": this end has finished, or was moved from";
    line += ", push at " + place_text(where_);
    if (const auto channel = channel_.lock()) line += who_is_busy(channel->name(), workers());
    return line;
}

std::string pop_error::message() const {
    std::string line(to_string(status_));
    if (says_more(cause_)) line += ": " + cause_.message();
    return line;
}

}} // namespace inquest::INQUEST_ABI
