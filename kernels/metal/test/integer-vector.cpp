#include "integer-vector.h"

#include "edge-memory.h"

#include "../parameters.h"

#include <math.h>

namespace cider::test {

namespace {

const char *name_of(const VectorShape &shape) {
  if (shape.bits == 8) return shape.group_size == 0 ? "int8_mv" : "int8_group_mv";
  return shape.group_size == 0 ? "int4_mv" : "int4_group_mv";
}

} // namespace

void check_vector(Kernels &kernels, uint64_t seed, const VectorShape &shape, uint32_t special, float value) {
  const auto &[n, k, bits, group_size, row_padding] = shape;
  const uint32_t groups = group_size == 0 ? 1 : (k + group_size - 1) / group_size;
  const uint32_t stride = (bits == 8 ? k : (k + 1) / 2) + row_padding;
  const bool has_bias = seed % 2 == 0;
  Random random(seed);
  AtEdge<float> x(k), out(n), scales(size_t{n} * groups), bias(n);
  AtEdge<uint8_t> weight(size_t{n} * stride);
  for (uint32_t i = 0; i < k; i++) x[i] = random.uniform(-1.0f, 1.0f) * (random.below(20) == 0 ? 1000.0f : 1.0f);
  if (special < k) x[special] = value;
  for (size_t i = 0; i < size_t{n} * stride; i++) weight[i] = static_cast<uint8_t>(random.bits() | 1 | 1 << 4);
  for (size_t i = 0; i < size_t{n} * groups; i++) scales[i] = random.uniform(0.001f, 0.01f);
  for (uint32_t i = 0; i < n; i++) bias[i] = random.uniform(-1.0f, 1.0f);
  const bool is_aligned = (reinterpret_cast<uintptr_t>(weight.data()) | stride) % sizeof(uint32_t) == 0;
  kernels.run(name_of(shape), {(n + MV_ROWS - 1) / MV_ROWS}, MV_THREADS, x.bound(), weight.bound(), out.bound(),
              scales.bound(), bias.bound(),
              MatrixVectorParameters{n, k, stride, group_size, groups, has_bias, is_aligned});
  for (uint32_t output = 0; output < n; output++) {
    double sum = has_bias ? static_cast<double>(bias[output]) : 0.0;
    double magnitude = fabs(sum);
    for (uint32_t at = 0; at < k; at++) {
      const uint8_t *row = weight.data() + size_t{output} * stride;
      const int byte = static_cast<int8_t>(bits == 8 ? row[at] : row[at / 2]);
      const int code = bits == 8 ? byte : at % 2 == 0 ? static_cast<int8_t>(byte << 4) >> 4 : byte >> 4;
      const uint32_t group = group_size == 0 ? 0 : at / group_size;
      const double term =
          code * static_cast<double>(scales[size_t{output} * groups + group]) * static_cast<double>(x[at]);
      sum += term;
      magnitude += fabs(term);
    }
    if (special < k) {
      CHECK(!isfinite(out[output]), "%s, N=%u K=%u: x[%u] is %g, but out[%u] is finite", name_of(shape), n, k, special,
            static_cast<double>(value), output);
      continue;
    }
    // A term goes through its own rounding, that of its scale, and at most K + 1 additions, in whatever order.
    const double tolerance = (k + 3) * 0x1p-24 * 1.01 * magnitude;
    CHECK(fabs(static_cast<double>(out[output]) - sum) <= tolerance,
          "%s, N=%u K=%u group=%u: out[%u] is %.9g, not %.9g", name_of(shape), n, k, group_size, output,
          static_cast<double>(out[output]), sum);
  }
  CHECK(out.intact(), "%s, N=%u K=%u: wrote before the output", name_of(shape), n, k);
}

} // namespace cider::test
