// What a GPU would not have done, or would have done wrongly.
#pragma once

#include <stdarg.h>
#include <stddef.h>

namespace emulator {

// A message about the lane that runs, or about none.
__attribute__((format(printf, 1, 2))) void diagnose(const char *format, ...);
void diagnose_list(const char *format, va_list list);
// A message about a kernel as a whole.
__attribute__((format(printf, 2, 3))) void diagnose_kernel(const char *kernel, const char *format, ...);
// A message after which the process cannot go on.
[[noreturn]] __attribute__((format(printf, 1, 2))) void fail(const char *format, ...);

size_t diagnostic_count();
void last_diagnostic(char *text, size_t bytes);

} // namespace emulator
