// The integer arithmetic by itself, on memory of the caller.
#include "backend.h"

#include "handles.h"
#include "integer-linear.h"
#include "quantize.h"

namespace cider::cpu {

int quantize_per_token(cider_device *handle, const cider_quantize_per_token_params &params) {
  const Device &device = device_of(handle);
  const auto &[x, codes, scales, rows, columns] = params;
  cider::quantize_per_token(*device.kernels->quantize, *device.pool, x, rows, columns, codes, scales);
  return CIDER_OK;
}

uint64_t matmul_int8_scratch(const cider_device *handle, uint32_t m, uint32_t n, uint32_t k) {
  const Device &device = device_of(handle);
  return integer_matmul_scratch_bytes(*device.kernels->integer, m, n, k, device.pool->threads());
}

int matmul_int8(cider_device *handle, const cider_matmul_int8_params &params) {
  const Device &device = device_of(handle);
  const auto &[a, b, out, m, n, k, scratch, scratch_bytes] = params;
  integer_matmul(*device.kernels->integer, *device.pool, {a, b, out, m, n, k, scratch});
  return CIDER_OK;
}

int quantize_rows(cider_device *handle, const cider_quantize_rows_params &params) {
  const Device &device = device_of(handle);
  const auto &[source, codes, scales, dtype, bits, rows, columns, group_size] = params;
  const NonFinite found = cider::quantize_rows(*device.kernels->quantize, *device.pool,
                                               {source, dtype, bits, rows, columns, group_size, codes, scales});
  if (!found.found) return CIDER_OK;
  return fail(CIDER_NON_FINITE, "quantize_rows: NaN or infinity in row %u, column %u", found.row, found.column);
}

} // namespace cider::cpu
