// Weights of every kind.
#include "abi-test.h"

using namespace cider::test;

namespace {

// Codes in words are those in bytes, whatever stands in the padding.
void test_words(cider_device *device) {
  const uint8_t codes[6] = {1, 15, 3, 8, 0, 5};
  const uint32_t four_bits[2] = {0xabcde3f1, 0x12345508};
  const uint32_t eight_bits[2] = {0xff030f01, 0x77050008};
  const float scales[2] = {2, 0.5};
  const float biases[2] = {-1, 1};
  cider_buffer *x = buffer_of(device, {1, 10, 100});
  cider_buffer *out = buffer_of(device, {0, 0});
  const cider_bytes sources[] = {bytes_of(four_bits), bytes_of(eight_bits), bytes_of(codes)};
  for (int source = 0; source < 3; source++) {
    const cider_weight_params params = {CIDER_AFFINE,
                                        0,
                                        source == 0 ? 4 : 8,
                                        2,
                                        3,
                                        0,
                                        sources[source],
                                        bytes_of(scales),
                                        bytes_of(biases),
                                        no_bytes,
                                        source == 2 ? CIDER_BYTES : CIDER_WORDS};
    cider_weight *weight = create_weight(device, params);
    const uint64_t scratch_bytes = cider_linear_scratch(weight, 1);
    void *scratch = scratch_of(scratch_bytes);
    const cider_linear_params linear = {out, x, weight, 1, 0, scratch, scratch_bytes};
    ACCEPTED(cider_linear(device, &linear));
    check_values("linear of words", out, {2 * (1 + 150 + 300) - 111, 0.5 * (8 + 500) + 111});
    free(scratch);
    cider_weight_release(weight);
    cider_weight *refused = nullptr;
    REFUSED_WITH(params, p.data.bytes--, cider_weight_create(device, &p, &refused));
    REFUSED_WITH(params, p.storage = 2, cider_weight_create(device, &p, &refused));
    REFUSED_WITH(params, (p.kind = CIDER_INTEGER, p.storage = CIDER_WORDS), cider_weight_create(device, &p, &refused));
  }
  cider_buffer_release(x);
  cider_buffer_release(out);
}

void test_weights(cider_device *device) {
  const float data[6] = {1, 2, 3, 4, 5, 6};
  const float biases[4] = {0, 0, 0, 0};
  const float bias[2] = {10, 20};
  const int8_t codes[6] = {1, 2, 3, 4, 5, 6};
  cider_weight *weight = nullptr;

  const cider_weight_params dense = {CIDER_DENSE, CIDER_F32,      0,          2, 3, 0, bytes_of(data), no_bytes,
                                     no_bytes,    bytes_of(bias), CIDER_BYTES};
  cider_weight_release(create_weight(device, dense));
  REFUSED(cider_weight_create(nullptr, &dense, &weight));
  REFUSED(cider_weight_create(device, nullptr, &weight));
  REFUSED(cider_weight_create(device, &dense, nullptr));
  REFUSED_WITH(dense, p.kind = 3, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.kind = -1, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.dtype = 3, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.dtype = -1, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.dtype = CIDER_F16, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.out_features = 0, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.in_features = 0, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.in_features = 4, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.out_features = p.in_features = huge, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.data.memory = nullptr, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.data.bytes--, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.bias.bytes--, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.bias.memory = nullptr, cider_weight_create(device, &p, &weight));

  // Groups of 2 among 3 columns: the second is shorter.
  const float scales[4] = {1, 1, 1, 1};
  const cider_weight_params integer = {
      CIDER_INTEGER, 0, 8, 2, 3, 2, bytes_of(codes), bytes_of(scales), no_bytes, bytes_of(bias), CIDER_BYTES};
  const cider_weight_params affine = {
      CIDER_AFFINE, 0, 8, 2, 3, 2, bytes_of(codes), bytes_of(scales), bytes_of(biases), bytes_of(bias), CIDER_BYTES};
  const cider_weight_params quantized[] = {integer, affine};
  for (const cider_weight_params &params : quantized) {
    cider_weight_release(create_weight(device, params));
    REFUSED_WITH(params, p.bits = 0, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.bits = 3, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.group_size = 0, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.group_size = 1, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.group_size = huge, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.data = no_bytes, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.scales = no_bytes, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.scales.bytes = UINT64_MAX, cider_weight_create(device, &p, &weight));
  }
  REFUSED_WITH(affine, p.biases = no_bytes, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(integer, (p.in_features = 131'072, p.group_size = 0), cider_weight_create(device, &p, &weight));

  // Codes of 4 bits that are none.
  const int8_t signed_codes[6] = {-8, 7, 0, 1, 8, 9};
  const int8_t unsigned_codes[6] = {0, 15, 1, 2, 3, -1};
  REFUSED_WITH(integer, (p.bits = 4, p.data = bytes_of(signed_codes)), cider_weight_create(device, &p, &weight));
  CHECK(strstr(cider_last_error(), "row 1, column 1") != nullptr, "%s", cider_last_error());
  REFUSED_WITH(affine, (p.bits = 4, p.data = bytes_of(unsigned_codes)), cider_weight_create(device, &p, &weight));
  CHECK(strstr(cider_last_error(), "row 1, column 2") != nullptr, "%s", cider_last_error());
  CHECK(weight == nullptr, "a weight after a failure");
  cider_weight_release(nullptr);
}

} // namespace

int main() {
  for_each_device(test_words);
  for_each_device(test_weights);
  return report();
}
