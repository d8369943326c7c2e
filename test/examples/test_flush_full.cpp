// `flush` on a disk that is really full: a small tmpfs, which only root may mount. Where that is refused the
// program ends with 77, which Meson counts as skipped.
#include "flush_accounts.hpp"

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <sys/mount.h>

namespace {

constexpr int skipped = 77;

const std::string flush = support::from_build("FLUSH");

/// A file system with room for 64 KiB. Throws std::system_error where it can't be mounted.
class small_disk {
  public:
    small_disk() {
        if (::mount("none", at_.path().c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") != 0)
            throw std::system_error(errno, std::generic_category(), "mount");
    }
    ~small_disk() { ::umount2(at_.path().c_str(), MNT_DETACH); }
    small_disk(const small_disk&) = delete;
    small_disk& operator=(const small_disk&) = delete;
    const support::scratch& dir() const { return at_; }

  private:
    support::scratch at_;
};

small_disk mount_or_skip() try { return {}; } catch (const std::system_error& e) {
    if (e.code() != std::errc::operation_not_permitted) throw;
    std::cout << "skipped: a tmpfs can't be mounted: " << e.code().message() << std::endl;
    std::exit(skipped);
}

} // namespace

TEST_CASE("flush on a full disk leaves whole records there and hands all others back") {
    const small_disk disk = mount_or_skip();
    const auto told = check_accounts_and_file(support::run({flush, disk.dir().file()}),
                                              "No space left on device", disk.dir().file());
    CHECK(told.complete > 0);
    CHECK(end_of(told.complete) <= 64 * 1024);
    // What others have written before decides where it breaks off.
    for (std::size_t taken = 0; taken < 64; taken += 4) {
        CAPTURE(taken);
        support::fill(disk.dir().file("other"), std::string(taken * 1024, 'x'));
        const auto less = check_accounts_and_file(support::run({flush, disk.dir().file()}),
                                                  "No space left on device", disk.dir().file());
        CHECK(less.complete <= told.complete);
        std::filesystem::remove(disk.dir().file());
    }
}
