// What becomes of floats at the edge; 0x00800000 is the smallest normal.
#include <metal_stdlib>
using namespace metal;

kernel void subnormals(device float *out [[buffer(0)]], device const float *in [[buffer(1)]]) {
  const float x = in[0];
  out[0] = x * 0.5f;
  out[1] = (x * 1.5f - x) * 2.0f;
  out[2] = in[1] * 2.0f;
  out[3] = in[1];
}

kernel void is_no_number(device uint *out [[buffer(0)]], device const float *in [[buffer(1)]]) {
  out[0] = in[0] != in[0];
}
