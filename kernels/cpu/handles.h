// What the opaque handles of cider.h are, and checks that operations share.
#pragma once

#include "abi.h"
#include "attention.h"
#include "error.h"
#include "float-linear.h"
#include "integer-linear.h"
#include "kernel-table.h"
#include "thread-pool.h"

struct cider_device {
  const cider::Kernels *kernels;
  cider::ThreadPool *pool;
  // Grows to what the largest operation without scratch of the caller's needed.
  void *scratch;
  uint64_t scratch_bytes;
  cider::ErrorText error; // of the last operation that failed
};

struct cider_buffer {
  float *data; // [elements]
  uint64_t elements;
};

struct cider_file {
  const uint8_t *data; // [bytes], null if there are none
  uint64_t bytes;
};

struct cider_weight {
  int32_t kind;                // CIDER_DENSE …
  cider::IntegerShape integer; // if that is the kind
  cider::FloatShape floats;    // else
  void *packed;                // for the kernels, with the bias
  uint64_t packed_bytes;
  const cider::Kernels *kernels; // of the device, as are the threads
  uint32_t threads;

  uint32_t out_features() const { return kind == CIDER_INTEGER ? integer.n : floats.n; }
  uint32_t in_features() const { return kind == CIDER_INTEGER ? integer.k : floats.k; }
};

struct cider_kv_cache {
  cider::KvCache cache;
  uint64_t bytes;
  const cider::Kernels *kernels; // of the device
};

namespace cider {

// The longest sum of products of int8 codes that fits into int32: docs/numerics.md section 3.
constexpr uint32_t max_integer_depth = 131'071;

// Begins an operation with a struct of parameters: neither it nor the device may be null, and what fails from here on
// is kept with the device.
#define BEGIN_OPERATION(name, device, params)                                                                          \
  REQUIRE((device) != nullptr && (params) != nullptr, "%s: device or params is null", name);                           \
  const ::cider::ErrorScope error_scope((device)->error)

// That the buffer holds at least [rows, columns], neither of them 0.
int require_matrix(const char *operation, const char *name, const cider_buffer *buffer, uint64_t rows,
                   uint64_t columns);

// That the weight was packed for this device.
int require_weight(const char *operation, const cider_device *device, const cider_weight *weight);

// That the caller's scratch has as many bytes as needed.
int require_scratch(const char *operation, const void *scratch, uint64_t bytes, uint64_t needed);

// Scratch of the device with at least as many bytes; null if there is no memory.
void *device_scratch(cider_device *device, uint64_t bytes);

} // namespace cider
