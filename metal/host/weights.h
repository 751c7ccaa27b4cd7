// Weights as the kernels of kernels/metal/ read them: as they are stored, but for codes of 4 bits that come one a byte.
#pragma once

#include "device.h"

namespace cider::metal {

struct Weight : cider_weight {
  int32_t dtype; // of dense weights
  int32_t bits;  // of codes
  uint32_t group_size, groups;
  uint32_t stride; // bytes between rows
  id data;
  uint64_t data_offset;    // bytes
  id scales, biases, bias; // null for none
  const cider_file *file;  // whose mapping `data` is, and which is held; null for a copy
  bool has_tiny_scales;    // of groups: sums of them could be subnormal
};

inline const Weight &weight_of(const cider_weight *weight) { return *static_cast<const Weight *>(weight); }

int weight_create(cider_device *device, const WeightSource &source, cider_weight **weight);
void weight_release(cider_weight *weight);

} // namespace cider::metal
