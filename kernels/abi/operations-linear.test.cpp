// Operations with weights.
#include "abi-test.h"

using namespace cider::test;

namespace {

void test_embedding(cider_device *device) {
  const float data[6] = {1, 2, 3, 4, 5, 6};
  cider_weight *table = create_weight(
      device, {CIDER_DENSE, CIDER_F32, 0, 3, 2, 0, bytes_of(data), no_bytes, no_bytes, no_bytes, CIDER_BYTES});
  cider_buffer *out = buffer_of(device, {0, 0, 0, 0});
  const int32_t ids[] = {2, 0};
  const cider_embedding_params params = {out, table, ids, 2, 3};
  ACCEPTED(cider_embedding(device, &params));
  check_values("embedding", out, {15, 18, 3, 6});

  const int32_t beyond[] = {0, 3};
  const int32_t negative[] = {0, -1};
  REFUSED(cider_embedding(nullptr, &params));
  REFUSED(cider_embedding(device, nullptr));
  REFUSED_WITH(params, p.out = nullptr, cider_embedding(device, &p));
  REFUSED_WITH(params, p.table = nullptr, cider_embedding(device, &p));
  REFUSED_WITH(params, p.token_ids = nullptr, cider_embedding(device, &p));
  REFUSED_WITH(params, p.token_ids = beyond, cider_embedding(device, &p));
  REFUSED_WITH(params, p.token_ids = negative, cider_embedding(device, &p));
  REFUSED_WITH(params, p.count = 0, cider_embedding(device, &p));
  REFUSED_WITH(params, p.count = 3, cider_embedding(device, &p));
  cider_weight_release(table);

  const int8_t codes[6] = {};
  const float scales[3] = {1, 1, 1};
  table = create_weight(
      device, {CIDER_INTEGER, 0, 8, 3, 2, 0, bytes_of(codes), bytes_of(scales), no_bytes, no_bytes, CIDER_BYTES});
  REFUSED_WITH(params, p.table = table, cider_embedding(device, &p));
  cider_weight_release(table);
  cider_buffer_release(out);
}

void test_linear(cider_device *device) {
  const float data[4] = {1, 2, 3, 4};
  const int8_t codes[4] = {1, 2, 3, 4};
  const float scales[2] = {1, 0.5f};
  const float biases[2] = {0, 1};
  const float bias[2] = {10, 20};
  const cider_weight_params dense = {CIDER_DENSE, CIDER_F32,      0,          2, 2, 0, bytes_of(data), no_bytes,
                                     no_bytes,    bytes_of(bias), CIDER_BYTES};
  const cider_weight_params integer = {CIDER_INTEGER,    0,        8,        2,          2, 0, bytes_of(codes),
                                       bytes_of(scales), no_bytes, no_bytes, CIDER_BYTES};
  const cider_weight_params affine = {
      CIDER_AFFINE, 0, 4, 2, 2, 0, bytes_of(codes), bytes_of(scales), bytes_of(biases), no_bytes, CIDER_BYTES};
  cider_buffer *x = buffer_of(device, {127, 0, -127, 127});
  cider_buffer *out = buffer_of(device, {0, 0, 0, 0});

  const struct {
    const cider_weight_params &params;
    float expected[4];
  } cases[] = {
      {dense, {127 + 10, 381 + 20, 127 + 10, 127 + 20}},
      {integer, {127, 190.5f, 127, 63.5f}},
      {affine, {127, 317.5f, 127, 63.5f}},
  };
  for (const auto &[weight_params, expected] : cases) {
    cider_weight *weight = create_weight(device, weight_params);
    const uint64_t scratch_bytes = cider_linear_scratch(weight, 2);
    void *scratch = scratch_of(scratch_bytes);
    const cider_linear_params params = {out, x, weight, 2, 0, scratch, scratch_bytes};
    ACCEPTED(cider_linear(device, &params));
    check_values("linear", out, expected);

    REFUSED(cider_linear(nullptr, &params));
    REFUSED(cider_linear(device, nullptr));
    REFUSED_WITH(params, p.out = nullptr, cider_linear(device, &p));
    REFUSED_WITH(params, p.x = nullptr, cider_linear(device, &p));
    REFUSED_WITH(params, p.weight = nullptr, cider_linear(device, &p));
    REFUSED_WITH(params, p.out = x, cider_linear(device, &p));
    REFUSED_WITH(params, p.rows = 0, cider_linear(device, &p));
    REFUSED_WITH(params, p.rows = 3, cider_linear(device, &p));
    REFUSED_WITH(params, p.rows = huge, cider_linear(device, &p));
    if (scratch_bytes > 0) {
      REFUSED_WITH(params, p.scratch = nullptr, cider_linear(device, &p));
      REFUSED_WITH(params, p.scratch_bytes--, cider_linear(device, &p));
    }
    cider_device *other = open_device("generic", cider_device_threads(device) + 1);
    REFUSED(cider_linear(other, &params)); // the weight was packed for another device
    cider_close(other);
    free(scratch);
    cider_weight_release(weight);
  }
  CHECK(cider_linear_scratch(nullptr, 1) == 0, "scratch for null");
  cider_buffer_release(x);
  cider_buffer_release(out);
}

void test_cross_entropy(cider_device *device) {
  const float data[4] = {1, 0, 0, 1};
  cider_weight *head = create_weight(
      device, {CIDER_DENSE, CIDER_F32, 0, 2, 2, 0, bytes_of(data), no_bytes, no_bytes, no_bytes, CIDER_BYTES});
  cider_buffer *x = buffer_of(device, {0, 0, 3, 0});
  const int32_t targets[] = {1, -1};
  double losses[2] = {-1, -1};
  const uint64_t scratch_bytes = cider_cross_entropy_scratch(head, 2);
  void *scratch = scratch_of(scratch_bytes);
  const cider_cross_entropy_params params = {x, head, targets, losses, 2, 0, scratch, scratch_bytes};
  ACCEPTED(cider_cross_entropy(device, &params));
  CHECK(fabs(losses[0] - log(2)) < 1e-6 && losses[1] == 0, "%g, %g", losses[0], losses[1]);
  const int32_t last[] = {-1, 1};
  const int32_t none[] = {-1, -1};
  auto other = params;
  other.targets = last;
  ACCEPTED(cider_cross_entropy(device, &other));
  CHECK(losses[0] == 0 && fabs(losses[1] - log(1 + exp(3))) < 1e-6, "%g, %g", losses[0], losses[1]);
  other.targets = none;
  ACCEPTED(cider_cross_entropy(device, &other));
  CHECK(losses[0] == 0 && losses[1] == 0, "%g, %g", losses[0], losses[1]);

  const int32_t beyond[] = {0, 2};
  const int32_t negative[] = {-2, 0};
  REFUSED(cider_cross_entropy(nullptr, &params));
  REFUSED(cider_cross_entropy(device, nullptr));
  REFUSED_WITH(params, p.x = nullptr, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.head = nullptr, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.targets = nullptr, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.targets = beyond, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.targets = negative, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.losses = nullptr, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.rows = 0, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.rows = huge, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.soft_cap = -1, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.soft_cap = NAN, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.soft_cap = INFINITY, cider_cross_entropy(device, &p));
  if (scratch_bytes > 0) {
    REFUSED_WITH(params, p.scratch = nullptr, cider_cross_entropy(device, &p));
    REFUSED_WITH(params, p.scratch_bytes--, cider_cross_entropy(device, &p));
  }
  CHECK(cider_cross_entropy_scratch(nullptr, 1) == 0, "scratch for null");
  free(scratch);
  cider_weight_release(head);
  cider_buffer_release(x);
}

void test_divergence(cider_device *device) {
  const float data[4] = {1, 0, 0, 1};
  const float wide_data[6] = {};
  cider_weight *head = create_weight(
      device, {CIDER_DENSE, CIDER_F32, 0, 2, 2, 0, bytes_of(data), no_bytes, no_bytes, no_bytes, CIDER_BYTES});
  cider_weight *wide = create_weight(
      device, {CIDER_DENSE, CIDER_F32, 0, 3, 2, 0, bytes_of(wide_data), no_bytes, no_bytes, no_bytes, CIDER_BYTES});
  cider_buffer *x = buffer_of(device, {5, 5, 1, 0});
  cider_buffer *base_x = buffer_of(device, {5, 5, 0, 0});
  double divergences[1] = {-1};
  uint8_t same_top[1] = {2};
  const uint64_t scratch_bytes = cider_divergence_scratch(head, head, 1);
  void *scratch = scratch_of(scratch_bytes);
  const cider_divergence_params params = {x, head, base_x, head,    divergences,  same_top,
                                          2, 1,    0,      scratch, scratch_bytes};
  ACCEPTED(cider_divergence(device, &params));
  // p is even, q is e to 1.
  const double expected = log((M_E + 1) / 2) - 0.5;
  CHECK(fabs(divergences[0] - expected) < 1e-7 && same_top[0] == 1, "%g, %u", divergences[0], same_top[0]);

  REFUSED(cider_divergence(nullptr, &params));
  REFUSED(cider_divergence(device, nullptr));
  REFUSED_WITH(params, p.x = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.head = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.head = wide, cider_divergence(device, &p));
  REFUSED_WITH(params, p.base_x = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.base_head = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.divergences = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.same_top = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.rows = 0, cider_divergence(device, &p));
  REFUSED_WITH(params, p.rows = huge, cider_divergence(device, &p));
  REFUSED_WITH(params, p.first_row = 2, cider_divergence(device, &p));
  REFUSED_WITH(params, p.soft_cap = -1, cider_divergence(device, &p));
  REFUSED_WITH(params, p.soft_cap = NAN, cider_divergence(device, &p));
  REFUSED_WITH(params, p.soft_cap = INFINITY, cider_divergence(device, &p));
  REFUSED_WITH(params, p.scratch = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.scratch_bytes--, cider_divergence(device, &p));
  CHECK(cider_divergence_scratch(nullptr, head, 1) == 0, "scratch for null");
  CHECK(cider_divergence_scratch(head, nullptr, 1) == 0, "scratch for null");
  free(scratch);
  for (cider_weight *weight : {head, wide}) cider_weight_release(weight);
  for (cider_buffer *buffer : {x, base_x}) cider_buffer_release(buffer);
}

} // namespace

int main() {
  for_each_device(test_embedding);
  for_each_device(test_linear);
  for_each_device(test_cross_entropy);
  for_each_device(test_divergence);
  return report();
}
