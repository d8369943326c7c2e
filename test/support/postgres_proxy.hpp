// Stands between a program and a PostgreSQL server, and decides what becomes of a COMMIT.
#pragma once

#include "scratch.hpp"

#include <atomic>
#include <functional>
#include <list>
#include <string>
#include <thread>

namespace support {

/// Passes on what it is sent, but for some COMMITs, which it hands to a function. When that returns, the session is closed on both sides.
class postgres_proxy {
  public:
    /// A COMMIT that the client has sent and the server has not seen.
    class commit {
      public:
        /// Sends it to the server, and returns when that has answered, or closed the session. The client does not see the answer.
        void carry_out();
        /// Closes the session to the client.
        void drop_client();

      private:
        friend postgres_proxy;
        commit(int client, int server, std::string message)
            : client_(client), server_(server), message_(std::move(message)) {}
        const int client_, server_;
        const std::string message_;
    };

    /// Of the server with its socket in that folder. `at_commit` is called with each COMMIT from number `first` to `last` of all sessions, on the
    /// session's thread.
    postgres_proxy(const std::string& server, int first, int last, std::function<void(commit&)> at_commit);
    /// Once no client is connected any more.
    ~postgres_proxy();
    postgres_proxy(const postgres_proxy&) = delete;
    postgres_proxy& operator=(const postgres_proxy&) = delete;

    /// Where its own socket is.
    std::string folder() const { return folder_.path(); }

  private:
    void accept_all();
    void run_session(int client);
    /// Sends the whole messages of `from_client` on, and cuts them off there. False once the session is to be closed.
    bool pass_on(std::string& from_client, bool& is_started, int client, int server);

    const std::string server_;
    const int first_, last_;
    const std::function<void(commit&)> at_commit_;
    const scratch folder_{"/tmp"};
    const int listener_;
    std::atomic<int> commits_{0};
    std::list<std::jthread> sessions_; // while it runs, the acceptor's own
    std::jthread acceptor_;
};

} // namespace support
