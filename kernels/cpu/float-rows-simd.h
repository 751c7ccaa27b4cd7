// Norms, rotations, softmax and elementwise operations of the float kernels, written once for all vector widths; after
// float-simd.h, float-exp.h and float-tanh.h.
#pragma once

#include <math.h>

namespace cider {
namespace {

inline float sum_of(Floats vector) {
  float sum = vector[0];
  for (uint32_t i = 1; i < LANES; i++) sum += vector[i];
  return sum;
}

inline Doubles to_doubles(Floats vector) { return __builtin_convertvector(vector, Doubles); }

float largest(const float *x, size_t count, float scale) {
  Floats best = -INFINITY;
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    const Floats scaled = load_part(x + i, lanes, NAN) * scale;
    best = select(scaled > best, scaled, best);
  });
  float result = best[0];
  for (uint32_t i = 1; i < LANES; i++) result = best[i] > result ? best[i] : result;
  return result;
}

float exponentiate(float *x, size_t count, float scale, float shift) {
  Floats sum = 0.0f;
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    // The other lanes are exp(-infinity), which the sum does not notice.
    const Floats shifted = load_part(x + i, lanes, 0.0f) * scale - shift;
    const Floats weights = exponential(first_lanes(shifted, lanes, -INFINITY));
    sum += weights;
    store_part(x + i, weights, lanes);
  });
  return sum_of(sum);
}

double sum_squares(const float *x, size_t count) {
  Doubles sum = 0.0;
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    const Doubles values = to_doubles(load_part(x + i, lanes, 0.0f));
    sum = multiply_add(values, values, sum);
  });
  double total = sum[0];
  for (uint32_t i = 1; i < LANES; i++) total += sum[i];
  return total;
}

void scale_by(const float *x, double factor, const float *gain, size_t count, float *out) {
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    const Doubles values = to_doubles(load_part(x + i, lanes, 0.0f));
    const Doubles gains = to_doubles(load_part(gain + i, lanes, 0.0f));
    store_part(out + i, __builtin_convertvector(values * factor * gains, Floats), lanes);
  });
}

void silu_mul(const float *a, const float *b, size_t count, float *out) {
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    const Floats x = load_part(a + i, lanes, 0.0f);
    // a · e^a / (1 + e^a) where a < 0, so that the exponential never overflows.
    const Floats e = exponential(select(x < 0.0f, x, -x));
    const Floats numerator = select(x < 0.0f, x * e, x);
    store_part(out + i, numerator / (e + 1.0f) * load_part(b + i, lanes, 0.0f), lanes);
  });
}

void gelu_tanh_mul(const float *a, const float *b, size_t count, float *out) {
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    // (1 + tanh u) / 2 = 1 / (1 + e^-2u), with 2u = a · (2 √(2/π) + 2 √(2/π) · 0.044715 · a²); then as in silu_mul.
    const Floats x = load_part(a + i, lanes, 0.0f);
    const Floats twice_u = x * multiply_add(x * x, Floats(0x1.2444f2p-4f), Floats(0x1.988454p+0f));
    const Floats e = exponential(select(x < 0.0f, twice_u, -twice_u));
    const Floats numerator = select(x < 0.0f, x * e, x);
    store_part(out + i, numerator / (e + 1.0f) * load_part(b + i, lanes, 0.0f), lanes);
  });
}

void soft_cap(float *x, size_t count, float scale, float cap) {
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    const Floats capped = cap * hyperbolic_tangent(load_part(x + i, lanes, 0.0f) * scale / cap);
    store_part(x + i, capped, lanes);
  });
}

void add(const float *a, const float *b, size_t count, float *out) {
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    store_part(out + i, load_part(a + i, lanes, 0.0f) + load_part(b + i, lanes, 0.0f), lanes);
  });
}

// Polynomials of fdlibm's __kernel_sin and __kernel_cos (Sun Microsystems 1993) for |r| ≤ π/4.
inline Doubles sine(Doubles r) {
  const Doubles z = r * r;
  Doubles p = 1.58969099521155010221e-10;
  p = multiply_add(p, z, Doubles(-2.50507602534068634195e-08));
  p = multiply_add(p, z, Doubles(2.75573137070700676789e-06));
  p = multiply_add(p, z, Doubles(-1.98412698298579493134e-04));
  p = multiply_add(p, z, Doubles(8.33333333332248946124e-03));
  p = multiply_add(p, z, Doubles(-1.66666666666666324348e-01));
  return multiply_add(p * z, r, r);
}
inline Doubles cosine(Doubles r) {
  const Doubles z = r * r;
  Doubles p = -1.13596475577881948265e-11;
  p = multiply_add(p, z, Doubles(2.08757232129817482790e-09));
  p = multiply_add(p, z, Doubles(-2.75573143513906633035e-07));
  p = multiply_add(p, z, Doubles(2.48015872894767294178e-05));
  p = multiply_add(p, z, Doubles(-1.38888888888741095749e-03));
  p = multiply_add(p, z, Doubles(4.16666666666666019037e-02));
  return multiply_add(p * z, z, multiply_add(z, Doubles(-0.5), Doubles(1.0)));
}

// Above it the reduction below loses bits, and each lane goes through libm.
constexpr float LARGEST_ANGLE = 0x1p30f;

struct Rotation {
  Floats cosines, sines;
};

// angle = n · π/2 + r; π/2 in two parts whose products with n the fused multiply-add does not round.
inline Rotation rotation_of(Floats angles) {
  const Doubles angle = to_doubles(angles);
  const Doubles whole = 0x1.8p52;
  const Doubles shifted = multiply_add(angle, Doubles(0x1.45f306dc9c883p-1), whole);
  const Doubles n = shifted - whole;
  Doubles r = multiply_add(n, Doubles(-0x1.921fb54442d18p+0), angle);
  r = multiply_add(n, Doubles(-0x1.1a62633145c07p-54), r);
  const Doubles sin_r = sine(r);
  const Doubles cos_r = cosine(r);
  const LongWords quadrant = bits_as<LongWords>(shifted);
  const auto swapped = (quadrant & 1) != 0;
  const LongWords cos_sign = ((quadrant + 1) & 2) << 62;
  const LongWords sin_sign = (quadrant & 2) << 62;
  const Doubles cosines = bits_as<Doubles>(bits_as<LongWords>(select(swapped, sin_r, cos_r)) ^ cos_sign);
  const Doubles sines = bits_as<Doubles>(bits_as<LongWords>(select(swapped, cos_r, sin_r)) ^ sin_sign);
  return {__builtin_convertvector(cosines, Floats), __builtin_convertvector(sines, Floats)};
}

void rotation(const float *frequencies, uint32_t position, float factor, uint32_t count, float *cosines, float *sines) {
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    const Doubles exact = to_doubles(load_part(frequencies + i, lanes, 0.0f)) * static_cast<double>(position);
    const Floats angles = __builtin_convertvector(exact, Floats);
    Rotation result = rotation_of(angles);
    for (uint32_t lane = 0; lane < lanes; lane++) {
      if (fabsf(angles[lane]) < LARGEST_ANGLE) continue;
      result.cosines[lane] = static_cast<float>(cos(static_cast<double>(angles[lane])));
      result.sines[lane] = static_cast<float>(sin(static_cast<double>(angles[lane])));
    }
    store_part(cosines + i, result.cosines * factor, lanes);
    store_part(sines + i, result.sines * factor, lanes);
  });
}

void rotate(float *first, float *second, const float *cosines, const float *sines, uint32_t half) {
  for_each_vector(half, [&](size_t i, uint32_t lanes) {
    const Floats a = load_part(first + i, lanes, 0.0f);
    const Floats b = load_part(second + i, lanes, 0.0f);
    const Floats c = load_part(cosines + i, lanes, 0.0f);
    const Floats s = load_part(sines + i, lanes, 0.0f);
    store_part(first + i, a * c - b * s, lanes);
    store_part(second + i, b * c + a * s, lanes);
  });
}

constexpr FloatKernels float_kernels = {
    .split = nullptr,
    .panel = PANEL,
    .tile_rows = TILE_ROWS,
    .multiply = multiply_packed.by_rows,
    .multiply_scores = multiply_scores.by_rows,
    .widen = {widen_dense<F32Element>, widen_dense<F16Element>, widen_bf16, widen_affine8, widen_affine4},
    .multiply_vector = {multiply_vector_dense<F32Element>, multiply_vector_dense<F16Element>, multiply_vector_bf16,
                        multiply_vector_affine<8>, multiply_vector_affine<4>},
    .widen_row = {widen_row<F32Element>, widen_row<F16Element>, widen_row<Bf16Element>},
    .largest = largest,
    .exponentiate = exponentiate,
    .soft_cap = soft_cap,
    .sum_squares = sum_squares,
    .scale_by = scale_by,
    .silu_mul = silu_mul,
    .gelu_tanh_mul = gelu_tanh_mul,
    .add = add,
    .rotation = rotation,
    .rotate = rotate,
};

} // namespace
} // namespace cider
