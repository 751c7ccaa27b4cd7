// The integer arithmetic by itself, on memory of the caller.
#include "integer-products.h"
#include "operations.h"

#include "../../kernels/cpu/kernel-table.h"
#include "../../kernels/cpu/quantize.h"
#include "../../kernels/cpu/thread-pool.h"

#include <string.h>

namespace cider::metal {

int quantize_per_token(cider_device *handle, const cider_quantize_per_token_params &params) {
  const auto &[x, codes, scales, rows, columns] = params;
  Device &device = device_of(handle);
  const uint32_t stride = code_stride_of(columns);
  id code_buffer, scale_buffer, source;
  TRY(require_scratch(device, code_scratch, uint64_t{rows} * stride, &code_buffer));
  TRY(require_scratch(device, scale_scratch, uint64_t{rows} * sizeof(float), &scale_buffer));
  TRY(new_buffer_of(device, x, uint64_t{rows} * columns * sizeof(float), &source));
  const Owned owned_source(source);
  TRY(quantize(device, whole(source), rows, columns, {whole(code_buffer), whole(scale_buffer), stride}));
  TRY(device.commands.wait());
  const auto *coded = static_cast<const int8_t *>(contents_of(code_buffer));
  for (uint32_t row = 0; row < rows; row++) {
    memcpy(codes + uint64_t{row} * columns, coded + uint64_t{row} * stride, columns);
  }
  memcpy(scales, contents_of(scale_buffer), rows * sizeof(float));
  return CIDER_OK;
}

int matmul_int8(cider_device *handle, const cider_matmul_int8_params &params) {
  const auto &[a, b, out, m, n, k, scratch, scratch_bytes] = params;
  Device &device = device_of(handle);
  id left, right, sums;
  TRY(new_buffer_of(device, a, uint64_t{m} * k, &left));
  const Owned owned_left(left);
  TRY(new_buffer_of(device, b, uint64_t{n} * k, &right));
  const Owned owned_right(right);
  TRY(require_scratch(device, result_scratch, uint64_t{m} * n * sizeof(int32_t), &sums));
  TRY(multiply(device, {.library = library_of(device.path),
                        .kind = int8_sums,
                        .m = m,
                        .n = n,
                        .k = k,
                        .x = {whole(left), {}, k},
                        .weight = whole(right),
                        .weight_stride = k,
                        .group_size = 0,
                        .groups = 0,
                        .weight_scales = {},
                        .bias = {},
                        .out = whole(sums)}));
  TRY(device.commands.wait());
  memcpy(out, contents_of(sums), uint64_t{m} * n * sizeof(int32_t));
  return CIDER_OK;
}

// Weights are quantized once, by the processor.
int quantize_rows(cider_device *handle, const cider_quantize_rows_params &params) {
  const auto &[source, codes, scales, dtype, bits, rows, columns, group_size] = params;
  Device &device = device_of(handle);
  ThreadPool *pool;
  TRY(require_pool(device, &pool));
  const NonFinite found = cider::quantize_rows(*select_kernels(nullptr)->quantize, *pool,
                                               {source, dtype, bits, rows, columns, group_size, codes, scales});
  if (!found.found) return CIDER_OK;
  return fail(CIDER_NON_FINITE, "quantize_rows: NaN or infinity in row %u, column %u", found.row, found.column);
}

} // namespace cider::metal
