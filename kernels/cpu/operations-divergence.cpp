// The comparison of two models.
#include "abi.h"
#include "divergence.h"
#include "error.h"
#include "handles.h"

using namespace cider;

namespace {

LogitSource source_of(const cider_weight *head, const float *x) {
  return {head->kind == CIDER_INTEGER, head->integer, head->floats, head->packed, x};
}

} // namespace

uint64_t cider_divergence_scratch(const cider_weight *head, const cider_weight *base_head, uint32_t rows) {
  if (head == nullptr || base_head == nullptr || rows == 0) return 0;
  return divergence_scratch_bytes(*head->kernels, source_of(head, nullptr), source_of(base_head, nullptr), rows,
                                  head->threads);
}

int cider_divergence(cider_device *device, const cider_divergence_params *params) {
  BEGIN_OPERATION("divergence", device, params);
  const auto &[x, head, base_x, base_head, divergences, same_top, rows, first_row, soft_cap, scratch, scratch_bytes] =
      *params;
  TRY(require_weight("divergence", device, head));
  TRY(require_weight("divergence", device, base_head));
  REQUIRE(head->out_features() == base_head->out_features(), "divergence: heads of %u and %u tokens",
          head->out_features(), base_head->out_features());
  TRY(require_matrix("divergence", "x", x, rows, head->in_features()));
  TRY(require_matrix("divergence", "base_x", base_x, rows, base_head->in_features()));
  REQUIRE(first_row < rows, "divergence: the first row is %u of %u", first_row, rows);
  REQUIRE(divergences != nullptr && same_top != nullptr, "divergence: divergences or same_top is null");
  REQUIRE(soft_cap >= 0 && soft_cap < __builtin_inff(), "divergence: soft cap %g", double{soft_cap});
  const uint32_t count = rows - first_row;
  TRY(require_scratch("divergence", scratch, scratch_bytes, cider_divergence_scratch(head, base_head, count)));
  divergence(*device->kernels, *device->pool,
             {source_of(head, x->data + size_t{first_row} * head->in_features()),
              source_of(base_head, base_x->data + size_t{first_row} * base_head->in_features()), divergences, same_top,
              count, soft_cap, scratch});
  return CIDER_OK;
}
