// The trial of a machine, in this order: system and GPU, libraries, pipelines, the layout of tensors in registers, then
// products on random numbers in poisoned buffers, which must have the bits of docs/numerics.md.
#pragma once

#include "verdict.h"

namespace cider::metal {

// Leaves the caller's hold of the machine alone.
void run_gate(Machine *machine, const char *cache, Verdict &verdict);

// ---- its steps, each with lines of its own in the report ----

// Whether a library compiles and its kernels get the threads that they are launched with.
bool check_library(Device &device, LibraryName library, Verdict &verdict);

// Whether lanes hold the elements that kernels/metal/lanes.h says.
bool check_layout(Device &device, Verdict &verdict);

// Says how the GPU treats subnormal numbers, and whether products and sums are rounded by themselves.
void report_arithmetic(Device &device, Verdict &verdict);

// Whether activations get the codes and scales of section 1.
bool check_quantizer(Device &device, Verdict &verdict);

// Whether the products of a path are exact: int8 and int4, by channel and group, and raw.
bool check_products(Device &device, Path path, Verdict &verdict);
// Those of library `int4`.
bool check_native_int4(Device &device, Verdict &verdict);

// Whether products of floats with bf16 by tensors are close to exact ones.
bool check_float_tensors(Device &device, Verdict &verdict);

} // namespace cider::metal
