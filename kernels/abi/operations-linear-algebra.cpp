// Matrices in f64.
#include "checks.h"

#include <inttypes.h>

using namespace cider;

namespace {

constexpr uint32_t max_size = INT32_MAX;

// A block [rows, columns] of a row-major matrix, and that the bytes it spans can be counted.
int require_block(const char *operation, const char *name, const double *data, uint64_t stride, uint32_t rows,
                  uint32_t columns) {
  REQUIRE(data != nullptr, "%s: %s is null", operation, name);
  REQUIRE(rows > 0 && columns > 0 && rows <= max_size && columns <= max_size, "%s: %s is [%u, %u]", operation, name,
          rows, columns);
  uint64_t bytes;
  const bool overflow = __builtin_mul_overflow(stride, uint64_t{rows}, &bytes) ||
                        __builtin_mul_overflow(bytes, uint64_t{sizeof(double)}, &bytes);
  REQUIRE(stride >= columns && !overflow && bytes <= PTRDIFF_MAX, "%s: %s [%u, %u] with a stride of %" PRIu64,
          operation, name, rows, columns, stride);
  return CIDER_OK;
}

int require_f64(const char *operation, const cider_device *device) {
  if (device->backend->multiply_add != nullptr) return CIDER_OK;
  return fail(CIDER_UNAVAILABLE, "%s: the backend %s does not compute in f64", operation, device->backend->name);
}

} // namespace

int cider_multiply_add(cider_device *device, const cider_multiply_add_params *params) {
  BEGIN_OPERATION("multiply_add", device, params);
  const auto &[c, a, b, c_stride, a_stride, b_stride, m, n, k, transpose_b, factor] = *params;
  TRY(require_f64("multiply_add", device));
  TRY(require_block("multiply_add", "c", c, c_stride, m, n));
  TRY(require_block("multiply_add", "a", a, a_stride, m, k));
  TRY(require_block("multiply_add", "b", b, b_stride, transpose_b ? n : k, transpose_b ? k : n));
  return device->backend->multiply_add(device, *params);
}

int cider_inverse_factor(cider_device *device, cider_inverse_factor_params *params) {
  BEGIN_OPERATION("inverse_factor", device, params);
  TRY(require_f64("inverse_factor", device));
  TRY(require_block("inverse_factor", "h", params->h, params->stride, params->n, params->n));
  return device->backend->inverse_factor(device, *params);
}

int cider_hadamard(cider_device *device, const cider_hadamard_params *params) {
  BEGIN_OPERATION("hadamard", device, params);
  const auto &[x, base, stride, rows, columns, order] = *params;
  TRY(require_f64("hadamard", device));
  TRY(require_block("hadamard", "x", x, stride, rows, columns));
  REQUIRE(order > 0 && columns % order == 0 && __builtin_popcount(columns / order) == 1,
          "hadamard: %u columns are not %u times a power of two", columns, order);
  REQUIRE(base != nullptr, "hadamard: base is null");
  for (uint64_t i = 0; i < uint64_t{order} * order; i++) {
    REQUIRE(base[i] == 1 || base[i] == -1, "hadamard: element %" PRIu64 " of the base is %d", i, base[i]);
  }
  return device->backend->hadamard(device, *params);
}

int cider_accumulate(cider_device *device, const cider_accumulate_params *params) {
  BEGIN_OPERATION("accumulate", device, params);
  const auto &[sum, y, x, stride, count, p, n] = *params;
  TRY(require_f64("accumulate", device));
  TRY(require_block("accumulate", "sum", sum, stride, p, n));
  REQUIRE(y != nullptr && x != nullptr, "accumulate: y or x is null");
  REQUIRE(count > 0, "accumulate: no rows");
  return device->backend->accumulate(device, *params);
}
