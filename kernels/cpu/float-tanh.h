// tanh over vectors of f32; after float-exp.h.
//
// For |x| < 5/8 the polynomial of Cephes' tanhf (Moshier 1989), else 1 - 2 / (exp(2 |x|) + 1) with the sign of x. The
// result is at most 4 ulp from the exact value; float-tanh.test.cpp checks it.
#pragma once

namespace cider {
namespace {

inline Floats hyperbolic_tangent(Floats x) {
  const Floats magnitude = select(x < 0.0f, -x, x);
  const Floats z = x * x;
  Floats p = -5.70498872745e-3f;
  p = multiply_add(p, z, Floats(2.06390887954e-2f));
  p = multiply_add(p, z, Floats(-5.37397155531e-2f));
  p = multiply_add(p, z, Floats(1.33314422036e-1f));
  p = multiply_add(p, z, Floats(-3.33332819422e-1f));
  const Floats near = multiply_add(p * z, x, x);
  const Floats far = 1.0f - 2.0f / (exponential(magnitude + magnitude) + 1.0f);
  return select(magnitude < 0.625f, near, select(x < 0.0f, -far, far));
}

} // namespace
} // namespace cider
