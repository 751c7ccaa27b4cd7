// The integer arithmetic by itself, on memory of the caller.
#include "checks.h"
#include "weight-shape.h"

using namespace cider;

int cider_quantize_per_token(cider_device *device, const cider_quantize_per_token_params *params) {
  BEGIN_OPERATION("quantize_per_token", device, params);
  const auto &[x, codes, scales, rows, columns] = *params;
  REQUIRE(x != nullptr && codes != nullptr && scales != nullptr, "quantize_per_token: x, codes or scales is null");
  REQUIRE(rows > 0 && columns > 0, "quantize_per_token: [%u, %u]", rows, columns);
  return device->backend->quantize_per_token(device, *params);
}

namespace {

bool multipliable(uint32_t m, uint32_t n, uint32_t k) { return m > 0 && n > 0 && k > 0 && k <= max_integer_depth; }

} // namespace

uint64_t cider_matmul_int8_scratch(const cider_device *device, uint32_t m, uint32_t n, uint32_t k) {
  if (device == nullptr || !multipliable(m, n, k)) return 0;
  return device->backend->matmul_int8_scratch(device, m, n, k);
}

int cider_matmul_int8(cider_device *device, const cider_matmul_int8_params *params) {
  BEGIN_OPERATION("matmul_int8", device, params);
  const auto &[a, b, out, m, n, k, scratch, scratch_bytes] = *params;
  REQUIRE(a != nullptr && b != nullptr && out != nullptr, "matmul_int8: a, b or out is null");
  REQUIRE(multipliable(m, n, k), "matmul_int8: m = %u, n = %u, k = %u; k is at most %u", m, n, k, max_integer_depth);
  TRY(require_scratch("matmul_int8", scratch, scratch_bytes, cider_matmul_int8_scratch(device, m, n, k)));
  return device->backend->matmul_int8(device, *params);
}

int cider_quantize_rows(cider_device *device, const cider_quantize_rows_params *params) {
  BEGIN_OPERATION("quantize_rows", device, params);
  const auto &[source, codes, scales, dtype, bits, rows, columns, group_size] = *params;
  REQUIRE(source != nullptr && codes != nullptr && scales != nullptr, "quantize_rows: source, codes or scales is null");
  REQUIRE(dtype == CIDER_F32 || dtype == CIDER_F16 || dtype == CIDER_BF16, "quantize_rows: dtype %d", dtype);
  REQUIRE(bits == 8 || bits == 4, "quantize_rows: %d bits", bits);
  REQUIRE(rows > 0 && columns > 0, "quantize_rows: [%u, %u]", rows, columns);
  return device->backend->quantize_rows(device, *params);
}
