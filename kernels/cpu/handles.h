// What the handles of cider.h are on the CPU.
#pragma once

#include "../abi/backend.h"
#include "attention.h"
#include "float-linear.h"
#include "integer-linear.h"
#include "kernel-table.h"
#include "thread-pool.h"

namespace cider::cpu {

struct Device : cider_device {
  const Kernels *kernels;
  ThreadPool *pool;
  // Grows to what the largest operation without scratch of the caller's needed.
  void *scratch;
  uint64_t scratch_bytes;
};

struct Buffer : cider_buffer {
  float *data; // [elements]
};

struct Weight : cider_weight {
  IntegerShape integer; // if that is the kind
  FloatShape floats;    // else
  void *packed;         // for the kernels, with the bias
  uint64_t packed_bytes;
};

struct Cache : cider_kv_cache {
  float *memory;
  uint64_t bytes;
};

static inline Device &device_of(cider_device *device) { return *static_cast<Device *>(device); }
static inline const Device &device_of(const cider_device *device) { return *static_cast<const Device *>(device); }
static inline const Weight &weight_of(const cider_weight *weight) { return *static_cast<const Weight *>(weight); }
static inline float *data_of(cider_buffer *buffer) { return static_cast<Buffer *>(buffer)->data; }
static inline const float *data_of(const cider_buffer *buffer) { return static_cast<const Buffer *>(buffer)->data; }

// Scratch of the device with at least as many bytes; null if there is no memory.
void *device_scratch(Device &device, uint64_t bytes);

} // namespace cider::cpu
