// The integer arithmetic by itself.
#include "abi-test.h"

using namespace cider::test;

namespace {

void test_quantization(cider_device *device) {
  const float x[4] = {127, -1, 0, 0};
  int8_t codes[4];
  float scales[2];
  const cider_quantize_per_token_params token = {x, codes, scales, 2, 2};
  ACCEPTED(cider_quantize_per_token(device, &token));
  CHECK(codes[0] == 127 && codes[1] == -1 && codes[2] == 0 && scales[0] == 1 && scales[1] == 1, "%d %d %d, %g %g",
        codes[0], codes[1], codes[2], double{scales[0]}, double{scales[1]});
  REFUSED(cider_quantize_per_token(nullptr, &token));
  REFUSED(cider_quantize_per_token(device, nullptr));
  REFUSED_WITH(token, p.x = nullptr, cider_quantize_per_token(device, &p));
  REFUSED_WITH(token, p.codes = nullptr, cider_quantize_per_token(device, &p));
  REFUSED_WITH(token, p.scales = nullptr, cider_quantize_per_token(device, &p));
  REFUSED_WITH(token, p.rows = 0, cider_quantize_per_token(device, &p));
  REFUSED_WITH(token, p.columns = 0, cider_quantize_per_token(device, &p));

  const cider_quantize_rows_params rows = {x, codes, scales, CIDER_F32, 8, 2, 2, 0};
  ACCEPTED(cider_quantize_rows(device, &rows));
  CHECK(codes[0] == 127 && codes[1] == -1 && scales[0] == 1, "%d %d, %g", codes[0], codes[1], double{scales[0]});
  REFUSED(cider_quantize_rows(nullptr, &rows));
  REFUSED(cider_quantize_rows(device, nullptr));
  REFUSED_WITH(rows, p.source = nullptr, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.codes = nullptr, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.scales = nullptr, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.dtype = 3, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.dtype = -1, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.bits = 5, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.rows = 0, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.columns = 0, cider_quantize_rows(device, &p));
  const float broken[4] = {1, 2, 3, NAN};
  cider_quantize_rows_params non_finite = rows;
  non_finite.source = broken;
  EXPECT(CIDER_NON_FINITE, cider_quantize_rows(device, &non_finite));
  CHECK(strstr(cider_last_error(), "row 1, column 1") != nullptr, "%s", cider_last_error());
}

void test_matmul(cider_device *device) {
  const int8_t a[2] = {-128, 1};
  const int8_t b[4] = {-128, 0, 3, 4};
  int32_t out[2] = {};
  const uint64_t scratch_bytes = cider_matmul_int8_scratch(device, 1, 2, 2);
  void *scratch = scratch_of(scratch_bytes);
  const cider_matmul_int8_params params = {a, b, out, 1, 2, 2, scratch, scratch_bytes};
  ACCEPTED(cider_matmul_int8(device, &params));
  CHECK(out[0] == 16384 && out[1] == -380, "%d, %d", out[0], out[1]);
  REFUSED(cider_matmul_int8(nullptr, &params));
  REFUSED(cider_matmul_int8(device, nullptr));
  REFUSED_WITH(params, p.a = nullptr, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.b = nullptr, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.out = nullptr, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.m = 0, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.n = 0, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.k = 0, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.k = 131'072, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.k = huge, cider_matmul_int8(device, &p));
  if (scratch_bytes > 0) {
    REFUSED_WITH(params, p.scratch = nullptr, cider_matmul_int8(device, &p));
    REFUSED_WITH(params, p.scratch_bytes--, cider_matmul_int8(device, &p));
  }
  CHECK(cider_matmul_int8_scratch(nullptr, 1, 1, 1) == 0, "scratch for null");
  CHECK(cider_matmul_int8_scratch(device, 0, 1, 1) == 0, "scratch for no rows");
  CHECK(cider_matmul_int8_scratch(device, 1, 1, huge) == 0, "scratch for too long sums");
  free(scratch);
}

} // namespace

int main() {
  for_each_device(test_quantization);
  for_each_device(test_matmul);
  return report();
}
