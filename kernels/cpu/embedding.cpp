#include "embedding.h"

#include <string.h>

#include "packed-weight.h"
#include "thread-pool.h"

namespace cider {
namespace {

// Elements of an output that lie together in no panel: they are gathered before they are widened.
constexpr uint32_t PART = 256;

template <class Bits>
void gather_row(const PackedWeight &weight, uint32_t id, float *out) {
  const PanelLayout &layout = weight.layout;
  const Bits *elements = reinterpret_cast<const Bits *>(weight.panels + id / layout.panel * layout.panel_bytes);
  const auto widen = weight.kernels.widen_row[static_cast<uint32_t>(weight.shape.format)];
  for (uint32_t from = 0; from < weight.shape.k; from += PART) {
    const uint32_t count = weight.shape.k - from < PART ? weight.shape.k - from : PART;
    Bits part[PART];
    for (uint32_t i = 0; i < count; i++)
      part[i] = elements[layout.element(weight.shape.format, from + i, id % layout.panel)];
    widen(part, count, out + from);
  }
}

} // namespace

void embedding(const FloatKernels &kernels, ThreadPool &pool, const EmbeddingArgs &args) {
  const auto &[shape, packed, token_ids, count, scale, out] = args;
  const PackedWeight weight = packed_weight(kernels, shape, packed);
  parallel(pool, count, [&](uint32_t row, uint32_t) {
    const auto gather = shape.format == FloatFormat::f32 ? gather_row<uint32_t> : gather_row<uint16_t>;
    float *target = out + size_t{row} * shape.k;
    gather(weight, static_cast<uint32_t>(token_ids[row]), target);
    if (scale == 1) return;
    for (uint32_t i = 0; i < shape.k; i++) target[i] *= scale;
  });
}

} // namespace cider
