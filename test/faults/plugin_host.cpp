// Opens a plugin, runs it and closes it, several times. This program itself knows nothing of inquest, so that the library
// comes and leaves with the plugin, if the plugin holds it. Says what it was told, and whether the plugin was unloaded.
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

int fail(const char* what) {
    const char* const why = ::dlerror();
    std::fprintf(stderr, "%s: %s\n", what, why ? why : "failed");
    return 1;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    for (int rounds = std::atoi(argv[2]); rounds > 0; --rounds) {
        void* const plugin = ::dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!plugin) return fail("dlopen");
        const auto run = reinterpret_cast<void (*)(char*, std::size_t)>(::dlsym(plugin, "plugin_run"));
        if (!run) return fail("dlsym");
        char mine[200], other[200];
        std::thread([&] { run(other, sizeof other); }).join();
        std::puts(other);
        run(mine, sizeof mine); // this thread outlives the plugin
        std::puts(mine);
        if (::dlclose(plugin) != 0) return fail("dlclose");
        void* const left = ::dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
        std::puts(left ? "kept" : "unloaded");
        if (left) (void)::dlclose(left);
        std::fflush(stdout);

        const pid_t child = ::fork(); // which calls nothing of what was unloaded
        if (child == 0) ::_exit(0);
        int status = -1;
        if (::waitpid(child, &status, 0) != child || status != 0) return fail("fork");
    }
    std::thread([] {}).join();
    return 0;
}
