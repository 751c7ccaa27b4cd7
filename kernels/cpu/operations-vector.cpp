// Operations on rows of activations alone.
#include "backend.h"

#include "elementwise.h"
#include "handles.h"
#include "rms-norm.h"
#include "sample.h"

namespace cider::cpu {

int rms_norm(cider_device *handle, const cider_rms_norm_params &params) {
  const Device &device = device_of(handle);
  const auto &[out, x, gain, rows, columns, epsilon] = params;
  cider::rms_norm(*device.kernels->floats, *device.pool,
                  {data_of(x), data_of(gain), data_of(out), rows, columns, epsilon});
  return CIDER_OK;
}

namespace {

int elementwise(void (*apply)(const FloatKernels &, ThreadPool &, const ElementwiseArgs &), cider_device *handle,
                const cider_elementwise_params &params) {
  const Device &device = device_of(handle);
  apply(*device.kernels->floats, *device.pool,
        {data_of(params.a), data_of(params.b), data_of(params.out), params.count});
  return CIDER_OK;
}

} // namespace

int silu_mul(cider_device *device, const cider_elementwise_params &params) {
  return elementwise(cider::silu_mul, device, params);
}

int gelu_tanh_mul(cider_device *device, const cider_elementwise_params &params) {
  return elementwise(cider::gelu_tanh_mul, device, params);
}

int add(cider_device *device, const cider_elementwise_params &params) {
  return elementwise(cider::add, device, params);
}

int soft_cap(cider_device *handle, const cider_soft_cap_params &params) {
  const Device &device = device_of(handle);
  cider::soft_cap(*device.kernels->floats, *device.pool, data_of(params.x), params.count, params.cap);
  return CIDER_OK;
}

int argmax(cider_device *handle, const cider_argmax_params &params) {
  const Device &device = device_of(handle);
  const auto &[logits, token_ids, rows, columns] = params;
  cider::argmax(*device.kernels->floats, *device.pool, data_of(logits), rows, columns, token_ids);
  return CIDER_OK;
}

int sample(cider_device *handle, cider_sample_params &params) {
  Device &device = device_of(handle);
  const auto &[logits, rows, columns, temperature, top_k, top_p, random, token_id] = params;
  void *scratch = device_scratch(device, sample_scratch_bytes(columns));
  if (scratch == nullptr) return fail(CIDER_OUT_OF_MEMORY, "sample: no memory for %u columns", columns);
  const float *last = data_of(logits) + uint64_t{rows - 1} * columns;
  const int32_t token =
      cider::sample(*device.kernels->floats, {last, columns, temperature, top_k, top_p, random, scratch});
  REQUIRE(token >= 0, "sample: a logit is NaN, or the largest is not finite");
  params.token_id = token;
  return CIDER_OK;
}

} // namespace cider::cpu
