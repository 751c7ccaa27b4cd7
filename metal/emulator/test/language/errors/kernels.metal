// Kernels that cannot be bound.
#include <metal_stdlib>
using namespace metal;

constant bool flag [[function_constant(0)]];
constant bool other = !flag;
struct In {
  float4 position [[attribute(0)]]; // expect: the attribute [[attribute]] is not emulated here
};

kernel void a(device float *x) {} // expect: the parameter device float *x of a kernel is bound to nothing
kernel void b(device float *x [[buffer(0), texture(0)]]) {} // expect: the attribute [[texture]] of the parameter device float *x is not emulated
kernel void c(threadgroup float *x [[buffer(0)]]) {} // expect: points to device or constant memory
kernel void d(device float *x [[threadgroup(0)]]) {} // expect: points to threadgroup memory
kernel void e(device float *x [[buffer(0), function_constant(other)]]) {} // expect: other is no function constant
[[early_fragment_tests]] kernel void f(device float *x [[buffer(0)]]) {} // expect: [[early_fragment_tests]] of a kernel is not emulated
kernel void g(device float *x [[buffer(0)]]) {
  threadgroup float initialized = 1; // expect: a threadgroup variable that is not understood
  threadgroup float(shared)[4]; // expect: a threadgroup variable that is not understood
}
[[host_name("g")]] kernel void h(device float *x [[buffer(0)]]) {} // expect: a second kernel named g
template <typename T> kernel void i(device T *x [[buffer(0)]]) {}
template kernel void i<float>(device float *); // expect: the instantiation of i has no [[host_name]]
template [[host_name("j"), max_total_threads_per_threadgroup(64)]] kernel void i<half>(device half *); // expect: [[max_total_threads_per_threadgroup]] of an instantiation is not emulated
