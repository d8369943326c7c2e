#include <inquest/detail/spawner.hpp>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

namespace inquest { inline namespace INQUEST_ABI { namespace detail {

ready_worker::ready_worker(std::unique_ptr<worker_main> program, std::unique_ptr<worker_thread> thread)
    : program_(std::move(program)), thread_(std::move(thread)) {
    program_->attach();
}

ready_worker::~ready_worker() {
    if (!program_) return;
    (void)program_->record()->observed_by.add(); // the exception says it
    program_->never_started(ECANCELED);
}

std::unique_ptr<worker_thread> ready_worker::start() {
    thread_->start(std::move(program_));
    return std::move(thread_);
}

std::vector<worker_thread*> start_all(std::vector<ready_worker>& ready,
                                      std::vector<std::unique_ptr<worker_thread>>& handles) {
    handles.reserve(handles.size() + ready.size());
    std::vector<worker_thread*> threads;
    threads.reserve(ready.size());
    for (auto& one : ready) {
        handles.push_back(one.start());
        threads.push_back(handles.back().get());
    }
    ready.clear();
    return threads;
}

}}} // namespace inquest::INQUEST_ABI::detail
