// Operations on rows of activations alone.
#include "checks.h"

using namespace cider;

int cider_rms_norm(cider_device *device, const cider_rms_norm_params *params) {
  BEGIN_OPERATION("rms_norm", device, params);
  const auto &[out, x, gain, rows, columns, epsilon] = *params;
  TRY(require_matrix("rms_norm", device, "x", x, rows, columns));
  TRY(require_matrix("rms_norm", device, "out", out, rows, columns));
  TRY(require_matrix("rms_norm", device, "gain", gain, 1, columns));
  return device->backend->rms_norm(device, *params);
}

namespace {

int elementwise(const char *operation, int (*Backend::*apply)(cider_device *, const cider_elementwise_params &),
                cider_device *device, const cider_elementwise_params *params) {
  BEGIN_OPERATION(operation, device, params);
  const auto &[out, a, b, count] = *params;
  TRY(require_matrix(operation, device, "a", a, 1, count));
  TRY(require_matrix(operation, device, "b", b, 1, count));
  TRY(require_matrix(operation, device, "out", out, 1, count));
  return (device->backend->*apply)(device, *params);
}

} // namespace

int cider_silu_mul(cider_device *device, const cider_elementwise_params *params) {
  return elementwise("silu_mul", &Backend::silu_mul, device, params);
}

int cider_gelu_tanh_mul(cider_device *device, const cider_elementwise_params *params) {
  return elementwise("gelu_tanh_mul", &Backend::gelu_tanh_mul, device, params);
}

int cider_add(cider_device *device, const cider_elementwise_params *params) {
  return elementwise("add", &Backend::add, device, params);
}

int cider_soft_cap(cider_device *device, const cider_soft_cap_params *params) {
  BEGIN_OPERATION("soft_cap", device, params);
  const auto &[x, count, cap] = *params;
  TRY(require_matrix("soft_cap", device, "x", x, 1, count));
  REQUIRE(cap > 0 && cap < __builtin_inff(), "soft_cap: cap %g", double{cap});
  return device->backend->soft_cap(device, *params);
}

int cider_argmax(cider_device *device, const cider_argmax_params *params) {
  BEGIN_OPERATION("argmax", device, params);
  const auto &[logits, token_ids, rows, columns] = *params;
  TRY(require_matrix("argmax", device, "logits", logits, rows, columns));
  REQUIRE(columns <= INT32_MAX, "argmax: %u columns", columns);
  REQUIRE(token_ids != nullptr, "argmax: token_ids is null");
  return device->backend->argmax(device, *params);
}

int cider_sample(cider_device *device, cider_sample_params *params) {
  BEGIN_OPERATION("sample", device, params);
  const auto &[logits, rows, columns, temperature, top_k, top_p, random, token_id] = *params;
  TRY(require_matrix("sample", device, "logits", logits, rows, columns));
  REQUIRE(columns <= INT32_MAX, "sample: %u columns", columns);
  REQUIRE(temperature > 0 && temperature < __builtin_inff(), "sample: temperature %g", double{temperature});
  REQUIRE(top_p > 0 && top_p <= 1, "sample: top_p %g", double{top_p});
  REQUIRE(random >= 0 && random < 1, "sample: random %g", random);
  return device->backend->sample(device, *params);
}
