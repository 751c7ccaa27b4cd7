// Operations on rows of activations alone.
#include "abi-test.h"

using namespace cider::test;

namespace {

void test_rows(cider_device *device) {
  cider_buffer *x = buffer_of(device, {3, 4, 0, 0});
  cider_buffer *gain = buffer_of(device, {1, 2});
  cider_buffer *out = buffer_of(device, {0, 0, 0, 0});
  const cider_rms_norm_params norm = {out, x, gain, 2, 2, 1e-12f};
  ACCEPTED(cider_rms_norm(device, &norm));
  check_values("rms_norm", out, {3 / sqrtf(12.5f), 8 / sqrtf(12.5f), 0, 0});
  REFUSED(cider_rms_norm(nullptr, &norm));
  REFUSED(cider_rms_norm(device, nullptr));
  REFUSED_WITH(norm, p.out = nullptr, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.x = nullptr, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.gain = nullptr, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.rows = 0, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.rows = 3, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.columns = 0, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, (p.columns = 4, p.rows = 1), cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.columns = p.rows = huge, cider_rms_norm(device, &p));

  const cider_elementwise_params pair = {out, x, gain, 2};
  ACCEPTED(cider_add(device, &pair));
  check_values("add", out, {4, 6});
  ACCEPTED(cider_silu_mul(device, &pair));
  check_values("silu_mul", out, {3 / (1 + expf(-3)), 8 / (1 + expf(-4))});
  ACCEPTED(cider_gelu_tanh_mul(device, &pair));
  check_values("gelu_tanh_mul", out, {2.99636261f, 7.99986016f});
  int (*const operations[])(cider_device *, const cider_elementwise_params *) = {cider_add, cider_silu_mul,
                                                                                 cider_gelu_tanh_mul};
  for (const auto operation : operations) {
    REFUSED(operation(nullptr, &pair));
    REFUSED(operation(device, nullptr));
    REFUSED_WITH(pair, p.out = nullptr, operation(device, &p));
    REFUSED_WITH(pair, p.a = nullptr, operation(device, &p));
    REFUSED_WITH(pair, p.b = nullptr, operation(device, &p));
    REFUSED_WITH(pair, p.count = 0, operation(device, &p));
    REFUSED_WITH(pair, p.count = 3, operation(device, &p));
    REFUSED_WITH(pair, p.count = UINT64_MAX, operation(device, &p));
  }

  const cider_soft_cap_params cap = {x, 2, 2};
  ACCEPTED(cider_soft_cap(device, &cap));
  check_values("soft_cap", x, {2 * tanhf(1.5f), 2 * tanhf(2), 0, 0});
  REFUSED(cider_soft_cap(nullptr, &cap));
  REFUSED(cider_soft_cap(device, nullptr));
  REFUSED_WITH(cap, p.x = nullptr, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.count = 0, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.count = 5, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.count = UINT64_MAX, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.cap = 0, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.cap = NAN, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.cap = INFINITY, cider_soft_cap(device, &p));
  cider_buffer_release(x);
  cider_buffer_release(gain);
  cider_buffer_release(out);
}

void test_tokens(cider_device *device) {
  cider_buffer *logits = buffer_of(device, {5, 1, 1, 1, 9, 9});
  int32_t ids[2] = {-1, -1};
  const cider_argmax_params argmax = {logits, ids, 2, 3};
  ACCEPTED(cider_argmax(device, &argmax));
  CHECK(ids[0] == 0 && ids[1] == 1, "argmax: %d, %d", ids[0], ids[1]);
  REFUSED(cider_argmax(nullptr, &argmax));
  REFUSED(cider_argmax(device, nullptr));
  REFUSED_WITH(argmax, p.logits = nullptr, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.token_ids = nullptr, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.rows = 0, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.rows = huge, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.columns = 0, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.columns = 4, cider_argmax(device, &p));

  cider_sample_params sample = {logits, 2, 3, 1, 2, 1, 0.75, -1};
  ACCEPTED(cider_sample(device, &sample));
  CHECK(sample.token_id == 2, "sample: %d", sample.token_id);
  REFUSED(cider_sample(nullptr, &sample));
  REFUSED(cider_sample(device, nullptr));
  REFUSED_WITH(sample, p.logits = nullptr, cider_sample(device, &p));
  REFUSED_WITH(sample, p.rows = 0, cider_sample(device, &p));
  REFUSED_WITH(sample, p.rows = 3, cider_sample(device, &p));
  REFUSED_WITH(sample, p.columns = 0, cider_sample(device, &p));
  REFUSED_WITH(sample, p.columns = huge, cider_sample(device, &p));
  REFUSED_WITH(sample, p.temperature = 0, cider_sample(device, &p));
  REFUSED_WITH(sample, p.temperature = -1, cider_sample(device, &p));
  REFUSED_WITH(sample, p.temperature = NAN, cider_sample(device, &p));
  REFUSED_WITH(sample, p.temperature = INFINITY, cider_sample(device, &p));
  REFUSED_WITH(sample, p.top_p = 0, cider_sample(device, &p));
  REFUSED_WITH(sample, p.top_p = 1.5f, cider_sample(device, &p));
  REFUSED_WITH(sample, p.top_p = NAN, cider_sample(device, &p));
  REFUSED_WITH(sample, p.random = 1, cider_sample(device, &p));
  REFUSED_WITH(sample, p.random = -0.5, cider_sample(device, &p));
  REFUSED_WITH(sample, p.random = NAN, cider_sample(device, &p));
  const float bad[] = {NAN, INFINITY};
  for (const float value : bad) {
    ACCEPTED(cider_buffer_write(logits, 5, &value, 1));
    REFUSED(cider_sample(device, &sample));
  }
  cider_buffer_release(logits);
}

} // namespace

int main() {
  for_each_device(test_rows);
  for_each_device(test_tokens);
  return report();
}
