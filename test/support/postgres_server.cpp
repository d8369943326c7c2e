#include "postgres_server.hpp"

#include "support.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <memory>
#include <pwd.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace support {
namespace {

/// Whom it runs as.
const passwd& user() {
    const passwd* found = ::geteuid() != 0 ? ::getpwuid(::geteuid()) : ::getpwnam("postgres");
    if (!found) found = ::getpwnam("nobody");
    if (!found) throw std::runtime_error("there is no user for PostgreSQL");
    return *found;
}

int wait_for_end(pid_t process) {
    int status = 0;
    while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> found;
    for (const auto& each : std::filesystem::directory_iterator("/proc")) {
        const std::string name = each.path().filename();
        pid_t process = 0;
        std::from_chars(name.data(), name.data() + name.size(), process);
        if (process == 0) continue;
        const auto stat =
            contents(each.path() / "stat"); // its number, its name in brackets, its state, its parent
        const auto after_name = stat.rfind(") ");
        if (after_name != std::string::npos && std::atoi(stat.c_str() + after_name + 4) == parent)
            found.push_back(process);
    }
    return found;
}

} // namespace

std::optional<std::filesystem::path> postgres_server::installed() {
    std::vector<std::pair<int, std::filesystem::path>> found;
    std::error_code none;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none))
        found.emplace_back(std::atoi(version.path().filename().c_str()), version.path() / "bin");
    std::ranges::sort(found, std::greater());
    const std::string path = std::getenv("PATH") ? std::getenv("PATH") : "";
    for (std::size_t at = 0; at < path.size();) {
        const auto end = std::min(path.find(':', at), path.size());
        found.emplace_back(0, path.substr(at, end - at));
        at = end + 1;
    }
    for (const auto& [version, folder] : found)
        if (::access((folder / "postgres").c_str(), X_OK) == 0 &&
            ::access((folder / "initdb").c_str(), X_OK) == 0)
            return folder;
    return std::nullopt;
}

postgres_server::postgres_server(std::filesystem::path programs)
    : programs_(std::move(programs)), user_(user().pw_uid), group_(user().pw_gid) {
    if (::geteuid() == 0 && ::chown(folder().c_str(), user_, group_) != 0)
        throw std::system_error(errno, std::generic_category(), "chown");
    const int made =
        wait_for_end(spawn({programs_ / "initdb", "--pgdata", folder_.file("data"), "--auth", "trust",
                            "--username", "test", "--encoding", "UTF8", "--locale", "C", "--no-sync"}));
    if (made != 0) throw std::runtime_error("initdb failed: " + contents(log()));
    start();
}

postgres_server::~postgres_server() {
    if (first_ == 0) return;
    ::kill(first_, SIGINT); // which ends its sessions
    wait_for_end(first_);
}

pid_t postgres_server::spawn(const std::vector<std::string>& command) const {
    std::vector<char*> arguments;
    for (const auto& each : command) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    const std::string folder = this->folder(), log = this->log();
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child > 0) return child;
    // Other threads may have been in the middle of anything: only system calls.
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0 || ::setuid(user_) != 0))
        ::_exit(126);
    // After that, which would undo it. For PostgreSQL, SIGQUIT is: at once, and all processes.
    if (::prctl(PR_SET_PDEATHSIG, SIGQUIT) != 0 || ::getppid() != parent) ::_exit(126);
    const int to = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (to < 0 || ::chdir(folder.c_str()) != 0 || ::dup2(to, 1) < 0 || ::dup2(to, 2) < 0) ::_exit(126);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

void postgres_server::start() {
    const auto accepts = conninfo();
    for (;;) {
        const auto said_before = contents(log()).size();
        first_ = spawn({programs_ / "postgres", "-D", folder_.file("data"), "-k", folder(), "-p", "5432",
                        "-c", "listen_addresses="});
        bool has_ended = false;
        wait_for("a server to start", [&] {
            int status = 0;
            has_ended = ::waitpid(first_, &status, WNOHANG) != 0;
            return has_ended || ::PQping(accepts.c_str()) == PQPING_OK;
        });
        if (!has_ended) return;
        first_ = 0;
        const auto said = contents(log());
        // Processes of the one before have not ended yet; what they say at their end may stand behind that.
        if (said.find("still in use", said_before) == std::string::npos)
            throw std::runtime_error("PostgreSQL does not start: " + said);
    }
}

void postgres_server::kill() {
    // Stopped, it neither starts more processes nor takes notice of those that have ended: their numbers are still theirs.
    ::kill(first_, SIGSTOP);
    int status = 0;
    while (::waitpid(first_, &status, WUNTRACED) < 0 && errno == EINTR) {
    }
    for (const pid_t each : children_of(first_)) ::kill(each, SIGKILL);
    kill_first();
}

void postgres_server::kill_first() {
    ::kill(first_, SIGKILL);
    wait_for_end(first_);
    first_ = 0;
}

std::string postgres_server::conninfo(std::string_view folder) const {
    return "host=" + (folder.empty() ? this->folder() : std::string(folder)) +
           " port=5432 user=test dbname=postgres";
}

std::string postgres_server::ask(const std::string& sql) const {
    const std::unique_ptr<PGconn, decltype(&::PQfinish)> session(::PQconnectdb(conninfo().c_str()),
                                                                 &::PQfinish);
    ::PQsetNoticeProcessor(session.get(), [](void*, const char*) {}, nullptr);
    const std::unique_ptr<PGresult, decltype(&::PQclear)> result(::PQexec(session.get(), sql.c_str()),
                                                                 &::PQclear);
    const auto status = ::PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw std::runtime_error(sql + ": " + ::PQerrorMessage(session.get()));
    std::string answer;
    if (::PQntuples(result.get()) > 0)
        for (int i = 0; i < ::PQnfields(result.get()); ++i)
            answer += (i > 0 ? "|" : "") + std::string(::PQgetvalue(result.get(), 0, i));
    return answer;
}

} // namespace support
