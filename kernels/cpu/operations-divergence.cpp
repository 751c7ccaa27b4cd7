// The comparison of two models.
#include "backend.h"

#include "divergence.h"
#include "handles.h"

namespace cider::cpu {

namespace {

LogitSource source_of(const Weight &head, const float *x) {
  return {head.kind == CIDER_INTEGER, head.integer, head.floats, head.packed, x};
}

} // namespace

uint64_t divergence_scratch(const cider_weight *head, const cider_weight *base_head, uint32_t rows) {
  const Device &device = device_of(head->device);
  return divergence_scratch_bytes(*device.kernels, source_of(weight_of(head), nullptr),
                                  source_of(weight_of(base_head), nullptr), rows, device.pool->threads());
}

int divergence(cider_device *handle, const cider_divergence_params &params) {
  const Device &device = device_of(handle);
  const auto &[x, head, base_x, base_head, divergences, same_top, rows, first_row, soft_cap, scratch, scratch_bytes] =
      params;
  cider::divergence(*device.kernels, *device.pool,
                    {source_of(weight_of(head), data_of(x) + size_t{first_row} * head->in_features),
                     source_of(weight_of(base_head), data_of(base_x) + size_t{first_row} * base_head->in_features),
                     divergences, same_top, rows - first_row, soft_cap, scratch});
  return CIDER_OK;
}

} // namespace cider::cpu
