// A parallel gzip: three stages read, deflate or inflate, and write. Blocks are deflated on several threads, each as a gzip member that
// states its length; members that do are inflated on several threads, too, and any others on one, while the reader and
// the writer go on. Whatever fails, in whichever stage, ends all, and is the one sentence that the user sees.
#include "gzip_members.hpp"
#include "gzip_stream.hpp"
#include "places.hpp"
#include "progress_line.hpp"
#include "squeeze_files.hpp"
#include "squeeze_options.hpp"
#include "termination.hpp"

#include <inquest/pipeline.hpp>

#include <csignal>
#include <iostream>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace {

using outcome = std::expected<void, inquest::failure<>>;

using buffer_receiver = inquest::receiver<buffer>;
using buffer_sender = inquest::sender<buffer>;

class squeeze {
  public:
    squeeze(const squeeze_options& given, input_file& in, output_file& out, const std::stop_token& stop)
        : given_(given), in_(in), out_(out), stop_(stop) {
        if (isatty(STDERR_FILENO) && !(given.to_standard_output && isatty(STDOUT_FILENO))) {
            std::optional<std::uint64_t> size;
            if (in.is_regular()) size = static_cast<std::uint64_t>(in.its().st_size);
            line_.emplace([&in] { return in.position(); }, size);
            watched_.progress = [this](auto stages) { line_->draw(stages); };
        }
    }

    outcome compress() {
        reading from(in_);
        return inquest::make_pipeline<buffer>(
                   stage("read"), [&](buffer_sender& blocks) { return read_blocks(from, blocks); })
            .stage(parallel_stage("deflate"), limited(places_, gzip::block_deflater(given_.level)))
            .sink("write", [&](buffer_receiver& members) { return write(members); })
            .run(stop_, watched_);
    }
    outcome decompress() {
        auto done = decompress_own();
        if (!done || (any_member_ && rest_.size() == 0)) return done;
        return decompress_rest();
    }
    [[nodiscard]] bool found_garbage() const noexcept { return found_garbage_; }

  private:
    /// The members that were made here, until there is something else.
    outcome decompress_own() {
        reading from(in_);
        return inquest::make_pipeline<buffer>(
                   stage("read"), [&](buffer_sender& members) { return read_members(from, members); })
            .stage(parallel_stage("inflate"), limited(places_, gzip::member_inflater()))
            .sink("write", [&](buffer_receiver& blocks) { return write(blocks); })
            .run(stop_, watched_);
    }
    outcome decompress_rest() {
        reading from(in_);
        return inquest::make_pipeline<buffer>(stage("read"),
                                              [&](buffer_sender& pieces) { return read_rest(from, pieces); })
            .stage<buffer>("inflate", [&](buffer_receiver& pieces,
                                          buffer_sender& blocks) { return inflate(pieces, blocks); })
            .sink("write", [&](buffer_receiver& blocks) { return write(blocks); })
            .run(stop_, watched_);
    }
    inquest::stage_options stage(const char* name) const {
        return {.name = name, .capacity = 2 * given_.threads};
    }
    /// Twice as many workers as may work at once: one that waits for its turn, to keep the order, keeps nobody from working.
    inquest::stage_options parallel_stage(const char* name) const {
        const auto workers = given_.threads == 1 ? 1 : 2 * given_.threads;
        return {.name = name, .parallelism = workers, .ordered = true, .capacity = 2 * given_.threads};
    }

    io_result read_blocks(reading& from, buffer_sender& out) {
        const auto wanted = from.while_open(out);
        for (bool first = true;; first = false) {
            buffer block(gzip::block_size);
            if (auto got = from.fill(block, gzip::block_size); !got) return got;
            if (block.size() == 0 && !first) return {};
            const bool last = block.room_left() > 0;
            if (!out.push(std::move(block)) || last) return {};
        }
    }
    /// As long as there are members made here: what begins otherwise, or breaks off, is left in `rest_`.
    io_result read_members(reading& from, buffer_sender& out) {
        const auto wanted = from.while_open(out);
        for (;;) {
            buffer member(gzip::longest_member);
            if (auto got = from.fill(member, gzip::header_size); !got) return got;
            const auto length = gzip::stated_length(member.bytes());
            if (length) {
                if (auto got = from.fill(member, *length); !got) return got;
            }
            if (!length || member.size() < *length) {
                rest_ = std::move(member);
                return {};
            }
            any_member_ = true;
            if (!out.push(std::move(member))) return {};
        }
    }
    io_result read_rest(reading& from, buffer_sender& out) {
        const auto wanted = from.while_open(out);
        if (rest_.size() > 0 && !out.push(std::exchange(rest_, buffer(0)))) return {};
        for (;;) {
            buffer piece(gzip::block_size);
            const auto more = from.read_some(piece, gzip::block_size);
            if (!more) return std::unexpected(more.error());
            if (!*more || !out.push(std::move(piece))) return {};
        }
    }
    std::expected<void, std::string> inflate(buffer_receiver& in, buffer_sender& out) {
        gzip::stream_inflater stream(any_member_, out);
        auto done = stream.inflate_all(in);
        found_garbage_ = stream.found_garbage();
        return done;
    }
    io_result write(buffer_receiver& in) {
        for (const buffer& bytes : in)
            if (auto written = out_.write(bytes.bytes(), stopped_); !written) return written;
        return {};
    }

    const squeeze_options& given_;
    input_file& in_;
    output_file& out_;
    const std::stop_token& stop_;
    places places_{given_.threads};
    const wake_up stopped_;
    const std::stop_callback<std::function<void()>> on_stop_{stop_, [this] { stopped_.wake(); }};
    std::optional<progress_line> line_;
    inquest::run_options watched_;
    buffer rest_{0};
    bool any_member_ = false, found_garbage_ = false;
};

/// No file that is opened later takes the place of a standard one that is closed: to read or write there fails.
void occupy_standard_files() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int fail(const std::string& why) {
    std::cerr << "squeeze: " << why << '\n';
    return 1;
}
int fail_on(const char* doing, const std::string& what, const std::error_code& why) {
    return fail(doing + (" '" + what + "': ") + why.message());
}

struct result {
    outcome done;
    bool found_garbage;
};

result squeeze_all(const squeeze_options& given, input_file& in, output_file& out,
                   const std::stop_token& stop) {
    squeeze work(given, in, out, stop);
    auto done = given.decompress ? work.decompress() : work.compress();
    return {std::move(done), work.found_garbage()};
}

int squeeze_into(output_file out, input_file& in, const squeeze_options& given, const std::stop_token& stop) {
    const auto [done, found_garbage] = squeeze_all(given, in, out, stop);
    if (stop.stop_requested()) return 1; // whoever did that knows
    if (!done) return fail(done.error().message());
    if (const auto kept = out.commit(in.its()); !kept)
        return fail("can't complete the output: " + kept.error().message());
    if (given.makes_file() && !given.keep && ::unlink(given.file.c_str()) != 0)
        return fail_on("can't remove", given.file, {errno, std::generic_category()});
    if (!found_garbage) return 0;
    fail("decompression OK, trailing garbage ignored");
    return 2;
}

int squeeze_file(const squeeze_options& given, posix_file&& file) {
    const auto name = given.makes_file() ? name_of_result(given) : std::string();
    if (!name) return fail(name.error());
    input_file in(std::move(file));
    if (given.makes_file() && !in.is_regular()) return fail("'" + given.file + "' is not a regular file");
    const termination asked; // before a file is made, so that it is removed
    if (given.test) return squeeze_into(output_file::nowhere(), in, given, asked.requested());
    if (name->empty()) return squeeze_into(output_file::standard(), in, given, asked.requested());
    auto out = output_file::create(*name);
    if (!out && out.error() == std::errc::file_exists)
        return fail("'" + *name + "' exists, and is not overwritten");
    if (!out) return fail_on("can't create", *name, out.error());
    return squeeze_into(std::move(*out), in, given, asked.requested());
}

int run(const squeeze_options& given) {
    if (!given.decompress && !given.makes_file() && isatty(STDOUT_FILENO))
        return fail("compressed data are not written to a terminal");
    if (given.file.empty()) {
        if (given.decompress && isatty(STDIN_FILENO))
            return fail("compressed data are not read from a terminal");
        return squeeze_file(given, posix_file(STDIN_FILENO));
    }
    auto file = posix_file::open(given.file.c_str(), O_RDONLY | (given.makes_file() ? O_NOFOLLOW : 0));
    if (!file) return fail_on("can't open", given.file, file.error());
    return squeeze_file(given, std::move(*file));
}

} // namespace

int main(int argc, char** argv) {
    occupy_standard_files();
    const auto given = parse_squeeze_options(argc, argv);
    if (!given) return given.error();
    std::signal(SIGPIPE, SIG_IGN); // what can't be written is then an error like others: EPIPE
    std::signal(SIGXFSZ, SIG_IGN); // EFBIG
    try {
        return run(*given);
    } catch (const std::exception& e) {
        return fail(e.what());
    }
}
