// The float layers against f64: K products, each fused with a sum, which may be in any order, a rounding of each weight
// that is made of a code, one for the sum of x that its bias is multiplied by, and one for the bias of the output: all
// of them relative to Σ |x| size(w), but for the last.
#include "float-weights.h"
#include "tolerance.h"

using namespace cider::test;

namespace {

const char *name_of(Elements elements) {
  constexpr const char *names[] = {"f32", "f16", "bf16", "affine8", "affine4"};
  return names[static_cast<int>(elements)];
}

void check_results(const FloatLayer &layer, const FloatWeights &weights, uint32_t m, const OnGpu<float> &x,
                   const OnGpu<float> &out) {
  for (uint32_t row = 0; row < m; row++) {
    for (uint32_t n = 0; n < layer.n; n++) {
      double size;
      const double expected = weights.product(x, row, n, size) + weights.bias(n);
      const double bound = ((layer.k + 3) * size + fabs(expected)) * UNIT + layer.k * SMALLEST_NORMAL;
      const double got = double(out[size_t{row} * layer.n + n]);
      CHECK(is_near(got, expected, bound),
            "%s [%u, %u, %u], groups of %u, aligned %d, row %u, output %u: %.9g instead of %.9g",
            name_of(layer.elements), m, layer.n, layer.k, layer.group_size, layer.is_aligned, row, n, got, expected);
    }
  }
}

void check_layer(Kernels &kernels, const FloatLayer &layer, uint32_t m, Random &random) {
  const FloatWeights weights(layer, random);
  OnGpu<float> x(size_t{m} * layer.k), out(size_t{m} * layer.n);
  fill(x, -1, 1, random);
  weights.multiply(kernels, m, x, out);
  check_results(layer, weights, m, x, out);
}

// Activations that are not finite stay in their row. There, code 0 with a bias other than 0 makes an infinity.
void check_non_finite(Kernels &kernels, Elements elements, uint32_t m, Random &random) {
  const FloatLayer layer = {elements, 70, 72, is_affine(elements) ? 24u : 0, true, true};
  const FloatWeights weights(layer, random);
  OnGpu<float> x(size_t{m} * layer.k), out(size_t{m} * layer.n);
  fill(x, -1, 1, random);
  x[5] = INFINITY;
  if (m > 1) x[layer.k] = NAN; // beside the end of a row
  weights.multiply(kernels, m, x, out);
  check_results(layer, weights, m, x, out);
}

void check_all() {
  Kernels kernels({"float-gemm.metal", "float-mv.metal"});
  Random random(23);
  for (const Elements elements : {Elements::f32, Elements::f16, Elements::bf16, Elements::affine8, Elements::affine4}) {
    const uint32_t group = is_affine(elements) ? 32 : 0;
    for (const bool is_aligned : {false, true}) {
      for (const uint32_t m : {1u, 2u, 65u}) {
        check_layer(kernels, {elements, 1, 1, group, is_aligned, false}, m, random);
        check_layer(kernels, {elements, 9, 7, group, is_aligned, true}, m, random);
        check_layer(kernels, {elements, 33, 129, group, is_aligned, true}, m, random);
        check_layer(kernels, {elements, 66, 96, group, is_aligned, false}, m, random);
      }
      check_layer(kernels, {elements, 3, 1100, group, is_aligned, true}, 1, random);
      check_layer(kernels, {elements, 130, 52, group, is_aligned, true}, 130, random);
    }
    for (const uint32_t m : {1u, 3u}) check_non_finite(kernels, elements, m, random);
  }
  for (const Elements elements : {Elements::affine8, Elements::affine4}) {
    for (const uint32_t m : {1u, 5u}) {
      check_layer(kernels, {elements, 10, 512, 64, true, true}, m, random);
      check_layer(kernels, {elements, 10, 320, 128, true, true}, m, random); // a shorter last group
      check_layer(kernels, {elements, 10, 96, 20, true, true}, m, random);   // groups that end within eight elements
      check_layer(kernels, {elements, 10, 64, 7, true, true}, m, random);
      check_layer(kernels, {elements, 10, 160, 0, true, true}, m, random); // a scale a row
    }
  }
}

} // namespace

int main() { return in_each_order(check_all); }
