#include <inquest/detail/spawner.hpp>

#include <cerrno>
#include <utility>

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

}}} // namespace inquest::INQUEST_ABI::detail
