// The same work by inquest's pipeline, by oneTBB's and by a plain loop: a text is read in chunks, cut into words, hashed line by line, and
// the hashes are written. Prints the seconds it took and its peak of memory, or what was said when it failed.
// pipeline.py runs it.
#include <inquest/pipeline.hpp>

#ifdef BENCH_TBB
#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>
#endif

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

struct settings {
    const char* input = nullptr;
    const char* output = nullptr;
    std::size_t chunk = 0, parallelism = 0;
    std::size_t fails_at = 0; // the chunk that can't be parsed; 0: none
};

struct chunk {
    std::size_t number;
    std::string text; // whole lines
};

struct word {
    std::uint32_t begin, end;
    bool ends_line;
};

struct parsed {
    std::size_t number;
    std::string text;
    std::vector<word> words;
};

using hashes = std::vector<std::uint64_t>; // of the lines

class file {
  public:
    file(const char* path, const char* mode) : its_(std::fopen(path, mode)) {
        if (!its_) throw std::system_error(errno, std::generic_category(), path);
        std::setvbuf(its_.get(), nullptr, _IONBF, 0);
    }
    std::size_t read(char* into, std::size_t most) { return std::fread(into, 1, most, its_.get()); }
    void write(std::string_view bytes) {
        if (std::fwrite(bytes.data(), 1, bytes.size(), its_.get()) != bytes.size())
            throw std::system_error(errno, std::generic_category(), "write");
    }

  private:
    struct closer {
        void operator()(std::FILE* one) const { std::fclose(one); }
    };
    std::unique_ptr<std::FILE, closer> its_;
};

class reader {
  public:
    explicit reader(const settings& with) : from_(with.input, "rb"), size_(with.chunk) {}

    std::optional<chunk> operator()() {
        std::string text = std::exchange(rest_, {});
        const auto begun = text.size();
        text.resize(begun + size_);
        text.resize(begun + from_.read(text.data() + begun, size_));
        if (text.empty()) return std::nullopt;
        if (const auto last = text.rfind('\n'); last != std::string::npos) {
            rest_.assign(text, last + 1);
            text.resize(last + 1);
        }
        return chunk{++number_, std::move(text)};
    }

  private:
    file from_;
    std::size_t size_, number_ = 0;
    std::string rest_{};
};

parsed parse(chunk&& one, const settings& with) {
    if (one.number == with.fails_at)
        throw std::runtime_error("chunk " + std::to_string(one.number) + " can't be parsed");
    parsed made{one.number, std::move(one.text), {}};
    const char* const text = made.text.data();
    const auto size = static_cast<std::uint32_t>(made.text.size());
    made.words.reserve(size / 8);
    for (std::uint32_t at = 0; at < size;) {
        while (at < size && (text[at] == ' ' || text[at] == '\t')) ++at;
        const auto begin = at;
        while (at < size && text[at] != ' ' && text[at] != '\t' && text[at] != '\n') ++at;
        const bool ends_line = at < size && text[at] == '\n';
        made.words.push_back({begin, at, ends_line});
        at += ends_line;
    }
    return made;
}

/// FNV-1a of each line's words.
hashes hash(parsed&& one) {
    hashes made;
    constexpr std::uint64_t start = 14695981039346656037u, prime = 1099511628211u;
    std::uint64_t sum = start;
    for (const auto& [begin, end, ends_line] : one.words) {
        for (auto at = begin; at < end; ++at) sum = (sum ^ static_cast<unsigned char>(one.text[at])) * prime;
        if (ends_line) made.push_back(std::exchange(sum, start));
    }
    return made;
}

class writer {
  public:
    explicit writer(const settings& with) : to_(with.output, "wb") {}

    void operator()(hashes&& lines) {
        text_.clear();
        for (const auto line : lines) {
            char digits[17];
            const auto end = std::to_chars(digits, digits + 16, line, 16).ptr;
            *end = '\n';
            text_.append(digits, end + 1);
        }
        to_.write(text_);
    }

  private:
    file to_;
    std::string text_{};
};

// Of items on their way, as many as workers can be busy with, and some more to even out their pace.
constexpr std::size_t waiting = 4;

void by_loop(const settings& with) {
    reader read(with);
    writer write(with);
    while (auto one = read()) write(hash(parse(*std::move(one), with)));
}

void by_inquest(const settings& with, std::size_t threads) {
    const auto of = [&](const char* name) {
        return inquest::stage_options{
            .name = name, .parallelism = with.parallelism, .ordered = true, .capacity = waiting};
    };
    auto read = std::make_shared<reader>(with);
    auto write = std::make_shared<writer>(with);
    const auto done = inquest::make_pipeline(inquest::stage_options{.name = "read", .capacity = waiting},
                                             [read] { return (*read)(); })
                          .stage(of("parse"), [&with](chunk&& one) { return parse(std::move(one), with); })
                          .stage(of("hash"), hash)
                          .sink("write", [write](hashes&& lines) { (*write)(std::move(lines)); })
                          .run({}, {.threads = threads});
    if (!done) throw std::runtime_error(done.error().message());
}

#ifdef BENCH_TBB
void by_tbb(const settings& with) {
    const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, with.parallelism);
    reader read(with);
    writer write(with);
    using enum tbb::filter_mode;
    // An item is copied on its way in and moved out, so it goes by pointer, as in oneTBB's own examples.
    const auto tokens = 3 * waiting + 2 * with.parallelism + 2;
    tbb::parallel_pipeline(
        tokens, tbb::make_filter<void, chunk*>(serial_in_order, [&](tbb::flow_control& flow) -> chunk* {
                    if (auto one = read()) return new chunk(*std::move(one));
                    flow.stop();
                    return nullptr;
                }) & tbb::make_filter<chunk*, parsed*>(parallel, [&](chunk* given) {
                    const std::unique_ptr<chunk> one(given);
                    return new parsed(parse(std::move(*one), with));
                }) & tbb::make_filter<parsed*, hashes*>(parallel, [](parsed* given) {
                    const std::unique_ptr<parsed> one(given);
                    return new hashes(hash(std::move(*one)));
                }) & tbb::make_filter<hashes*, void>(serial_in_order, [&](hashes* given) {
                    const std::unique_ptr<hashes> one(given);
                    write(std::move(*one));
                }));
}
#endif

/// The most memory that this process has had, in kilobytes. What the system counts for its parent has that of the parent in it.
std::size_t peak_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
    return 0;
}

int usage() {
    std::cerr << "usage: pipeline loop|inquest|inquest-shared|tbb INPUT OUTPUT CHUNK PARALLELISM "
                 "[CHUNK_THAT_FAILS]\n";
    return 2;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 6) return usage();
    const settings with{.input = argv[2],
                        .output = argv[3],
                        .chunk = std::strtoull(argv[4], nullptr, 10),
                        .parallelism = std::strtoull(argv[5], nullptr, 10),
                        .fails_at = argc > 6 ? std::strtoull(argv[6], nullptr, 10) : 0};
    const std::string_view how = argv[1];
    void (*run)(const settings&) = nullptr;
    if (how == "loop") run = by_loop;
    if (how == "inquest") run = [](const settings& its) { by_inquest(its, 0); };
    if (how == "inquest-shared") run = [](const settings& its) { by_inquest(its, its.parallelism); };
#ifdef BENCH_TBB
    if (how == "tbb") run = by_tbb;
#endif
    if (!run || with.chunk == 0 || with.parallelism == 0) return usage();
    const auto begun = std::chrono::steady_clock::now();
    try {
        run(with);
    } catch (const std::exception& failed) {
        std::cout << failed.what() << '\n'; // all that is known
        return 1;
    }
    std::cout << std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() << ' '
              << peak_memory() << '\n';
}
