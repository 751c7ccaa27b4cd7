// Matrices in f64.
#include "backend.h"

#include "accumulate.h"
#include "double-gemm.h"
#include "hadamard.h"
#include "handles.h"
#include "inverse-factor.h"

#include <inttypes.h>

namespace cider::cpu {

namespace {

int require_scratch(const char *operation, Device &device, uint64_t bytes, void **scratch) {
  *scratch = device_scratch(device, bytes);
  if (*scratch != nullptr) return CIDER_OK;
  return fail(CIDER_OUT_OF_MEMORY, "%s: no memory for %" PRIu64 " bytes of scratch", operation, bytes);
}

} // namespace

int multiply_add(cider_device *handle, const cider_multiply_add_params &params) {
  Device &device = device_of(handle);
  const auto &[c, a, b, c_stride, a_stride, b_stride, m, n, k, transpose_b, factor] = params;
  const DoubleKernels &kernels = *device.kernels->doubles;
  void *scratch;
  TRY(require_scratch("multiply_add", device, multiply_add_scratch_bytes(kernels, n, k, device.pool->threads()),
                      &scratch));
  cider::multiply_add(kernels, *device.pool,
                      {c, a, b, c_stride, a_stride, b_stride, m, n, k, transpose_b != 0, factor, scratch});
  return CIDER_OK;
}

int inverse_factor(cider_device *handle, cider_inverse_factor_params &params) {
  Device &device = device_of(handle);
  const DoubleKernels &kernels = *device.kernels->doubles;
  void *scratch;
  TRY(require_scratch("inverse_factor", device, inverse_factor_scratch_bytes(kernels, params.n, device.pool->threads()),
                      &scratch));
  params.pivot =
      static_cast<int32_t>(cider::inverse_factor(kernels, *device.pool, {params.h, params.stride, params.n, scratch}));
  return CIDER_OK;
}

int hadamard(cider_device *handle, const cider_hadamard_params &params) {
  Device &device = device_of(handle);
  const auto &[x, base, stride, rows, columns, order] = params;
  const DoubleKernels &kernels = *device.kernels->doubles;
  void *scratch;
  TRY(require_scratch("hadamard", device, hadamard_scratch_bytes(kernels, order, device.pool->threads()), &scratch));
  cider::hadamard(kernels, *device.pool, {x, stride, rows, columns, order, base, scratch});
  return CIDER_OK;
}

int accumulate(cider_device *handle, const cider_accumulate_params &params) {
  Device &device = device_of(handle);
  const auto &[sum, y, x, stride, count, p, n] = params;
  const FloatKernels &kernels = *device.kernels->floats;
  AccumulateArgs args = {sum, stride, y, x, count, p, n, nullptr};
  TRY(require_scratch("accumulate", device, accumulate_scratch_bytes(kernels, args, device.pool->threads()),
                      &args.scratch));
  cider::accumulate(kernels, *device.pool, args);
  return CIDER_OK;
}

} // namespace cider::cpu
