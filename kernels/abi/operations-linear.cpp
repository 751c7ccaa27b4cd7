// Operations with weights: embedding, linear layers, cross-entropy.
#include "checks.h"

using namespace cider;

int cider_embedding(cider_device *device, const cider_embedding_params *params) {
  BEGIN_OPERATION("embedding", device, params);
  const auto &[out, table, token_ids, count, scale] = *params;
  TRY(require_weight("embedding", device, table));
  REQUIRE(table->kind == CIDER_DENSE, "embedding: the table is not dense");
  TRY(require_matrix("embedding", device, "out", out, count, table->in_features));
  REQUIRE(token_ids != nullptr, "embedding: token_ids is null");
  for (uint32_t i = 0; i < count; i++) {
    REQUIRE(token_ids[i] >= 0 && static_cast<uint32_t>(token_ids[i]) < table->out_features,
            "embedding: token id %d is outside the table of %u rows", token_ids[i], table->out_features);
  }
  return device->backend->embedding(device, *params);
}

uint64_t cider_linear_scratch(const cider_weight *weight, uint32_t rows) {
  return weight == nullptr || rows == 0 ? 0 : weight->device->backend->linear_scratch(weight, rows);
}

int cider_linear(cider_device *device, const cider_linear_params *params) {
  BEGIN_OPERATION("linear", device, params);
  const auto &[out, x, weight, rows, quantize_single_row, scratch, scratch_bytes] = *params;
  TRY(require_weight("linear", device, weight));
  TRY(require_matrix("linear", device, "x", x, rows, weight->in_features));
  TRY(require_matrix("linear", device, "out", out, rows, weight->out_features));
  REQUIRE(out != x, "linear: out and x are the same buffer");
  TRY(require_scratch("linear", scratch, scratch_bytes, cider_linear_scratch(weight, rows)));
  return device->backend->linear(device, *params);
}

uint64_t cider_cross_entropy_scratch(const cider_weight *head, uint32_t rows) {
  return head == nullptr || rows == 0 ? 0 : head->device->backend->cross_entropy_scratch(head, rows);
}

int cider_cross_entropy(cider_device *device, const cider_cross_entropy_params *params) {
  BEGIN_OPERATION("cross_entropy", device, params);
  const auto &[x, head, targets, losses, rows, soft_cap, scratch, scratch_bytes] = *params;
  TRY(require_weight("cross_entropy", device, head));
  TRY(require_matrix("cross_entropy", device, "x", x, rows, head->in_features));
  REQUIRE(targets != nullptr && losses != nullptr, "cross_entropy: targets or losses is null");
  for (uint32_t row = 0; row < rows; row++) {
    REQUIRE(targets[row] >= -1 && targets[row] < static_cast<int64_t>(head->out_features),
            "cross_entropy: target %d is outside the %u tokens", targets[row], head->out_features);
  }
  TRY(require_scratch("cross_entropy", scratch, scratch_bytes, cider_cross_entropy_scratch(head, rows)));
  TRY(require_soft_cap("cross_entropy", soft_cap));
  return device->backend->cross_entropy(device, *params);
}
