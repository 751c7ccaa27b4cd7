// The comparison of two models.
#include "checks.h"

using namespace cider;

uint64_t cider_divergence_scratch(const cider_weight *head, const cider_weight *base_head, uint32_t rows) {
  if (head == nullptr || base_head == nullptr || head->device != base_head->device || rows == 0) return 0;
  return head->device->backend->divergence_scratch(head, base_head, rows);
}

int cider_divergence(cider_device *device, const cider_divergence_params *params) {
  BEGIN_OPERATION("divergence", device, params);
  const auto &[x, head, base_x, base_head, divergences, same_top, rows, first_row, soft_cap, scratch, scratch_bytes] =
      *params;
  TRY(require_weight("divergence", device, head));
  TRY(require_weight("divergence", device, base_head));
  REQUIRE(head->out_features == base_head->out_features, "divergence: heads of %u and %u tokens", head->out_features,
          base_head->out_features);
  TRY(require_matrix("divergence", device, "x", x, rows, head->in_features));
  TRY(require_matrix("divergence", device, "base_x", base_x, rows, base_head->in_features));
  REQUIRE(first_row < rows, "divergence: the first row is %u of %u", first_row, rows);
  REQUIRE(divergences != nullptr && same_top != nullptr, "divergence: divergences or same_top is null");
  TRY(require_soft_cap("divergence", soft_cap));
  const uint64_t needed = cider_divergence_scratch(head, base_head, rows - first_row);
  TRY(require_scratch("divergence", scratch, scratch_bytes, needed));
  return device->backend->divergence(device, *params);
}
