// Causes made elsewhere: in another translation unit of the program, and in shared objects with hidden symbols.
#pragma once

#include <inquest/cause.hpp>

#include <functional>
#include <string>

namespace identity {

struct error {
    long code;
};
enum class code { refused = 3 };
template <class T>
struct box {
    T value;
};
using callback = std::function<void(const error&)>;

struct causes {
    inquest::cause error, code, text, system, boxed,
        callback; // of the types above, std::string, std::error_code
    inquest::cause in_unnamed_namespace, boxed_unnamed, local;
    const void* mark; // of `error`, there
    bool has_rtti;
};

namespace elsewhere {
causes made();
}
namespace hidden {
[[gnu::visibility("default")]] causes made();
}
namespace without_rtti {
[[gnu::visibility("default")]] causes made();
}

} // namespace identity
