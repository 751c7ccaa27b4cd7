// The functions that translated kernels call.
#include "emulator/runtime.h"

#include <stdarg.h>

#include "diagnose.h"
#include "environment.h"
#include "modules.h"
#include "threadgroup.h"

using namespace emulator;

namespace {

Threadgroup &running() {
  Threadgroup *threadgroup = Threadgroup::running();
  if (!threadgroup) fail("code of a kernel runs, but no kernel was launched");
  return *threadgroup;
}

} // namespace

#define EXPORTED __attribute__((visibility("default")))

extern "C" {

EXPORTED void emulator_register_kernel(const Kernel *kernel) { register_kernel(kernel); }
EXPORTED void emulator_register_constant(const FunctionConstant *constant) { register_constant(constant); }

EXPORTED Size3 emulator_builtin(int builtin) { return running().builtin(builtin); }
EXPORTED uint32_t emulator_lane(void) { return running().lane().index % SIMDGROUP_LANES; }
EXPORTED uint32_t emulator_simdgroup(void) { return running().lane().index / SIMDGROUP_LANES; }

EXPORTED __attribute__((noinline)) void emulator_barrier(uint32_t flags, bool simdgroup_only, uint32_t line) {
  const void *place = __builtin_return_address(0);
  const Meeting::Kind kind = simdgroup_only ? Meeting::simdgroup_barrier : Meeting::threadgroup_barrier;
  const char *operation = simdgroup_only ? "simdgroup_barrier" : "threadgroup_barrier";
  running().barrier(flags, {kind, place, line, true, operation, nullptr});
}

EXPORTED __attribute__((noinline)) void emulator_collective(uint32_t simdgroups, bool all_lanes, const char *operation,
                                                            void *slot, CollectiveFunction function) {
  const void *place = __builtin_return_address(0);
  const Meeting::Kind kind = simdgroups > 0 ? Meeting::threadgroup_collective : Meeting::simdgroup_collective;
  running().collective(simdgroups, slot, {kind, place, 0, all_lanes || simdgroups > 0, operation, function});
}

EXPORTED void *emulator_threadgroup_variable(const void *key, size_t bytes) { return running().variable(key, bytes); }

EXPORTED void emulator_diagnose(const char *format, ...) {
  va_list list;
  va_start(list, format);
  diagnose_list(format, list);
  va_end(list);
}

EXPORTED int emulator_layout(void) { return environment().layout; }
EXPORTED uint32_t emulator_layout_seed(void) { return environment().layout_seed; }
}
