#include "diagnose.h"

#include <stdio.h>
#include <stdlib.h>
#include <mutex>
#include <string>

#include "environment.h"
#include "threadgroup.h"

namespace emulator {
namespace {

// More are only counted.
constexpr size_t MAX_PRINTED = 20;

struct Reports {
  std::mutex mutex;
  size_t count = 0, printed = 0;
  std::string last, where;
};

Reports &reports() {
  static auto *all = new Reports;
  return *all;
}

std::string formatted(const char *format, va_list list) {
  char text[1024];
  vsnprintf(text, sizeof text, format, list);
  return text;
}

// Of a text that comes again for the next lane only the first is printed.
void report(const std::string &text, const std::string &where) {
  Reports &all = reports();
  const std::lock_guard lock(all.mutex);
  all.count++;
  const bool is_new = text != all.last;
  all.last = text;
  all.where = where;
  if (is_new && all.printed < MAX_PRINTED) {
    fprintf(stderr, "metal emulator: %s%s\n", text.c_str(), where.c_str());
    if (++all.printed == MAX_PRINTED) fprintf(stderr, "metal emulator: further diagnostics are counted only\n");
  }
  if (environment().fatal) abort();
}

} // namespace

void diagnose_list(const char *format, va_list list) { report(formatted(format, list), running_lane()); }

void diagnose(const char *format, ...) {
  va_list list;
  va_start(list, format);
  diagnose_list(format, list);
  va_end(list);
}

void diagnose_kernel(const char *kernel, const char *format, ...) {
  va_list list;
  va_start(list, format);
  report(formatted(format, list), " (kernel " + std::string(kernel) + ")");
  va_end(list);
}

void fail(const char *format, ...) {
  va_list list;
  va_start(list, format);
  report(formatted(format, list), running_lane());
  va_end(list);
  abort();
}

size_t diagnostic_count() {
  Reports &all = reports();
  const std::lock_guard lock(all.mutex);
  return all.count;
}

void last_diagnostic(char *text, size_t bytes) {
  Reports &all = reports();
  const std::lock_guard lock(all.mutex);
  snprintf(text, bytes, "%s%s", all.last.c_str(), all.where.c_str());
}

} // namespace emulator
