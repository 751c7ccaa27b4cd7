// Operations with weights: embedding, linear layers, cross-entropy.
#include "abi.h"
#include "cross-entropy.h"
#include "embedding.h"
#include "error.h"
#include "handles.h"

using namespace cider;

int cider_embedding(cider_device *device, const cider_embedding_params *params) {
  BEGIN_OPERATION("embedding", device, params);
  const cider_weight *table = params->table;
  TRY(require_weight("embedding", device, table));
  REQUIRE(table->kind == CIDER_DENSE, "embedding: the table is not dense");
  TRY(require_matrix("embedding", "out", params->out, params->count, table->in_features()));
  REQUIRE(params->token_ids != nullptr, "embedding: token_ids is null");
  for (uint32_t i = 0; i < params->count; i++) {
    const int32_t id = params->token_ids[i];
    REQUIRE(id >= 0 && static_cast<uint32_t>(id) < table->out_features(),
            "embedding: token id %d is outside the table of %u rows", id, table->out_features());
  }
  embedding(*device->kernels->floats, *device->pool,
            {table->floats, table->packed, params->token_ids, params->count, params->scale, params->out->data});
  return CIDER_OK;
}

uint64_t cider_linear_scratch(const cider_weight *weight, uint32_t rows) {
  if (weight == nullptr || rows == 0) return 0;
  return weight->kind == CIDER_INTEGER
             ? integer_linear_scratch_bytes(*weight->kernels->integer, weight->integer, rows, weight->threads)
             : float_linear_scratch_bytes(*weight->kernels->floats, weight->floats, rows, weight->threads);
}

int cider_linear(cider_device *device, const cider_linear_params *params) {
  BEGIN_OPERATION("linear", device, params);
  const auto &[out, x, weight, rows, quantize_single_row, scratch, scratch_bytes] = *params;
  TRY(require_weight("linear", device, weight));
  TRY(require_matrix("linear", "x", x, rows, weight->in_features()));
  TRY(require_matrix("linear", "out", out, rows, weight->out_features()));
  REQUIRE(out != x, "linear: out and x are the same buffer");
  TRY(require_scratch("linear", scratch, scratch_bytes, cider_linear_scratch(weight, rows)));
  const Kernels &kernels = *device->kernels;
  if (weight->kind == CIDER_INTEGER) {
    integer_linear(*kernels.integer, *kernels.quantize, *device->pool,
                   {weight->integer, weight->packed, x->data, rows, out->data, quantize_single_row != 0, scratch});
  } else {
    float_linear(*kernels.floats, *device->pool, {weight->floats, weight->packed, x->data, rows, out->data, scratch});
  }
  return CIDER_OK;
}

uint64_t cider_cross_entropy_scratch(const cider_weight *head, uint32_t rows) {
  if (head == nullptr || rows == 0) return 0;
  return head->kind == CIDER_INTEGER
             ? cross_entropy_scratch_bytes(*head->kernels, IntegerHead{head->integer, head->packed}, rows,
                                           head->threads)
             : cross_entropy_scratch_bytes(*head->kernels, FloatHead{head->floats, head->packed}, rows, head->threads);
}

int cider_cross_entropy(cider_device *device, const cider_cross_entropy_params *params) {
  BEGIN_OPERATION("cross_entropy", device, params);
  const auto &[x, head, targets, losses, rows, soft_cap, scratch, scratch_bytes] = *params;
  TRY(require_weight("cross_entropy", device, head));
  TRY(require_matrix("cross_entropy", "x", x, rows, head->in_features()));
  REQUIRE(targets != nullptr && losses != nullptr, "cross_entropy: targets or losses is null");
  for (uint32_t row = 0; row < rows; row++) {
    REQUIRE(targets[row] >= -1 && targets[row] < static_cast<int64_t>(head->out_features()),
            "cross_entropy: target %d is outside the %u tokens", targets[row], head->out_features());
  }
  TRY(require_scratch("cross_entropy", scratch, scratch_bytes, cider_cross_entropy_scratch(head, rows)));
  REQUIRE(soft_cap >= 0 && soft_cap < __builtin_inff(), "cross_entropy: soft cap %g", double{soft_cap});
  // Rows before the first one that is scored cost nothing.
  uint32_t first = 0;
  while (first < rows && targets[first] < 0) losses[first++] = 0;
  if (first == rows) return CIDER_OK;
  const float *scored = x->data + size_t{first} * head->in_features();
  const CrossEntropyArgs args = {scored, targets + first, losses + first, rows - first, soft_cap, scratch};
  if (head->kind == CIDER_INTEGER) {
    cross_entropy(*device->kernels, *device->pool, IntegerHead{head->integer, head->packed}, args);
  } else {
    cross_entropy(*device->kernels, *device->pool, FloatHead{head->floats, head->packed}, args);
  }
  return CIDER_OK;
}
