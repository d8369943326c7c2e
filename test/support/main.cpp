// The test program's main: doctest's, with every case under the watchdog. No case at all is a failure.
#define DOCTEST_CONFIG_IMPLEMENT
#include "watchdog.hpp"

#include <doctest/doctest.h>

#include <iostream>

namespace {

int begun = 0;

struct watched : doctest::IReporter {
    explicit watched(const doctest::ContextOptions&) {}
    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats&) override { support::watch({}); }
    void test_case_start(const doctest::TestCaseData& test) override {
        ++begun;
        support::watch(test.m_name);
    }
    void test_case_reenter(const doctest::TestCaseData& test) override { support::watch(test.m_name); }
    void test_case_end(const doctest::CurrentTestCaseStats&) override { support::watch({}); }
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}
};

} // namespace

REGISTER_LISTENER("watchdog", 1, watched);

int main(int count, char** arguments) {
    doctest::Context context(count, arguments);
    const int result = context.run();
    if (begun > 0 || context.shouldExit()) return result;
    std::cerr << "no case was run\n";
    return 1;
}
