#include <metal_stdlib>
using namespace metal;

constant bool doubled [[function_constant(0)]];

struct Parameters {
  uint a, b, c, d;
};

kernel void bound(device uint *out [[buffer(0)]], device const uint *in [[buffer(1)]],
                  constant Parameters &parameters [[buffer(2)]], threadgroup uint *shared [[threadgroup(0)]]) {
  shared[0] = in[0] + parameters.d;
  out[0] = shared[0] * (doubled ? 2 : 1);
}

[[max_total_threads_per_threadgroup(64)]] kernel void narrow(device uint *out [[buffer(0)]],
                                                             uint index [[thread_index_in_threadgroup]]) {
#ifdef MARK
  out[index] = MARK;
#else
  out[index] = 1;
#endif
}
