// Packed float weights.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "float-kernels.h"
#include "float-linear.h"

namespace cider {

// A packed weight is the bias of the layer [panels, panel], with -0 where a layer has none as y + -0 is y for every y,
// and behind it the panels of float-kernels.h. Outputs beyond N hold zeros and are computed like the others.
struct PanelLayout {
  uint32_t panel;      // outputs
  uint32_t panels;
  uint32_t group_size; // K if there is one group, as in dense weights
  uint32_t groups;
  size_t group_bytes; // of each group but the last
  size_t panel_bytes;
  size_t bias_bytes;
};
PanelLayout panel_layout(const FloatKernels &kernels, const FloatShape &shape);

struct PackedWeight {
  const FloatKernels &kernels;
  FloatShape shape;
  PanelLayout layout;
  const float *bias;
  const uint8_t *panels;
};
PackedWeight packed_weight(const FloatKernels &kernels, const FloatShape &shape, const void *packed);

// Where the elements from k on begin in a panel; those of a group follow its scales and biases.
size_t panel_offset(const PackedWeight &weight, uint32_t k);

} // namespace cider
