// A TCP connection that sends a line and reads one back; what both `enrich` and `blind` do for each item.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <netdb.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

/// What went wrong on the network, and with whom.
struct net_error {
    std::string what;
    std::string where;

    std::string message() const { return what + ": " + where; }

    /// The system's words for `number`, as the middle of a sentence.
    static net_error from_errno(int number, std::string where) {
        std::string text = std::generic_category().message(number);
        if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
            text[0] = static_cast<char>(text[0] - 'A' + 'a');
        return {std::move(text), std::move(where)};
    }
};

/// HOST:PORT, or [HOST]:PORT for an IPv6 address.
struct address {
    std::string host, port, text;

    static std::optional<address> parse(std::string_view text) {
        const auto colon = text.rfind(':');
        if (colon == text.npos || colon == 0 || colon + 1 == text.size()) return std::nullopt;
        std::string_view host = text.substr(0, colon);
        const std::string_view port = text.substr(colon + 1);
        if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
        if (host.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos)
            return std::nullopt;
        const int number = std::stoi(std::string(port));
        if (number < 1 || number > 65535) return std::nullopt;
        return address{std::string(host), std::string(port), std::string(text)};
    }
};

/// One connection, made on first use.
class line_client {
  public:
    explicit line_client(address server) : server_(std::move(server)) {}
    line_client(const line_client&) = delete;
    line_client& operator=(const line_client&) = delete;
    ~line_client() { hang_up(); }

    /// Sends `line` and returns the line that comes back, without its end.
    std::expected<std::string, net_error> ask(std::string_view line) {
        if (socket_ < 0)
            if (auto connected = connect(); !connected) return std::unexpected(connected.error());
        std::string out(line);
        out += '\n';
        for (std::size_t sent = 0; sent < out.size();) {
            const auto n = ::send(socket_, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
            if (n >= 0)
                sent += static_cast<std::size_t>(n);
            else if (errno != EINTR)
                return std::unexpected(net_error::from_errno(errno, server_.text));
        }
        for (;;) {
            if (const auto end = received_.find('\n'); end != received_.npos) {
                std::string answer = received_.substr(0, end);
                received_.erase(0, end + 1);
                return answer;
            }
            char buffer[4096];
            const auto n = ::recv(socket_, buffer, sizeof buffer, 0);
            if (n > 0)
                received_.append(buffer, static_cast<std::size_t>(n));
            else if (n == 0)
                return std::unexpected(net_error{"connection closed by the server", server_.text});
            else if (errno != EINTR)
                return std::unexpected(net_error::from_errno(errno, server_.text));
        }
    }

  private:
    std::expected<void, net_error> connect() {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        if (const int bad = ::getaddrinfo(server_.host.c_str(), server_.port.c_str(), &hints, &found))
            return std::unexpected(net_error{::gai_strerror(bad), server_.text});
        int error = EHOSTUNREACH;
        for (const addrinfo* a = found; a && socket_ < 0; a = a->ai_next) {
            socket_ = ::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
            if (socket_ < 0)
                error = errno;
            else if (::connect(socket_, a->ai_addr, a->ai_addrlen) != 0) {
                error = errno;
                hang_up();
            }
        }
        ::freeaddrinfo(found);
        if (socket_ < 0) return std::unexpected(net_error::from_errno(error, server_.text));
        return {};
    }
    void hang_up() {
        if (socket_ >= 0) ::close(socket_);
        socket_ = -1;
    }

    address server_;
    int socket_ = -1;
    std::string received_;
};
