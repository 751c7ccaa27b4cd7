#include "sanitizer-report.h"

#include <stdio.h>

#include "sanitizers.h"
#include "threadgroup.h"

namespace emulator {

#if CIDER_EMULATOR_ASAN

namespace {

// Beyond this an address is likely to have nothing to do with a buffer.
constexpr long FAR = 1 << 20;

void describe_address(const Arguments &arguments, const char *address) {
  for (int i = 0; i < SLOTS; i++) {
    const auto *data = static_cast<const char *>(arguments.buffers[i]);
    const long size = static_cast<long>(arguments.bytes[i]);
    const long offset = address - data;
    if (data && offset >= -FAR && offset < size + FAR) {
      fprintf(stderr, "metal emulator: the address is at offset %ld of buffer %d, which has %ld bytes\n", offset, i,
              size);
    }
  }
}

void describe_death() {
  Threadgroup *running = Threadgroup::running();
  if (!running) return;
  fprintf(stderr, "metal emulator: that was%s\n", running->describe_lane().c_str());
  if (__asan_report_present()) {
    describe_address(running->arguments(), static_cast<const char *>(__asan_get_report_address()));
  }
}

} // namespace

void describe_reports() {
  [[maybe_unused]] static const bool done = (__sanitizer_set_death_callback(describe_death), true);
}

#else

void describe_reports() {}

#endif

} // namespace emulator
