// Rotates the pairs (i, i + head_dim / 2) of each head: two products and a sum each, rounded one by one.
#include "common.h"
#include "parameters.h"

kernel void rope(device float *x [[buffer(0)]], device const float2 *rotations [[buffer(1)]],
                 constant RopeParameters &parameters [[buffer(2)]], uint2 group [[threadgroup_position_in_grid]],
                 uint index [[thread_index_in_threadgroup]]) {
  const uint pairs = parameters.head_dim / 2;
  const uint pair = group.x * ELEMENT_THREADS + index; // of the row
  if (pair >= parameters.heads * pairs) return;
  const uint head = pair / pairs;
  const uint i = pair % pairs;
  const float2 rotation = rotations[size_t(group.y) * pairs + i];
  const size_t at = (size_t(group.y) * parameters.heads + head) * parameters.head_dim + i;
  const float first = x[at];
  const float second = x[at + pairs];
  x[at] = first * rotation.x - second * rotation.y;
  x[at + pairs] = second * rotation.x + first * rotation.y;
}
