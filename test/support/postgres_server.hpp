// A PostgreSQL server of a test's own, which nobody else can reach.
#pragma once

#include "scratch.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace support {

/// Its data and its socket are in a folder of its own, and it listens nowhere else. It runs as the user "postgres" or "nobody" if the test
/// is run by root, whom PostgreSQL refuses, and ends with the thread that has started it.
class postgres_server {
  public:
    /// Where its programs are: the newest that is there; none if there is none.
    static std::optional<std::filesystem::path> installed();

    /// Starts one with nothing in it, with the programs in that folder.
    explicit postgres_server(std::filesystem::path programs);
    ~postgres_server();
    postgres_server(const postgres_server&) = delete;
    postgres_server& operator=(const postgres_server&) = delete;

    /// Starts it again, and waits until it accepts connections.
    void start();
    /// Ends it and all its processes by SIGKILL. Any thread may call it.
    void kill();
    /// Ends only its first process by SIGKILL: the others find that out by themselves.
    void kill_first();

    /// Where its socket is.
    std::string folder() const { return folder_.path(); }
    /// How to connect to its only database, by default through the socket in its own folder.
    std::string conninfo(std::string_view folder = {}) const;
    /// What it answers to a statement: of its first row the columns, separated by '|'. Throws std::runtime_error.
    std::string ask(const std::string& sql) const;

  private:
    pid_t spawn(const std::vector<std::string>& command) const;
    /// Appended to by all that it starts.
    std::string log() const { return folder_.file("log"); }

    const std::filesystem::path programs_;
    const uid_t user_;
    const gid_t group_;
    const scratch folder_{"/tmp"}; // a socket's path must be short, and others must get there
    pid_t first_ = 0;              // its first process; 0: none
};

} // namespace support
