#include "packed-weight.h"

#include <string.h>

#include "sizes.h"
#include "thread-pool.h"

namespace cider {
namespace {

bool is_affine(FloatFormat format) { return format == FloatFormat::affine8 || format == FloatFormat::affine4; }

size_t group_header_bytes(const FloatKernels &kernels, FloatFormat format) {
  return is_affine(format) ? 2 * kernels.panel * sizeof(float) : 0;
}

// Bytes of `depth` consecutive elements of all outputs of a panel.
size_t element_bytes(const FloatKernels &kernels, FloatFormat format, size_t depth) {
  switch (format) {
    case FloatFormat::f32:
      return depth * kernels.panel * 4;
    case FloatFormat::f16:
    case FloatFormat::bf16:
      return depth * kernels.panel * 2;
    case FloatFormat::affine8:
      return depth * kernels.panel;
    case FloatFormat::affine4:
      return (depth + 1) / 2 * kernels.panel;
  }
}

// Writes the bias of a layer, -0 where it has none.
void pack_bias(const FloatShape &shape, const PanelLayout &layout, const float *bias, void *packed) {
  float *out = static_cast<float *>(packed);
  const size_t outputs = size_t{layout.panels} * layout.panel;
  for (size_t i = 0; i < outputs; i++) out[i] = bias != nullptr && i < shape.n ? bias[i] : -0.0f;
}

// Floats of Bits, data [N, K] -> panel [K, panel], for the `outputs` rows from `first` on. A part of the panel that
// fits into a first-level cache is filled row by row.
template <class Bits>
void pack_elements(const void *data, uint32_t k, uint32_t first, uint32_t outputs, uint32_t panel, uint8_t *out) {
  constexpr uint32_t part = 64;
  const uint8_t *source = static_cast<const uint8_t *>(data);
  Bits *target = reinterpret_cast<Bits *>(out);
  for (size_t from = 0; from < k; from += part) {
    const size_t end = from + part < k ? from + part : k;
    for (uint32_t n = 0; n < panel; n++) {
      const uint8_t *row = source + (size_t{first} + n) * k * sizeof(Bits);
      for (size_t i = from; i < end; i++) {
        Bits bits = 0;
        if (n < outputs) memcpy(&bits, row + i * sizeof bits, sizeof bits);
        target[i * panel + n] = bits;
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
  const size_t last = k - size_t{layout.groups - 1} * layout.group_size;
  layout.panel_bytes = align_up((layout.groups - 1) * layout.group_bytes + header +
                                element_bytes(kernels, shape.format, last));
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
    const auto pack = shape.format == FloatFormat::f32 ? pack_elements<uint32_t> : pack_elements<uint16_t>;
    pack(data, shape.k, first, outputs, layout.panel, out);
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
