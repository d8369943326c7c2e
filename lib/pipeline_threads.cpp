#include "pipeline_threads.hpp"

#include <algorithm>
#include <any>
#include <mutex>
#include <ranges>
#include <stdexcept>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

pipeline_threads::~pipeline_threads() = default;

void pipeline_threads::add(std::span<worker_thread* const> started) {
    std::unique_lock lock(guard_);
    all_.insert(all_.end(), started.begin(), started.end());
    const bool late = stopped_;
    lock.unlock();
    if (late) stop();
}

void pipeline_threads::stop() noexcept {
    {
        const std::lock_guard lock(guard_);
        stopped_ = true;
    }
    // Not under the lock: a worker's stop calls what was registered for it.
    for (std::size_t i = 0; auto* const one = at(i); ++i) (void)one->request_stop();
}

worker_thread* pipeline_threads::at(std::size_t index) noexcept {
    const std::lock_guard lock(guard_);
    return index < all_.size() ? all_[index] : nullptr;
}

namespace {

bool has_failed(const worker_thread* its) { return its->failed().has_value(); }

class threads_of_stages final : public pipeline_threads {
  public:
    explicit threads_of_stages(const stage_plans& stages) {
        std::any joint;
        std::string path;
        for (const auto& stage : stages) {
            stages_.push_back(stage->make_workers(joint, std::string(path)));
            path += stage->options().name + " > ";
        }
    }
    void start() override {
        for (const auto& stage : std::views::reverse(stages_)) {
            stage->start();
            add(stage->threads());
        }
    }
    stage_workers* sink() noexcept override { return stages_.back().get(); }
    bool sink_is_done() noexcept override { return std::ranges::none_of(sink()->threads(), has_failed); }
    bool broke_off() noexcept override {
        return !sink_is_done() || std::ranges::any_of(sink()->threads(), &worker_thread::broke_off);
    }
    stage_load look(std::size_t stage) noexcept override {
        stage_load found{.items = stages_[stage]->items()};
        for (const worker_thread* const one : stages_[stage]->threads()) {
            const auto doing = one->doing();
            if (doing == activity::running) ++found.busy;
            if (doing == activity::popping) ++found.starved;
            if (doing == activity::pushing) ++found.blocked;
        }
        return found;
    }

  private:
    std::vector<std::unique_ptr<stage_workers>> stages_;
};

class threads_of_relay final : public pipeline_threads {
  public:
    threads_of_relay(const stage_plans& stages, std::size_t count) : relay_(steps(stages)) {
        const auto& first = stages.front()->options();
        auto names = std::make_shared<std::vector<std::string>>();
        for (const auto& stage : stages)
            names->push_back((names->empty() ? "" : names->back() + " > ") + stage->options().name);
        ready_.reserve(count);
        while (ready_.size() < count)
            ready_.push_back(spawner::prepare_for_roles(
                {.name = first.name,
                 .on_exception = first.on_exception,
                 .on_destroy = on_destroy::stop,
                 .thread = first.thread},
                names, [its = unless_carried(&relay_)]() mutable { return its.release()->carry(); }));
    }
    ~threads_of_relay() override { relay_.stop(); }
    threads_of_relay(const threads_of_relay&) = delete;
    threads_of_relay& operator=(const threads_of_relay&) = delete;
    void start() override { add(start_all(ready_, handles_)); }
    void stop() noexcept override {
        relay_.stop();
        pipeline_threads::stop();
    }
    bool sink_is_done() noexcept override { return relay_.is_complete(); }
    bool broke_off() noexcept override { return !relay_.is_complete(); }
    stage_load look(std::size_t stage) noexcept override { return relay_.look(stage); }

  private:
    // If one of the threads never starts, the others are not to go on to the end as if all were well.
    struct stopping {
        void operator()(relay* its) const noexcept { its->stop(); }
    };
    using unless_carried = std::unique_ptr<relay, stopping>;

    static std::vector<relay_stage> steps(const stage_plans& stages) {
        std::vector<relay_stage> all;
        for (const auto& stage : stages) {
            const auto& its = stage->options();
            stage->make_copies();
            all.push_back({stage.get(), its.parallelism, its.ordered, its.capacity});
        }
        return all;
    }

    relay relay_;
    std::vector<ready_worker> ready_;
    std::vector<std::unique_ptr<worker_thread>> handles_; // destroyed first: they run the relay
};

bool are_alike(const thread_attributes& a, const thread_attributes& b) {
    return a.stack_size == b.stack_size && a.processors == b.processors &&
           a.priority.policy == b.priority.policy && a.priority.value == b.priority.value;
}

} // namespace

std::unique_ptr<pipeline_threads> own_threads(const stage_plans& stages) {
    return std::make_unique<threads_of_stages>(stages);
}

std::unique_ptr<pipeline_threads> shared_threads(const stage_plans& stages, std::size_t count) {
    const auto refuse = [](const std::string& name, const char* why) {
        throw std::invalid_argument("inquest: stages share threads, but '" + name + "' " + why);
    };
    for (const auto& stage : stages) {
        const auto& its = stage->options();
        if (stage->traits().is_whole_stream) refuse(its.name, "is one of a whole stream");
        const auto& first = stages.front()->options();
        if (its.on_exception != first.on_exception)
            refuse(its.name, "differs from the source in on_exception");
        if (!are_alike(its.thread, first.thread)) refuse(its.name, "differs from the source in thread");
    }
    return std::make_unique<threads_of_relay>(stages, count);
}

}}} // namespace inquest::INQUEST_ABI::detail
