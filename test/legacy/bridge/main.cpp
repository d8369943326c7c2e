// One channel in one program of four standards: this file makes it, and has the workers.
#include "parcel.hpp"

#include <inquest/bridge_to.hpp>
#include <inquest/inquest.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <string>
#include <system_error>
#include <thread>

namespace {

void check(bool good, const char* what) {
    if (good) return;
    std::fprintf(stderr, "not so: %s\n", what);
    std::exit(1);
}

void a_refused_push_says_why() {
    inquest::channel<parcel> queue({.capacity = 2, .name = "parcels"});
    auto worker = inquest::spawn(
        "store", queue, [](inquest::receiver<parcel>& from) -> std::expected<void, std::error_code> {
            for (const parcel& each : from)
                if (each.number == 3)
                    return std::unexpected(std::make_error_code(std::errc::no_space_on_device));
            return {};
        });
    parcel left;
    int code = 0;
    const std::string why = push_until_refused(bridge_to(queue), left, code);
    check(why == "worker 'store' failed on item 3: No space left on device", why.c_str());
    check(code == ENOSPC, "the code is the worker's");
    check(left.text && *left.text == "parcel " + std::to_string(left.number), "the refused parcel is whole");
    check(*worker.join().error().error() == std::errc::no_space_on_device, "this file sees the typed error");
    check(!queue.recover().empty() || left.number <= 6, "what nobody popped is handed back here");
}

void a_code_is_found_in_errors_of_other_kinds() {
    const auto code_of = [](inquest::cause why) {
        inquest::channel<int> queue(1);
        queue.close(std::move(why));
        return bridge_to(queue).why().code;
    };
    check(code_of(inquest::cause(-5)) == -5, "an int");
    check(code_of(inquest::cause(std::errc::timed_out)) == ETIMEDOUT, "an errc");
    check(code_of(inquest::cause(std::string("text"))) == 0, "a text");
    check(code_of(inquest::cause(
              std::make_exception_ptr(std::system_error(EPIPE, std::generic_category())))) == EPIPE,
          "a system_error that was thrown");
    check(code_of(inquest::cause(std::make_exception_ptr(1))) == 0, "something else that was thrown");
}

void pushes_and_pops_of_old_files() {
    inquest::channel<int> queue(2);
    check(use_every_push(bridge_to(queue)) == 0, "a push of C++14");
    long sum = 0;
    check(add_up(bridge_to(queue), sum) == inquest::bridge::status::complete, "C++11 sees the end");
    check(sum == 3, "and the items");
    inquest::channel<int> other(2);
    check(other.push(1) && other.push(2), "there is room");
    check(use_every_pop(bridge_to(other)) == 0, "a pop of C++17");
    check(other.cause().message() == "a file of C++17 gave up", "this file sees why");
}

void threads_of_old_files_meet() {
    inquest::channel<int> queue(2);
    long sum = 0;
    {
        std::jthread consumer(
            [&] { check(add_up(bridge_to(queue), sum) == inquest::bridge::status::complete, "the end"); });
        for (int i = 1; i <= 1000; ++i) check(bool(bridge_to(queue).push(i)), "a push");
        queue.close();
    }
    check(sum == 500'500, "all of them came");
}

} // namespace

int main() {
    a_refused_push_says_why();
    a_code_is_found_in_errors_of_other_kinds();
    pushes_and_pops_of_old_files();
    threads_of_old_files_meet();
    std::puts("as it should be");
}
