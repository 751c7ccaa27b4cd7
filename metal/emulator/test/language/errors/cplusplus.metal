// What the language is too old for, and mistakes that any compiler finds.
#include <metal_stdlib>
using namespace metal;

struct Point {
  int x, y;
};
kernel void f(device int *out [[buffer(0)]]) {
  const Point point = {.x = 1, .y = 2}; // expect: designated initializers are incompatible with C++ standards before C++20
  float4 vector = float4(1, 2, 3); // expect: no matching constructor
  half4 halves = half4(1);
  halves = halves * 2.5f; // expect: invalid operands
  halves = vector; // expect: no viable overloaded '='
  vector.xx = float2(1); // expect: names an element twice
#line 100
  out[0] = undeclared; // expect@100: undeclared identifier
}
