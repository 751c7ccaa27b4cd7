// What the tests of cider.h share. Functions are called as users call them: what fits is computed, and whatever does
// not fit is refused with a text, never with a crash. The arithmetic itself is tested by family, in ../cpu.
#pragma once

#include "abi.h"

#include <math.h>

#include "../cpu/test.h"

namespace cider::test {

static inline const char *status_name(int status) {
  static const char *const names[] = {"OK", "INVALID_ARGUMENT", "OUT_OF_MEMORY", "UNAVAILABLE", "IO", "NON_FINITE"};
  return status >= 0 && status <= 5 ? names[status] : "?";
}

// That `call` gives `expected`, and a failure a text.
#define EXPECT(expected, call)                                                                                         \
  do {                                                                                                                 \
    const int status = (call);                                                                                         \
    CHECK(status == (expected), "%s: %s (%s)", #call, status_name(status), cider_last_error());                        \
    CHECK(status == CIDER_OK || cider_last_error()[0] != '\0', "%s: no text", #call);                                  \
  } while (0)
#define ACCEPTED(call) EXPECT(CIDER_OK, call)
#define REFUSED(call) EXPECT(CIDER_INVALID_ARGUMENT, call)

// That `call` is refused after `change` of a copy of `params`, which is named p in both.
#define REFUSED_WITH(params, change, call)                                                                             \
  do {                                                                                                                 \
    auto p = params;                                                                                                   \
    change;                                                                                                            \
    REFUSED(call);                                                                                                     \
  } while (0)

constexpr uint32_t huge = UINT32_MAX;

static inline cider_device *open_device(const char *isa, int32_t threads) {
  const cider_open_params params = {isa, threads, nullptr, nullptr};
  cider_device *device = nullptr;
  ACCEPTED(cider_open(&params, &device));
  return device;
}

// A buffer of these values.
template <size_t count>
cider_buffer *buffer_of(cider_device *device, const float (&values)[count]) {
  cider_buffer *buffer = nullptr;
  ACCEPTED(cider_buffer_create(device, count, &buffer));
  ACCEPTED(cider_buffer_write(buffer, 0, values, count));
  return buffer;
}

// That a buffer begins with these values, up to a relative 1e-5: they are sums of few terms.
template <size_t count>
void check_values(const char *operation, const cider_buffer *buffer, const float (&expected)[count]) {
  float values[count];
  ACCEPTED(cider_buffer_read(buffer, 0, values, count));
  for (size_t i = 0; i < count; i++) {
    CHECK(fabsf(values[i] - expected[i]) <= 1e-5f * fabsf(expected[i]) + 1e-6f, "%s: element %zu is %g, not %g",
          operation, i, double{values[i]}, double{expected[i]});
  }
}

template <typename T, size_t count>
cider_bytes bytes_of(const T (&values)[count]) {
  return {values, nullptr, 0, sizeof values};
}

constexpr cider_bytes no_bytes = {nullptr, nullptr, 0, 0};

static inline cider_weight *create_weight(cider_device *device, const cider_weight_params &params) {
  cider_weight *weight = nullptr;
  ACCEPTED(cider_weight_create(device, &params, &weight));
  return weight;
}

static inline void *scratch_of(uint64_t bytes) { return malloc(bytes + 1); }

// Calls `test` with a device of each instruction set, with one thread and with several.
static inline void for_each_device(void (*test)(cider_device *)) {
  for (const char *isa = cider_list_isas("cpu", nullptr); *isa != '\0';
       isa += strcspn(isa, " "), isa += strspn(isa, " ")) {
    char name[32];
    snprintf(name, sizeof name, "%.*s", static_cast<int>(strcspn(isa, " ")), isa);
    for (int32_t threads = 1; threads <= 3; threads++) {
      cider_device *device = open_device(name, threads);
      CHECK(strcmp(cider_device_isa(device), name) == 0, "%s instead of %s", cider_device_isa(device), name);
      CHECK(cider_device_threads(device) == threads, "%d instead of %d", cider_device_threads(device), threads);
      test(device);
      cider_close(device);
    }
  }
}

} // namespace cider::test
