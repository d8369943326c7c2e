#include "postgres_proxy.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace support {
namespace {

/// Owns a socket.
struct open_socket {
    const int fd;
    explicit open_socket(int its) : fd(its) {}
    ~open_socket() { ::close(fd); }
    open_socket(const open_socket&) = delete;
    open_socket& operator=(const open_socket&) = delete;
};

int new_socket() {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "socket");
    return fd;
}

/// As a function of the socket's address in that folder, which the system calls by.
template <class Call>
int with_address(const std::string& folder, Call&& call) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    const std::string path = folder + "/.s.PGSQL.5432";
    if (path.size() >= sizeof at.sun_path) throw std::runtime_error("a socket's path is too long: " + path);
    std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
    return call(reinterpret_cast<const sockaddr*>(&at), static_cast<socklen_t>(sizeof at));
}

bool send_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

/// Appends what has come. False at the end.
bool receive(int from, std::string& into) {
    char bytes[65536];
    for (;;) {
        const auto n = ::recv(from, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        into.append(bytes, static_cast<std::size_t>(n));
        return true;
    }
}

/// The length of the first message of `bytes`, in which its type comes first, and then its length without that. 0 if it is not whole.
std::size_t first_message(std::string_view bytes, bool has_type) {
    const std::size_t type = has_type ? 1 : 0;
    if (bytes.size() < type + 4) return 0;
    std::size_t length = 0;
    for (const char c : bytes.substr(type, 4)) length = length * 256 + static_cast<unsigned char>(c);
    return bytes.size() < type + length ? 0 : type + length;
}

} // namespace

postgres_proxy::postgres_proxy(const std::string& server, int first, int last,
                               std::function<void(commit&)> at_commit)
    : server_(server), first_(first), last_(last), at_commit_(std::move(at_commit)), listener_(new_socket()) {
    if (with_address(folder(), [&](auto... at) { return ::bind(listener_, at...); }) != 0 ||
        ::listen(listener_, 8) != 0)
        throw std::system_error(errno, std::generic_category(), folder());
    acceptor_ = std::jthread([this] { accept_all(); });
}

postgres_proxy::~postgres_proxy() {
    ::shutdown(listener_, SHUT_RDWR); // ends its accept
    acceptor_.join();
    sessions_.clear();
    ::close(listener_);
}

void postgres_proxy::accept_all() {
    for (;;) {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client >= 0)
            sessions_.emplace_back([this, client] { run_session(client); });
        else if (errno != EINTR)
            return;
    }
}

void postgres_proxy::run_session(int accepted) {
    const open_socket client(accepted), server(new_socket());
    if (with_address(server_, [&](auto... at) { return ::connect(server.fd, at...); }) != 0) return;
    std::string from_client, from_server;
    bool is_started = false;
    for (;;) {
        pollfd both[2] = {{client.fd, POLLIN, 0}, {server.fd, POLLIN, 0}};
        if (::poll(both, 2, -1) < 0) continue;
        if (both[0].revents != 0 &&
            (!receive(client.fd, from_client) || !pass_on(from_client, is_started, client.fd, server.fd)))
            return;
        if (both[1].revents == 0) continue;
        const bool is_open = receive(server.fd, from_server);
        if (!send_all(client.fd, from_server) || !is_open) return;
        from_server.clear();
    }
}

bool postgres_proxy::pass_on(std::string& from_client, bool& is_started, int client, int server) {
    while (const auto size = first_message(from_client, is_started)) {
        const std::string message = from_client.substr(0, size);
        from_client.erase(0, size);
        is_started = true; // only the first one has no type
        constexpr std::size_t text = 5;
        if (message.front() == 'Q' && message.substr(text) == std::string("commit") + '\0') {
            const int number = ++commits_;
            if (number >= first_ && number <= last_) {
                commit its(client, server, message);
                at_commit_(its);
                return false;
            }
        }
        if (!send_all(server, message)) return false;
    }
    return true;
}

void postgres_proxy::commit::carry_out() {
    if (!send_all(server_, message_)) return;
    std::string answer;
    while (receive(server_, answer))
        while (const auto size = first_message(answer, true)) {
            if (answer.front() == 'Z') return; // ready for the next statement
            answer.erase(0, size);
        }
}

void postgres_proxy::commit::drop_client() { ::shutdown(client_, SHUT_RDWR); }

} // namespace support
