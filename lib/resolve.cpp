#include <inquest/resolve.hpp>

#include <algorithm>
#include <future>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

namespace {

worker_thread& checked(worker_thread* thread) {
    if (!thread) throw std::future_error(std::future_errc::no_state);
    return *thread;
}

// The failures of workers, and others that these passed on.
struct collected {
    std::vector<cause> failures, others;
    void add(const failure<>& one) {
        failures.push_back(one.cause());
        others.insert(others.end(), one.also_failed().begin(), one.also_failed().end());
    }
};

// Of several failures the earliest that is no consequence of another, else the earliest; and all the rest, by time, each
// once. Nothing if none failed.
std::optional<failure<>> primary(collected all) {
    if (all.failures.empty()) return std::nullopt;
    auto rest = std::move(all.failures);
    const auto by_rank = [](const cause& one) { return std::pair(one.is_consequence(), one.sequence()); };
    std::iter_swap(rest.begin(), std::ranges::min_element(rest, {}, by_rank));
    cause first = std::move(rest.front());
    rest.erase(rest.begin());
    rest.insert(rest.end(), all.others.begin(), all.others.end());
    std::erase(rest, first);
    std::ranges::sort(rest, {}, &cause::sequence);
    rest.erase(std::unique(rest.begin(), rest.end()), rest.end());
    return failure<>(std::move(first), std::move(rest));
}

// The answer if no worker failed, with what the push itself knew behind it.
failure<> fallback(std::string_view lead, const push_error& why, cause_kind kind = cause_kind::unexplained) {
    // A producer that asks again and again whether there is room does not want to hold up the workers.
    const auto text = why.status() == status::full ? why.brief() : why.message();
    return failure<>(unexplained(std::string(lead) + " (push: " + text + ')', why.cause(), kind));
}

// Why this worker can't be joined from here, or not on behalf of the channel; null if it can.
const char* why_not_join(channel_serial channel, worker_thread* asked) {
    if (channel == no_channel) return "the end is of no channel, so nothing was closed or joined";
    if (current_worker && current_worker->is_inside(channel))
        return "asked from inside the channel, so not joined";
    if (const char* why = checked(asked).why_not_wait()) return why;
    return asked->reads_others_than(channel) ? "the worker reads another channel, so not joined" : nullptr;
}

// The answer instead of a join: what is known so far.
failure<> so_far(const channel_base* channel, const char* lead, const push_error& why) {
    if (channel)
        if (auto known = channel->known_cause(); known && known.kind() != cause_kind::finished)
            return failure<>(std::move(known));
    return fallback(lead, why);
}

failure<> handed_out(failure<> answer) noexcept {
    observe(answer);
    return answer;
}

} // namespace

failure<> answering(const push_error& why, const failure<>& its) {
    return failure<>(its, why.where(), why.undelivered());
}

bool is_resolvable(const push_error& why) noexcept {
    return why.status() == status::closed || why.status() == status::aborted;
}

failure<> ask(const question& its, std::span<worker_thread* const> workers) {
    return *ask(its, workers, time_limit::none());
}

std::expected<failure<>, still_running> ask(const question& its, std::span<worker_thread* const> workers,
                                            const time_limit& limit) {
    if (!is_resolvable(its.why))
        return answering(its.why, fallback("nothing was closed", its.why, cause_kind::not_pushed));
    for (worker_thread* const asked : workers)
        if (const char* refused = why_not_join(its.channel ? its.channel->serial() : no_channel, asked))
            return handed_out(answering(its.why, so_far(its.channel, refused, its.why)));
    if (its.channel) its.channel->close(closer::resolver, its.why.where());
    auto failed = join_all(workers, its.rethrows, limit, &its.why);
    if (!failed) return std::unexpected(std::move(failed).error());
    return *failed ? **std::move(failed) : answering(its.why, fallback(its.silent, its.why));
}

std::expected<std::optional<failure<>>, still_running> join_all(std::span<worker_thread* const> workers,
                                                                bool rethrows, const time_limit& limit,
                                                                const push_error* why) {
    collected all;
    std::vector<still_running> busy;
    for (worker_thread* const asked : workers) {
        if (const char* refused = checked(asked).why_not_wait()) {
            all.add(asked->refused(refused));
            continue;
        }
        if (!asked->wait(limit.until, workers)) {
            busy.push_back(asked->glance(limit.since));
            continue;
        }
        if (const auto failed = asked->failed()) all.add(*failed);
    }
    if (!busy.empty()) return std::unexpected(still_running::all(std::move(busy)));
    auto failed = primary(std::move(all));
    if (!failed) return std::nullopt;
    for (worker_thread* const asked : workers) // one that passes an exception on has returned it
        if (rethrows && asked->threw(failed->cause())) {
            observe(failed->cause()); // the others are not thrown, and wait for somebody to ask
            std::rethrow_exception(failed->cause().exception());
        }
    return handed_out(why ? answering(*why, *failed) : *std::move(failed));
}

std::optional<failure<>> report(std::span<worker_thread* const> workers) {
    return *join_all(workers, explain_only, time_limit::none());
}

}}} // namespace inquest::INQUEST_ABI::detail
