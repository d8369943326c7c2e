#include "../support/program.hpp"
#include "../support/scratch.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <regex>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace {

const std::string frames = support::from_build("FRAMES");

/// An image whose samples run through the values from 0 to `maxval`; adds up what they are, each from 0 to 1.
std::string image(unsigned width, unsigned height, unsigned maxval, double& light) {
    auto text =
        "P6\n" + std::to_string(width) + ' ' + std::to_string(height) + '\n' + std::to_string(maxval) + '\n';
    for (unsigned i = 0; i < 3 * width * height; ++i) {
        const unsigned sample = i * 41 % (maxval + 1);
        if (maxval > 255) text += static_cast<char>(sample >> 8);
        text += static_cast<char>(sample);
        light += static_cast<double>(sample) / maxval;
    }
    return text;
}

std::string image(unsigned width, unsigned height) {
    double light = 0;
    return image(width, height, 255, light);
}

std::string percent(double light, double samples) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f%%", 100 * light / samples);
    return text;
}

/// Checks that the input is good, from standard input and from a file, and answers what was said of it.
std::string said_of(const std::string& input) {
    const support::scratch dir;
    support::fill(dir.file(), input);
    const auto from_file = support::run({frames, dir.file()});
    const auto from_input = support::run({frames}, input);
    CHECK(from_file.err.empty());
    CHECK(from_file.status == 0);
    CHECK(from_input.err.empty());
    CHECK(from_input.status == 0);
    CHECK(from_file.out == from_input.out);
    return from_file.out;
}

/// Checks that the input is bad, in this way, behind that many good frames in that many bytes.
void check_bad(const std::string& input, const std::string& what, std::size_t good_frames,
               std::size_t good_bytes) {
    const auto run = support::run({frames}, input);
    INFO(run.err);
    CHECK(run.status == 1);
    CHECK(run.out.empty());
    const std::regex expected("frames: worker 'decode' failed (on|after) item \\d+: bad_frame: frame " +
                              std::to_string(good_frames + 1) + ": " + what +
                              "\nframes: good before it: " + std::to_string(good_frames) + " frames, " +
                              std::to_string(good_bytes) + " bytes\n");
    CHECK(std::regex_match(run.err, expected));
    if (good_bytes > 0) // and they are good
        CHECK(said_of(input.substr(0, good_bytes)).starts_with(std::to_string(good_frames) + " frames, "));
}

/// Memory that can be read up to the end of a page, and fails to be read behind it, as a file.
class breaking_input {
  public:
    /// `text` is what comes before the failure.
    explicit breaking_input(std::string_view text)
        : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
        REQUIRE(text.size() <= page_);
        // Two pages of a file that has one: nobody else can be given the other's addresses.
        const int one_page = ::memfd_create("one page", MFD_CLOEXEC);
        REQUIRE(one_page >= 0);
        REQUIRE(::ftruncate(one_page, static_cast<off_t>(page_)) == 0);
        void* const at = ::mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_SHARED, one_page, 0);
        ::close(one_page);
        REQUIRE(at != MAP_FAILED);
        memory_ = static_cast<char*>(at);
        char* const begin = memory_ + page_ - text.size();
        text.copy(begin, text.size());
        fd_ = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        REQUIRE(fd_ >= 0);
        REQUIRE(::lseek(fd_, static_cast<off_t>(reinterpret_cast<std::uintptr_t>(begin)), SEEK_SET) > 0);
    }
    ~breaking_input() {
        ::close(fd_);
        ::munmap(memory_, 2 * page_);
    }
    breaking_input(const breaking_input&) = delete;
    breaking_input& operator=(const breaking_input&) = delete;
    int fd() const { return fd_; }

  private:
    std::size_t page_;
    char* memory_ = nullptr;
    int fd_ = -1;
};

} // namespace

TEST_CASE("frames tells of one, three and 500 good frames") {
    double light = 0;
    const auto one = image(64, 48, 255, light);
    CHECK(said_of(one) == "1 frames, 64x48 to 64x48, mean brightness " + percent(light, 64 * 48 * 3) + '\n');
    const auto three = one + image(7, 3, 100, light) + image(640, 1, 255, light);
    CHECK(said_of(three) ==
          "3 frames, 7x3 to 64x48, mean brightness " + percent(light, (64 * 48 + 7 * 3 + 640) * 3) + '\n');
    std::string many;
    light = 0;
    for (unsigned i = 0; i < 500; ++i) many += image(5, 4, 1 + i % 255, light);
    CHECK(said_of(many) == "500 frames, 5x4 to 5x4, mean brightness " + percent(light, 500 * 60) + '\n');
}

TEST_CASE("frames reads two bytes for each sample where maxval is over 255") {
    for (const unsigned maxval : {256U, 1023U, 65535U}) {
        CAPTURE(maxval);
        double light = 0;
        const auto text =
            image(301, 299, maxval, light) + image(1, 1, 255, light) + image(300, 200, maxval, light);
        REQUIRE(text.size() > 4 * 65536); // so that samples stand across the chunks it is read in
        CHECK(said_of(text) == "3 frames, 1x1 to 301x299, mean brightness " +
                                   percent(light, (301 * 299 + 1 + 300 * 200) * 3) + '\n');
    }
}

TEST_CASE("frames takes comments and any whitespace in a header, and whatever bytes behind it") {
    const std::string black_and_white = "1 frames, 2x1 to 2x1, mean brightness 50.00%\n";
    const std::string pixels("\0\0\0\xff\xff\xff", 6);
    for (const std::string header : {
             "P6 2 1 255\n",
             "P6\n2\t1\r\n\n \v\f255 ",
             "P6#\n2 1 255\n",
             "P6 # 7 7 7\n#\n# P6\r2#2\n1 #\n#\n\n0255#0\n",
             "\n\n P6 2 1 00000000000000000255\n",
         }) {
        CAPTURE(header);
        CHECK(said_of(header + pixels) == black_and_white);
        CHECK(said_of(header + pixels + " \n\r\n\t") == black_and_white);
    }
    for (const std::string three_bytes : {"\n\n\n", "# \n", "P6 "}) // these are samples, and nothing else
        CHECK(said_of("P6 1 1 255\n" + three_bytes + "P6 1 1 255\n" + three_bytes).starts_with("2 frames, "));
}

TEST_CASE("frames of an empty input are none") {
    CHECK(said_of("") == "0 frames\n");
    CHECK(said_of(" \n") == "0 frames\n");
}

TEST_CASE("frames finds an image that is cut off, wherever that is") {
    const auto first = image(3, 2);
    const auto second = image(2, 1);
    const auto header = second.size() - 6;
    for (std::size_t kept = 1; kept < second.size(); ++kept) {
        CAPTURE(kept);
        const auto what = kept < header ? "cut off in the header"
                                        : "cut off, bytes missing: " + std::to_string(second.size() - kept);
        check_bad(first + second.substr(0, kept), what, 1, first.size());
    }
    check_bad("P6 2 # and no more", "cut off in the header", 0, 0);
    check_bad("P6 4294967295 1000000000 255\nxyz", "cut off, bytes missing: 12884901884999999997", 0, 0);
}

TEST_CASE("frames says what is wrong with a header or a sample") {
    const std::pair<const char*, const char*> bad[] = {
        {"hello", "no image begins here"},
        {"#\nP6 1 1 255\nabc", "no image begins here"},
        {"P5 1 1 255\nabc", "no image begins here"},
        {"P 6 1 1 255\nabc", "no image begins here"},
        {"P61 1 255\nabc", "no image begins here"},
        {"P6 one 1 255\nabc", "width is not a number"},
        {"P6 1x 1 255\nabc", "width is not a number"},
        {"P6 -1 1 255\nabc", "width is not a number"},
        {"P6 1 +1 255\nabc", "height is not a number"},
        {"P6 1 1.0 255\nabc", "height is not a number"},
        {"P6 1 1 0xff\nabc", "maxval is not a number"},
        {"P6 0 1 255\nabc", "width is 0"},
        {"P6 1 0 255\nabc", "height is 0"},
        {"P6 1 1 0\nabc", "maxval is 0"},
        {"P6 4294967296 1 255\nabc", "width is too large"},
        {"P6 1 99999999999999999999 255\nabc", "height is too large"},
        {"P6 1 1 65536\nabcdef", "maxval is too large"},
        {"P6 4294967295 4294967295 255\nabc", "width \\* height is too large"},
        {"P6 4294967295 1431655766 255\nabc", "width \\* height is too large"}, // by depth only
        {"P6 000000000000000000001 1 255\nabc", "a field of the header is too long"},
        {"P6 1 1 100\naze", "a sample is larger than maxval"},
        {"P6 1 1 256\n\1\1\1\1\1\1", "a sample is larger than maxval"},
    };
    const auto good = image(3, 2);
    for (const auto& [text, what] : bad) {
        CAPTURE(text);
        check_bad(text, what, 0, 0);
        check_bad(good + text, what, 1, good.size());
        check_bad(good + good + '\n' + text, what, 2, 2 * good.size() + 1);
    }
}

TEST_CASE("frames fails at a bad frame long before the end of the input, in main, by name") {
    std::string rest(8 << 20, 'x');
    check_bad("P6 1 1 0\n" + rest, "maxval is 0", 0, 0);
    const support::scratch dir;
    const auto run_on_file = [&](const std::string& text) {
        support::fill(dir.file(), text);
        return support::run({frames, dir.file()});
    };
    const auto at_once = run_on_file("P6 1 1 0\n" + rest);
    CHECK(at_once.status == 1);
    CHECK(at_once.err == "frames: worker 'decode' failed on item 1: bad_frame: frame 1: maxval is 0\n"
                         "frames: good before it: 0 frames, 0 bytes\n");
    // 4 MiB of samples take longer to add up than to read, so the channel is full when the bad frame comes.
    const std::string header = "P6 01398101 00001 255\n";
    const std::string good = header + std::string(3 * 1398101, '\1') + "P";
    REQUIRE(good.size() > 64 * 65536);
    const auto later = run_on_file(good + rest);
    CHECK(later.status == 1);
    CHECK(later.err == "frames: worker 'decode' failed on item 65: bad_frame: frame 2: no image begins here\n"
                       "frames: good before it: 1 frames, " +
                           std::to_string(good.size() - 1) + " bytes\n");
}

TEST_CASE("frames does not take an input that can't be read for one that has ended") {
    const auto good = image(3, 2);
    const std::string reason = "can't read standard input: Input/output error\n";
    for (const auto& text : {good, good + good.substr(0, 5), good + good.substr(0, good.size() - 1)}) {
        CAPTURE(text.size());
        const breaking_input input(text);
        const auto run = support::run({frames}, {.input_from = input.fd()});
        CHECK(run.status == 1);
        CHECK(run.out.empty());
        CHECK(run.err == "frames: worker 'decode' ended on a broken stream after item 1: " + reason);
    }
    const breaking_input bad(good + "garbage"); // what was read is bad all the same
    const auto run = support::run({frames}, {.input_from = bad.fd()});
    CHECK(run.status == 1);
    INFO(run.err);
    CHECK(run.err.starts_with("frames: worker 'decode' failed on item 1: bad_frame: frame 2: no image"));
}

TEST_CASE("frames names a file that can't be read, or not be opened") {
    const support::scratch dir;
    const auto directory = support::run({frames, dir.path()}); // it can be opened
    CHECK(directory.status == 1);
    CHECK(directory.out.empty());
    CHECK(directory.err == "frames: worker 'decode' ended on a broken stream: can't read '" + dir.path() +
                               "': Is a directory\n");
    const auto missing = support::run({frames, dir.file()});
    CHECK(missing.status == 2);
    CHECK(missing.err == "frames: can't open '" + dir.file() + "': No such file or directory\n");
}

TEST_CASE("frames: bad usage ends with 2 and says what is wrong; --help with 0") {
    const auto many = support::run({frames, "a", "b"});
    CHECK(many.status == 2);
    CHECK(many.err == "frames: too many arguments: b\nusage: frames [FILE]\n");
    const auto help = support::run({frames, "--help"});
    CHECK(help.status == 0);
    CHECK(help.out.starts_with("usage: frames [FILE]\n"));
    CHECK(help.err.empty());
}
