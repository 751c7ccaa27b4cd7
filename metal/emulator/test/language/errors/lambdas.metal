// language: 3.1
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;

kernel void f(device float *values [[buffer(0)]]) {
  const auto twice = [](float x) { return 2 * x; }; // expect: lambdas need Metal 3.2
  values[values[0] > 1 ? 1 : 0] = twice(values[0]);
}
