// What the compiler must offer, the version, and the namespace every name lives in.
#pragma once

#include <version>

#if !defined(__cpp_lib_expected) || !defined(__cpp_lib_jthread)
#error "inquest needs std::expected and std::jthread: compile with -std=c++23 (GCC 12, Clang 19 or later)"
#endif
#ifndef __cpp_exceptions
#error "inquest needs exceptions: compile without -fno-exceptions"
#endif

/// The library's semantic version.
#define INQUEST_VERSION_MAJOR 0
#define INQUEST_VERSION_MINOR 1
#define INQUEST_VERSION_PATCH 0

// The inline namespace of every name in the library. Two builds with different synchronisation (see sync.hpp)
// carry different tags, so they can live in one program and are never mistaken for each other by the linker.
#ifndef INQUEST_ABI_TAG
#define INQUEST_ABI_TAG v0_1
#endif
// All of it is visible outside the shared object that it is in, also in programs that hide their symbols: an exception or a typed
// error that passes from one to another has to be of one type in both.
#define INQUEST_ABI INQUEST_ABI_TAG __attribute__((visibility("default")))
