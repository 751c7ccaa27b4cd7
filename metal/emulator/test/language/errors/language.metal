// What C++ has and Metal has not. The comment at a line says which error stands there, and no other stands anywhere.
#include <metal_stdlib>
using namespace metal;

float global; // expect: the variable global at program scope is not constant
constexpr int sizes[2] = {1, 2}; // expect: the variable sizes at program scope is not constant
constant float fine = 1;
template <typename T> constexpr T half_of = T(0.5); // expect: the variable half_of at program scope is not constant
static uint counter = 0; // expect: the variable counter at program scope is not constant

struct Shape {
  static constexpr int rows = 4; // expect: the static member rows at program scope is not constant
  static constant constexpr int columns = 4;
  uint m, n;
  virtual float area(); // expect: 'virtual' is not in Metal
  float *pointer() { return nullptr; }
  float sum(thread const Shape &other) { return other.m; }
  float sum(const Shape &other) { return 0; } // expect: a reference without an address space
};

float first(float *values) { return values[0]; } // expect: a pointer without an address space
float second(device float *values, thread const uint &index) { return values[index]; }
template <typename T> T third(const T &value) { return value; } // expect: a reference without an address space

void body(device float *values) {
  double wide = 1; // expect: 'double' is not in Metal
  static int calls = 0; // expect: Metal has no static variables in functions
  float *mine = nullptr; // expect: a pointer without an address space
  const auto &other = calls; // expect: a reference without an address space
  thread float *also_mine = nullptr;
  device float *theirs = values;
  device float outside; // expect: a variable in device memory is not declared in a function
  values[0] = std::sqrt(2.0); // expect: 'std' is not in Metal
  auto object = new Shape; // expect: 'new' is not in Metal
  delete object; // expect: 'delete' is not in Metal
  try { // expect: 'try' is not in Metal
    throw 1; // expect: 'throw' is not in Metal
  } catch (...) { // expect: 'catch' is not in Metal
  }
  goto end; // expect: 'goto' is not in Metal
end:
  values[1] = 1.0L; // expect: Metal has no long double
  long long big = 1; // expect: 'long long' is not in Metal, whose long has 64 bits
  values[2] = values[0] * values[1];
  threadgroup float shared[2]; // expect: a threadgroup variable is declared in the body of a kernel
}

#pragma METAL internals : enable // expect: a pragma that is not emulated
