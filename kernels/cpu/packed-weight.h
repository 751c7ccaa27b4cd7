// Packed float weights.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "float-kernels.h"
#include "float-linear.h"

namespace cider {

static inline bool is_affine(FloatFormat format) {
  return format == FloatFormat::affine8 || format == FloatFormat::affine4;
}

// A packed weight is the bias of the layer [panels, panel], with -0 where a layer has none as y + -0 is y for every y,
// and behind it the panels of float-kernels.h. Outputs beyond N hold zeros and are computed like the others.
struct PanelLayout {
  uint32_t panel; // outputs
  uint32_t panels;
  uint32_t group_size; // K if there is one group, as in dense weights
  uint32_t groups;
  size_t group_bytes; // of each group but the last
  size_t panel_bytes;
  size_t bias_bytes;

  // Where a panel of floats holds element k of an output.
  size_t element(FloatFormat format, uint32_t k, uint32_t output) const {
    return format == FloatFormat::bf16 ? (size_t{k / 2} * panel + output) * 2 + k % 2 : size_t{k} * panel + output;
  }
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

// Elements [end - from, panel] of a panel as f32. From an even k of a group on.
void widen_panel(const PackedWeight &weight, uint32_t panel, uint32_t from, uint32_t end, float *out);

} // namespace cider
