#include "packed-weight.h"

#include <string.h>

#include "float-split.h"
#include "sizes.h"
#include "thread-pool.h"

namespace cider {
namespace {

size_t group_header_bytes(const FloatKernels &kernels, FloatFormat format) {
  return is_affine(format) ? 2 * kernels.panel * sizeof(float) : 0;
}

// Bytes of `depth` consecutive elements of all outputs of a panel.
size_t element_bytes(const FloatKernels &kernels, FloatFormat format, size_t depth) {
  switch (format) {
  case FloatFormat::f32:
    return depth * kernels.panel * 4;
  case FloatFormat::f16:
    return depth * kernels.panel * 2;
  case FloatFormat::bf16:
    return divide_up(depth, size_t{2}) * 2 * kernels.panel * 2;
  case FloatFormat::affine8:
    return depth * kernels.panel;
  case FloatFormat::affine4:
    return (depth + 1) / 2 * kernels.panel;
  }
}

// K that a panel has room for.
size_t padded_k(const FloatKernels &kernels, const FloatShape &shape) {
  const bool is_padded = kernels.split != nullptr && shape.format == FloatFormat::bf16;
  return is_padded ? divide_up(shape.k, SPLIT_DEPTH) * SPLIT_DEPTH : shape.k;
}

// Writes the bias of a layer, -0 where it has none.
void pack_bias(const FloatShape &shape, const PanelLayout &layout, const float *bias, void *packed) {
  float *out = static_cast<float *>(packed);
  const size_t outputs = size_t{layout.panels} * layout.panel;
  for (size_t i = 0; i < outputs; i++) out[i] = bias != nullptr && i < shape.n ? bias[i] : -0.0f;
}

// Units of some consecutive elements, data [N, bytes of a row] -> panel [units, panel], for the `outputs` rows from
// `first` on. Units beyond a row and outputs beyond N hold zeros. A part of the panel that fits into a first-level
// cache is filled row by row.
template <class Unit>
void pack_units(const void *data, size_t row_bytes, uint32_t first, uint32_t outputs, uint32_t panel, size_t units,
                uint8_t *out) {
  constexpr size_t part = 64;
  Unit *target = reinterpret_cast<Unit *>(out);
  for (size_t from = 0; from < units; from += part) {
    const size_t end = least(from + part, units);
    for (uint32_t n = 0; n < panel; n++) {
      const uint8_t *row = static_cast<const uint8_t *>(data) + (size_t{first} + n) * row_bytes;
      const size_t in_row = n < outputs ? row_bytes : 0;
      size_t i = from;
      for (; i < end && (i + 1) * sizeof(Unit) <= in_row; i++) {
        memcpy(&target[i * panel + n], row + i * sizeof(Unit), sizeof(Unit));
      }
      for (; i < end; i++) {
        const size_t at = i * sizeof(Unit);
        target[i * panel + n] = 0;
        if (at < in_row) memcpy(&target[i * panel + n], row + at, in_row - at);
      }
    }
  }
}

} // namespace

PanelLayout panel_layout(const FloatKernels &kernels, const FloatShape &shape) {
  const uint32_t n = shape.n;
  const uint32_t k = shape.k;
  const bool one_group = !is_affine(shape.format) || shape.group_size == 0 || shape.group_size >= k;
  PanelLayout layout;
  layout.panel = kernels.panel;
  layout.panels = divide_up(n, kernels.panel);
  layout.group_size = one_group ? k : shape.group_size;
  layout.groups = divide_up(k, layout.group_size);
  const size_t header = group_header_bytes(kernels, shape.format);
  layout.group_bytes = header + element_bytes(kernels, shape.format, layout.group_size);
  const size_t last = padded_k(kernels, shape) - size_t{layout.groups - 1} * layout.group_size;
  layout.panel_bytes =
      align_up((layout.groups - 1) * layout.group_bytes + header + element_bytes(kernels, shape.format, last));
  layout.bias_bytes = align_up(size_t{layout.panels} * layout.panel * sizeof(float));
  return layout;
}

PackedWeight packed_weight(const FloatKernels &kernels, const FloatShape &shape, const void *packed) {
  const PanelLayout layout = panel_layout(kernels, shape);
  const uint8_t *panels = static_cast<const uint8_t *>(packed) + layout.bias_bytes;
  return {kernels, shape, layout, static_cast<const float *>(packed), panels};
}

size_t panel_offset(const PackedWeight &weight, uint32_t k) {
  const auto &[kernels, shape, layout, bias, panels] = weight;
  if (k == shape.k) return layout.panel_bytes;
  return k / layout.group_size * layout.group_bytes + group_header_bytes(kernels, shape.format) +
         element_bytes(kernels, shape.format, k % layout.group_size);
}

void widen_panel(const PackedWeight &weight, uint32_t panel, uint32_t from, uint32_t end, float *out) {
  const PanelLayout &layout = weight.layout;
  const uint8_t *data = weight.panels + panel * layout.panel_bytes;
  const Widen widen = weight.kernels.widen[static_cast<uint32_t>(weight.shape.format)];
  while (from < end) {
    const uint32_t group = from / layout.group_size;
    const uint32_t depth = least(end - from, layout.group_size - from % layout.group_size);
    const float *header = reinterpret_cast<const float *>(data + group * layout.group_bytes);
    widen(data + panel_offset(weight, from), header, depth, out);
    out += size_t{depth} * layout.panel;
    from += depth;
  }
}

size_t float_packed_bytes(const FloatKernels &kernels, const FloatShape &shape) {
  const PanelLayout layout = panel_layout(kernels, shape);
  return layout.bias_bytes + layout.panels * layout.panel_bytes;
}

void dense_pack(const FloatKernels &kernels, ThreadPool &pool, const DensePackArgs &args) {
  const auto &[shape, data, bias, packed] = args;
  const PanelLayout layout = panel_layout(kernels, shape);
  pack_bias(shape, layout, bias, packed);
  parallel(pool, layout.panels, [&](uint32_t p, uint32_t) {
    uint8_t *out = static_cast<uint8_t *>(packed) + layout.bias_bytes + p * layout.panel_bytes;
    const uint32_t first = p * layout.panel;
    const uint32_t outputs = least(layout.panel, shape.n - first);
    const size_t row_bytes = shape.k * (shape.format == FloatFormat::f32 ? sizeof(uint32_t) : sizeof(uint16_t));
    if (shape.format == FloatFormat::f16) {
      pack_units<uint16_t>(data, row_bytes, first, outputs, layout.panel, shape.k, out);
    } else { // f32, or pairs of bf16
      const size_t bytes = element_bytes(kernels, shape.format, padded_k(kernels, shape));
      pack_units<uint32_t>(data, row_bytes, first, outputs, layout.panel, bytes / layout.panel / sizeof(uint32_t), out);
    }
  });
}

void affine_pack(const FloatKernels &kernels, ThreadPool &pool, const AffinePackArgs &args) {
  const auto &[shape, codes, scales, biases, bias, packed] = args;
  const PanelLayout layout = panel_layout(kernels, shape);
  pack_bias(shape, layout, bias, packed);
  parallel(pool, layout.panels, [&](uint32_t p, uint32_t) {
    uint8_t *out = static_cast<uint8_t *>(packed) + layout.bias_bytes + p * layout.panel_bytes;
    memset(out, 0, layout.panel_bytes);
    const uint32_t first = p * layout.panel;
    const uint32_t outputs = least(layout.panel, shape.n - first);
    for (uint32_t group = 0; group < layout.groups; group++) {
      float *header = reinterpret_cast<float *>(out + group * layout.group_bytes);
      uint8_t *elements = reinterpret_cast<uint8_t *>(header + 2 * layout.panel);
      const size_t from = size_t{group} * layout.group_size;
      const size_t left = shape.k - from;
      const size_t depth = layout.group_size < left ? layout.group_size : left;
      for (uint32_t n = 0; n < outputs; n++) {
        const size_t row = first + n;
        header[n] = scales[row * layout.groups + group];
        header[layout.panel + n] = biases[row * layout.groups + group];
        const uint8_t *source = codes + row * shape.k + from;
        for (size_t i = 0; i < depth; i++) {
          if (shape.format == FloatFormat::affine8) {
            elements[i * layout.panel + n] = source[i];
          } else {
            elements[i / 2 * layout.panel + n] |= static_cast<uint8_t>(source[i] << i % 2 * 4);
          }
        }
      }
    }
  });
}

} // namespace cider
