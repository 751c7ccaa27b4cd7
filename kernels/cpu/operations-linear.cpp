// Operations with weights: embedding, linear layers, cross-entropy.
#include "backend.h"

#include "cross-entropy.h"
#include "embedding.h"
#include "handles.h"

namespace cider::cpu {

int embedding(cider_device *handle, const cider_embedding_params &params) {
  const Device &device = device_of(handle);
  const Weight &table = weight_of(params.table);
  cider::embedding(*device.kernels->floats, *device.pool,
                   {table.floats, table.packed, params.token_ids, params.count, params.scale, data_of(params.out)});
  return CIDER_OK;
}

uint64_t linear_scratch(const cider_weight *handle, uint32_t rows) {
  const Weight &weight = weight_of(handle);
  const Device &device = device_of(weight.device);
  const uint32_t threads = device.pool->threads();
  return weight.kind == CIDER_INTEGER
             ? integer_linear_scratch_bytes(*device.kernels->integer, weight.integer, rows, threads)
             : float_linear_scratch_bytes(*device.kernels->floats, weight.floats, rows, threads);
}

int linear(cider_device *handle, const cider_linear_params &params) {
  const Device &device = device_of(handle);
  const Kernels &kernels = *device.kernels;
  const Weight &weight = weight_of(params.weight);
  const float *x = data_of(params.x);
  float *out = data_of(params.out);
  if (weight.kind == CIDER_INTEGER) {
    const bool quantize_single_row = params.quantize_single_row != 0;
    integer_linear(*kernels.integer, *kernels.quantize, *device.pool,
                   {weight.integer, weight.packed, x, params.rows, out, quantize_single_row, params.scratch});
  } else {
    float_linear(*kernels.floats, *device.pool, {weight.floats, weight.packed, x, params.rows, out, params.scratch});
  }
  return CIDER_OK;
}

uint64_t cross_entropy_scratch(const cider_weight *handle, uint32_t rows) {
  const Weight &head = weight_of(handle);
  const Device &device = device_of(head.device);
  const uint32_t threads = device.pool->threads();
  return head.kind == CIDER_INTEGER
             ? cross_entropy_scratch_bytes(*device.kernels, IntegerHead{head.integer, head.packed}, rows, threads)
             : cross_entropy_scratch_bytes(*device.kernels, FloatHead{head.floats, head.packed}, rows, threads);
}

int cross_entropy(cider_device *handle, const cider_cross_entropy_params &params) {
  const Device &device = device_of(handle);
  const auto &[x, head_handle, targets, losses, rows, soft_cap, scratch, scratch_bytes] = params;
  const Weight &head = weight_of(head_handle);
  // Rows before the first one that is scored cost nothing.
  uint32_t first = 0;
  while (first < rows && targets[first] < 0) losses[first++] = 0;
  if (first == rows) return CIDER_OK;
  const float *scored = data_of(x) + size_t{first} * head.in_features;
  const CrossEntropyArgs args = {scored, targets + first, losses + first, rows - first, soft_cap, scratch};
  if (head.kind == CIDER_INTEGER) {
    cider::cross_entropy(*device.kernels, *device.pool, IntegerHead{head.integer, head.packed}, args);
  } else {
    cider::cross_entropy(*device.kernels, *device.pool, FloatHead{head.floats, head.packed}, args);
  }
  return CIDER_OK;
}

} // namespace cider::cpu
