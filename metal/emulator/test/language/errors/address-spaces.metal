// strict
// Pointers to different memory do not mix.
#include <metal_stdlib>
using namespace metal;

struct Pair {
  float4 a;
  float2 b;
  float c;
};

float load(thread const float *p) { return p[0]; }
float load(constant float &x) { return x; }
template <typename T> float4 loads(threadgroup const T *p) { return float4(p[0].x, p[0].yzw); }

kernel void f(device float *x [[buffer(0)]], constant Pair &pair [[buffer(1)]], device half4 *vectors [[buffer(2)]]) {
  threadgroup float shared[32];
  threadgroup float4 shared_vectors[2];
  threadgroup Pair pairs[2];
  threadgroup float *pointer = shared;
  device float *wrong = pointer; // expect: cannot initialize a variable of type 'device float *' with an lvalue of type 'threadgroup float
  device float *decayed = shared; // expect: cannot initialize a variable of type 'device float *' with an lvalue of type 'threadgroup float[32]'
  x[0] = load(x); // expect: no matching function
  x[1] = load(pointer); // expect: no matching function
  float mine = 1;
  x[2] = load(&mine) + load(pair.c);
  const Pair copy = pair;
  shared_vectors[0] = float4(vectors[0]) + copy.a;
  vectors[1].xy = half2(copy.b);
  x[3] = loads(shared_vectors).y + pairs[0].a.x;
  x[4] = loads(vectors).x; // expect: no matching function
}
