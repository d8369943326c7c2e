// What the tests of `store_sqlite` and `store_postgres` share: rows, and what a program that runs is doing.
#pragma once

#include "../support/program.hpp"
#include "../support/support.hpp"
#include "open_input.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>

/// The rows from `first` to `last`, whose keys are these numbers.
inline std::string rows(int first, int last) {
    std::string text;
    for (int i = first; i <= last; ++i) {
        const auto key = std::to_string(i);
        text += key + "\ttext of " + key + '\n';
    }
    return text;
}

/// What `select count(*), count(distinct key), sum(key), ...` says of a table with the rows 1 to `n`.
inline std::string all_of(long long n) {
    const auto count = std::to_string(n);
    return count + '|' + count + '|' + std::to_string(n * (n + 1) / 2) + '|' + count;
}
constexpr const char* sums = "select count(*), count(distinct key), coalesce(sum(key), 0),"
                             "  count(case when text = 'text of ' || key then 1 end) from stored_rows";

/// A field of what the system says of a process or a thread; empty once that has ended.
inline std::string status_field(const std::string& folder, const std::string& field) {
    std::ifstream in(folder + "/status");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
    return "";
}

/// Waits for a state as long as the process has not ended.
template <class State>
void wait_while_running(pid_t process, const char* what, State&& state) {
    support::wait_for(what, [&] {
        const auto its = status_field("/proc/" + std::to_string(process), "State");
        return its.empty() || its.starts_with('Z') || state();
    });
}

/// True once the process has taken the signal, and left the next one of its kind to do what it does by default.
inline bool has_taken(pid_t process, int signal) {
    const auto caught = status_field("/proc/" + std::to_string(process), "SigCgt");
    return caught.empty() || ((std::stoull(caught, nullptr, 16) >> (signal - 1)) & 1) == 0;
}
