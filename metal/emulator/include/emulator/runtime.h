// Between translated kernels and the runtime that runs their lanes. Kernels are compiled with this header alone and are
// loaded by the runtime, which exports these functions; no C++ library on either side of it.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace emulator {

struct Size3 {
  uint32_t x, y, z;
};

// Attributes of a kernel's parameter that name a value of the lane.
enum Builtin {
  thread_position_in_grid,
  threadgroup_position_in_grid,
  thread_position_in_threadgroup,
  thread_index_in_threadgroup,
  simdgroup_index_in_threadgroup,
  thread_index_in_simdgroup,
  threads_per_threadgroup,
  threadgroups_per_grid,
  threads_per_grid,
  simdgroups_per_threadgroup,
  threads_per_simdgroup,
};

enum ParameterKind { buffer_parameter, threadgroup_parameter, builtin_parameter };

// Where a parameter comes from.
struct Parameter {
  int kind;  // ParameterKind
  int index; // of the buffer, of the threadgroup memory, or a Builtin
  // Of a function constant without which the parameter does not exist; null for those that always do.
  const bool *enabled;
};

// What a launch bound, by index: null and 0 where nothing is.
struct Arguments {
  void *buffers[31];
  size_t bytes[31];
  void *threadgroup_memory[31];
};

using KernelFunction = void (*)(const Arguments &arguments, const Parameter *parameters);

struct Kernel {
  const char *name;
  KernelFunction function; // runs one lane
  const Parameter *parameters;
  int parameter_count;
  uint32_t max_threads; // [[max_total_threads_per_threadgroup]], 0: none
};

struct FunctionConstant {
  const char *name;
  int index;
  void *value;
  size_t bytes;
  bool *is_set;
};

// A collective of several lanes: slots[i] is what lane i gave, null for a lane that is not active or does not exist. It
// runs on one of the active lanes; `lanes` is 32 for a simdgroup, else 32 times the simdgroups.
using CollectiveFunction = void (*)(void **slots, uint32_t lanes);

// What cooperative tensors look like: which element a lane holds at which place.
enum Layout {
  layout_m5,        // 16x16 fragments, as on family Apple10
  layout_pre_m5,    // "pairs": a lane holds columns c, c + 1, c + 8, c + 9
  layout_scrambled, // any other permutation, by seed
};

} // namespace emulator

extern "C" {
// While a library is loaded: its kernels and function constants.
void emulator_register_kernel(const emulator::Kernel *kernel);
void emulator_register_constant(const emulator::FunctionConstant *constant);

// Of the lane that runs.
emulator::Size3 emulator_builtin(int builtin);
uint32_t emulator_lane(void);      // in its simdgroup
uint32_t emulator_simdgroup(void); // in its threadgroup

// Waits for all lanes of the threadgroup (simdgroup_only: of the simdgroup). flags as mem_flags. The call site tells
// barriers apart, together with the line of the source, as compilers merge calls. A call must not become several: hence
// convergent, here and below.
__attribute__((convergent)) void emulator_barrier(uint32_t flags, bool simdgroup_only, uint32_t line);
// Waits until all lanes of the scope are here, then `function` works for them at once. simdgroups 0: one simdgroup, of
// which lanes may be inactive; else that many simdgroups, which must be all of the threadgroup. `operation` names it in
// diagnostics; all_lanes: an inactive lane is an error, after which `function` is not called.
__attribute__((convergent)) void emulator_collective(uint32_t simdgroups, bool all_lanes, const char *operation,
                                                     void *slot, emulator::CollectiveFunction function);

// Storage of a threadgroup variable, the same for each lane of a threadgroup; key: an address that names the variable.
void *emulator_threadgroup_variable(const void *key, size_t bytes);

// Something that a GPU would not have done or would have done wrongly. Printed with kernel, threadgroup and lane;
// counted; ends the process if CIDER_EMULATOR_FATAL is set.
__attribute__((format(printf, 1, 2))) void emulator_diagnose(const char *format, ...);

int emulator_layout(void);           // emulator::Layout
uint32_t emulator_layout_seed(void); // of layout_scrambled
}
