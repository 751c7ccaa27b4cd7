// What the start-up trial asks of a GPU and of the compiler: where lanes have the elements of the product of fragments,
// and what becomes of numbers close to 0.

#include "common.h"
#include "parameters.h"
#include "exact-floats.h"
#include "lanes.h"
#include "fragment.h"

// Of one lane and one tensor.
template <typename Fragment>
inline void describe_elements(device int *out, thread Fragment &elements) {
  const uint capacity = elements.get_capacity();
  out[0] = int(capacity);
#pragma clang loop unroll(full)
  for (ushort i = 0; i < PROBE_ELEMENTS; i++) {
    device int *element = out + 1 + 3 * i;
    const bool exists = i < capacity;
    const bool is_valid = exists && elements.is_valid_element(i);
    element[0] = exists ? int(is_valid) : -1;
    element[1] = -1;
    element[2] = -1;
    if (!is_valid) continue;
    const auto index = elements.get_multidimensional_index(i);
    element[1] = int(index[0]);
    element[2] = int(index[1]);
  }
}

kernel void probe_layout(device int *out [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  FRAGMENT_PRODUCT(product);
  auto left = FRAGMENT_LEFT(product);
  auto right = FRAGMENT_RIGHT(product);
  auto result = FRAGMENT_RESULT(product);
  describe_elements(out + lane * PROBE_WORDS, left);
  describe_elements(out + (32 + lane) * PROBE_WORDS, right);
  describe_elements(out + (64 + lane) * PROBE_WORDS, result);
}

// All values come from the host, lest the compiler compute with them.
kernel void probe_arithmetic(device const float *in [[buffer(0)]], device uint *out [[buffer(1)]]) {
  out[0] = as_type<uint>(in[0] * in[1]);
  out[1] = as_type<uint>(in[2] + in[2]);
  out[2] = as_type<uint>(in[3] * in[3] + in[4]);
  out[3] = as_type<uint>(exact_product(in[0], in[1]));
  out[4] = as_type<uint>(exact_sum(in[2], in[2]));
}
