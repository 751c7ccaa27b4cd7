// Operations on rows of activations alone.
#include "abi.h"
#include "elementwise.h"
#include "error.h"
#include "handles.h"
#include "rms-norm.h"
#include "sample.h"

using namespace cider;

int cider_rms_norm(cider_device *device, const cider_rms_norm_params *params) {
  BEGIN_OPERATION("rms_norm", device, params);
  const auto &[out, x, gain, rows, columns, epsilon] = *params;
  TRY(require_matrix("rms_norm", "x", x, rows, columns));
  TRY(require_matrix("rms_norm", "out", out, rows, columns));
  TRY(require_matrix("rms_norm", "gain", gain, 1, columns));
  rms_norm(*device->kernels->floats, *device->pool, {x->data, gain->data, out->data, rows, columns, epsilon});
  return CIDER_OK;
}

namespace {

int elementwise(const char *operation, void (*apply)(const FloatKernels &, ThreadPool &, const ElementwiseArgs &),
                cider_device *device, const cider_elementwise_params *params) {
  BEGIN_OPERATION(operation, device, params);
  const auto &[out, a, b, count] = *params;
  TRY(require_matrix(operation, "a", a, 1, count));
  TRY(require_matrix(operation, "b", b, 1, count));
  TRY(require_matrix(operation, "out", out, 1, count));
  apply(*device->kernels->floats, *device->pool, {a->data, b->data, out->data, count});
  return CIDER_OK;
}

} // namespace

int cider_silu_mul(cider_device *device, const cider_elementwise_params *params) {
  return elementwise("silu_mul", silu_mul, device, params);
}

int cider_gelu_tanh_mul(cider_device *device, const cider_elementwise_params *params) {
  return elementwise("gelu_tanh_mul", gelu_tanh_mul, device, params);
}

int cider_add(cider_device *device, const cider_elementwise_params *params) {
  return elementwise("add", add, device, params);
}

int cider_soft_cap(cider_device *device, const cider_soft_cap_params *params) {
  BEGIN_OPERATION("soft_cap", device, params);
  const auto &[x, count, cap] = *params;
  TRY(require_matrix("soft_cap", "x", x, 1, count));
  REQUIRE(cap > 0 && cap < __builtin_inff(), "soft_cap: cap %g", double{cap});
  soft_cap(*device->kernels->floats, *device->pool, x->data, count, cap);
  return CIDER_OK;
}

int cider_argmax(cider_device *device, const cider_argmax_params *params) {
  BEGIN_OPERATION("argmax", device, params);
  const auto &[logits, token_ids, rows, columns] = *params;
  TRY(require_matrix("argmax", "logits", logits, rows, columns));
  REQUIRE(columns <= INT32_MAX, "argmax: %u columns", columns);
  REQUIRE(token_ids != nullptr, "argmax: token_ids is null");
  argmax(*device->kernels->floats, *device->pool, logits->data, rows, columns, token_ids);
  return CIDER_OK;
}

int cider_sample(cider_device *device, cider_sample_params *params) {
  BEGIN_OPERATION("sample", device, params);
  const auto &[logits, rows, columns, temperature, top_k, top_p, random, token_id] = *params;
  TRY(require_matrix("sample", "logits", logits, rows, columns));
  REQUIRE(columns <= INT32_MAX, "sample: %u columns", columns);
  REQUIRE(temperature > 0 && temperature < __builtin_inff(), "sample: temperature %g", double{temperature});
  REQUIRE(top_p > 0 && top_p <= 1, "sample: top_p %g", double{top_p});
  REQUIRE(random >= 0 && random < 1, "sample: random %g", random);
  void *scratch = device_scratch(device, sample_scratch_bytes(columns));
  if (scratch == nullptr) return fail(CIDER_OUT_OF_MEMORY, "sample: no memory for %u columns", columns);
  const float *last = logits->data + uint64_t{rows - 1} * columns;
  const int32_t token = sample(*device->kernels->floats, {last, columns, temperature, top_k, top_p, random, scratch});
  REQUIRE(token >= 0, "sample: a logit is NaN, or the largest is not finite");
  params->token_id = token;
  return CIDER_OK;
}
