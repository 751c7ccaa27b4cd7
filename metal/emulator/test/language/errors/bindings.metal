// Kernels whose parameters have the wrong types or indices.
#include <metal_stdlib>
using namespace metal;

kernel void a(device float *x [[buffer(31)]]) {} // expect: there are 31 bindings, 0 to 30
kernel void b(device float *x [[buffer(0)]], device float *y [[buffer(0)]]) {} // expect: two parameters have one binding
kernel void c(device float *x [[buffer(0)]], int lane [[thread_index_in_simdgroup]]) {} // expect: has type uint or ushort
kernel void d(device float *x [[buffer(0)]], float at [[thread_position_in_grid]]) {} // expect: has type uint or ushort
kernel void e(device float *x [[buffer(0)]], uint2 lane [[thread_index_in_simdgroup]]) {} // expect: this value of the lane is a scalar
kernel void f(device float *x [[buffer(0)]], constant float &y [[buffer(1)]]) { y = x[0]; } // expect: const-qualified type
