// A product and a sum become one operation unless the source forbids it: the last bits of x * x - 1 tell.
#include <metal_stdlib>
using namespace metal;
#ifdef OFF
#pragma METAL fp contract(off)
#endif

kernel void contraction(device uint *failures [[buffer(0)]], uint threads [[threads_per_grid]],
                        uint simdgroups [[simdgroups_per_threadgroup]]) {
  const float x = 1 + 0x1p-20 * float(threads);
  const float y = 1 + 0x1p-20 * float(simdgroups);
  const float rest = x * x - 1;
  const float2 pair = float2(y) * y - 1.0f;
#ifdef OFF
  const float expected = 0x1p-19;
#else
  const float expected = 0x1p-19 + 0x1p-40;
#endif
  if (rest != expected) failures[++failures[0]] = __LINE__;
  if (pair.y != expected) failures[++failures[0]] = __LINE__;
}
