#include "integer-layer.h"

#include <math.h>

namespace cider::test {

constexpr unsigned long language_3_1 = 0x30001, language_4_0 = 0x40000;

const Products FRAGMENTS = {"fragments", "integer-gemm-fragments.metal", language_4_0, &FRAGMENTS_TILES, true, false};
const Products TENSORS = {"tensors", "integer-gemm-tensors.metal", language_4_0, &TENSORS_TILES, true, false};
const Products PLAIN = {"plain", "integer-gemm-plain.metal", language_3_1, &PLAIN_TILES, true, true};
const Products NATIVE_INT4 = {"int4", "integer-gemm-int4b.metal", language_4_0, &TENSORS_TILES, false, false};

namespace {

uint32_t divide_up(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }

// Rows x [m, k].
void fill_rows(Random &random, Values values, float *x, uint32_t m, uint32_t k) {
  for (uint32_t row = 0; row < m; row++, x += k) {
    // Among tiny rows are huge ones, which bring out what becomes of tiny weights.
    const float size = values != Values::TINY ? 1.0f : row % 2 == 0 ? 0x1p-115f : 0x1p100f;
    const float row_size = size * expf(random.uniform(-3.0f, 3.0f));
    for (uint32_t i = 0; i < k; i++) {
      x[i] = values == Values::EXTREME ? (row % 2 == 0 ? 3.0f : -3.0f) : row_size * random.uniform(-1.0f, 1.0f);
    }
    if (values != Values::MIXED) continue;
    const float special[] = {NAN, INFINITY, -INFINITY};
    switch (row % 7) {
    case 0:
      x[random.below(k)] = special[random.below(3)];
      break;
    case 1:
      for (uint32_t i = 0; i < k; i++) x[i] *= 0x1p-140f;
      break;
    case 2:
      x[random.below(k)] = 3.0e38f;
      break;
    case 3:
      memset(x, 0, k * sizeof(float));
      break;
    case 4:
      for (uint32_t i = 0; i < k; i++) x[i] *= 0x1p-120f;
      break;
    }
  }
}

// Codes [n, k]. EXTREME: the lowest or the highest, by rows.
void fill_codes(Random &random, const LayerShape &shape, int8_t *codes) {
  const int32_t count = 1 << shape.bits;
  for (size_t i = 0; i < size_t{shape.n} * shape.k; i++) {
    const int32_t above = shape.values != Values::EXTREME ? static_cast<int32_t>(random.below(1u << shape.bits))
                          : i / shape.k % 2 == 1          ? count - 1
                                                          : 0;
    codes[i] = static_cast<int8_t>(above - count / 2);
  }
}

// Of a group, nothing between 0 and 2^-60 unless any scale may come.
float weight_scale(Random &random, const LayerShape &shape, bool any) {
  const float scale = random.uniform(-0.01f, 0.01f);
  if (shape.values != Values::TINY) return scale;
  switch (random.below(4)) {
  case 0:
    return 0.0f;
  case 1:
    return any ? scale * 0x1p-125f : copysignf(0x1p-60f, scale);
  case 2:
    return any ? scale * 0x1p-20f : copysignf(0x1p-60f, scale) + scale * 0x1p-52f;
  default:
    return scale;
  }
}

// Rows of codes as kernels read them; what lies between them is never a code of 0.
void pack(const LayerShape &shape, const int8_t *codes, uint32_t stride, uint8_t *packed) {
  memset(packed, 0x77, size_t{shape.n} * stride);
  for (uint32_t row = 0; row < shape.n; row++) {
    for (uint32_t k = 0; k < shape.k; k++) {
      const auto code = static_cast<uint8_t>(codes[size_t{row} * shape.k + k]);
      uint8_t &byte = packed[size_t{row} * stride + (shape.bits == 8 ? k : k / 2)];
      if (shape.bits == 8) {
        byte = code;
      } else {
        byte = static_cast<uint8_t>(k % 2 == 0 ? (byte & 0xf0) | (code & 15) : (byte & 15) | code << 4);
      }
    }
  }
}

// The large tile's first.
constexpr const char *sums_names[] = {"int8_matmul_large", "int8_matmul_small"};
constexpr const char *int8_names[] = {"int8_gemm_large", "int8_gemm_small"};
constexpr const char *int8_group_names[] = {"int8_group_gemm_large", "int8_group_gemm_small"};
constexpr const char *int4_names[] = {"int4_gemm_large", "int4_gemm_small"};
constexpr const char *int4_group_names[] = {"int4_group_gemm_large", "int4_group_gemm_small"};

const char *const *names_of(const LayerShape &shape) {
  if (shape.bits == 8) return shape.group_size == 0 ? int8_names : int8_group_names;
  return shape.group_size == 0 ? int4_names : int4_group_names;
}

struct Kernel {
  const char *name;
  IntegerTile tile;
};

Kernel kernel_for(const Products &products, const char *const *names, uint32_t m, bool by_group, TileSize size) {
  const IntegerTiles &tiles = *products.tiles;
  const bool is_small = size == TileSize::AUTO ? m <= SMALL_TILE_ROWS : size == TileSize::SMALL;
  if (is_small) return {names[1], by_group ? tiles.group_small : tiles.small};
  return {names[0], by_group ? tiles.group_large : tiles.large};
}

// Whether rows begin at multiples of 4 bytes.
bool are_aligned(const void *first, uint32_t stride) {
  return (reinterpret_cast<uintptr_t>(first) | stride) % sizeof(uint32_t) == 0;
}

template <class... Arguments>
void run(Kernels &kernels, const Kernel &kernel, IntegerGemmParameters parameters, const Arguments &...arguments) {
  parameters.tiles_m = divide_up(parameters.m, kernel.tile.m);
  parameters.tiles_n = divide_up(parameters.n, kernel.tile.n);
  parameters.swizzle_log = swizzle_log(parameters.tiles_m);
  const uint64_t groups = padded_tiles(parameters.tiles_m, parameters.tiles_n, parameters.swizzle_log);
  kernels.run(kernel.name, {static_cast<uint32_t>(groups)}, kernel.tile.threads, arguments..., parameters);
}

} // namespace

void check_layer(Kernels &kernels, const Products &products, uint64_t seed, const LayerShape &shape, TileSize size) {
  const auto &[m, n, k, bits, group_size, values, row_padding] = shape;
  Random random(seed);
  const uint32_t groups = group_size == 0 ? 1 : divide_up(k, group_size);
  const uint32_t x_stride = divide_up(k, 32) * 32;
  const uint32_t weight_stride = (bits == 8 ? k : divide_up(k, 2)) + row_padding;

  Guarded<float> x(size_t{m} * k), expected(size_t{m} * n);
  Guarded<int8_t> codes(size_t{n} * k);
  AtEdge<int8_t> x_codes(size_t{m} * x_stride);
  AtEdge<uint8_t> weight(size_t{n} * weight_stride);
  AtEdge<float> x_scales(m), weight_scales(size_t{n} * groups), bias(n), out(size_t{m} * n);
  fill_rows(random, values, x.data(), m, k);
  fill_codes(random, shape, codes.data());
  pack(shape, codes.data(), weight_stride, weight.data());
  const bool any = products.takes_any_scale || group_size == 0;
  for (size_t i = 0; i < size_t{n} * groups; i++) weight_scales[i] = weight_scale(random, shape, any);
  const bool has_bias = seed % 2 == 0;
  for (uint32_t i = 0; i < n; i++) {
    bias[i] = random.uniform(-1.0f, 1.0f) * (values == Values::TINY && i % 2 == 0 ? 0x1p-128f : 1.0f);
  }

  const IntegerWeight layer = {
      n, k, group_size, groups, codes.data(), weight_scales.data(), has_bias ? bias.data() : nullptr};
  memset(x_codes.data(), 0, size_t{m} * x_stride);
  for (uint32_t row = 0; row < m; row++) {
    int8_t *row_codes = x_codes.data() + size_t{row} * x_stride;
    x_scales[row] = quantize_row(x.data() + size_t{row} * k, k, row_codes);
    for (uint32_t i = 0; i < n; i++) {
      expected[size_t{row} * n + i] = integer_output(layer, row_codes, x_scales[row], i);
    }
  }

  const Kernel kernel = kernel_for(products, names_of(shape), m, group_size != 0, size);
  const bool is_aligned = are_aligned(x_codes.data(), x_stride) && are_aligned(weight.data(), weight_stride);
  const IntegerGemmParameters parameters = {m,          n, k, x_stride, weight_stride, group_size, groups, has_bias,
                                            is_aligned, 0, 0, 0};
  run(kernels, kernel, parameters, x_codes.bound(), weight.bound(), out.bound(), x_scales.bound(),
      weight_scales.bound(), bias.bound());

  size_t wrong = 0;
  while (wrong < size_t{m} * n && same(out[wrong], expected[wrong])) wrong++;
  CHECK(wrong == size_t{m} * n, "%s, %s, M=%u N=%u K=%u group=%u values=%d: out[%zu, %zu] is %.9g, not %.9g",
        products.name, kernel.name, m, n, k, group_size, static_cast<int>(values), wrong / n, wrong % n,
        static_cast<double>(out[wrong]), static_cast<double>(expected[wrong]));
  CHECK(out.intact(), "%s, %s, M=%u N=%u K=%u: wrote before the output", products.name, kernel.name, m, n, k);
}

void check_sums(Kernels &kernels, const Products &products, uint64_t seed, uint32_t m, uint32_t n, uint32_t k,
                bool extreme, TileSize size) {
  Random random(seed);
  AtEdge<int8_t> x(size_t{m} * k), weight(size_t{n} * k);
  AtEdge<int32_t> out(size_t{m} * n);
  for (size_t i = 0; i < size_t{m} * k; i++) x[i] = static_cast<int8_t>(extreme ? -128 : random.bits());
  for (size_t i = 0; i < size_t{n} * k; i++) {
    weight[i] = static_cast<int8_t>(!extreme ? random.bits() : i / k % 2 == 0 ? -128 : 127);
  }
  const Kernel kernel = kernel_for(products, sums_names, m, false, size);
  const bool is_aligned = are_aligned(x.data(), k) && are_aligned(weight.data(), k);
  run(kernels, kernel, {m, n, k, k, k, 0, 0, 0, is_aligned, 0, 0, 0}, x.bound(), weight.bound(), out.bound(), nothing,
      nothing, nothing);
  size_t wrong = 0;
  const auto sum = [&](size_t i) { return dot_product(x.data() + i / n * k, weight.data() + i % n * k, k); };
  while (wrong < size_t{m} * n && out[wrong] == sum(wrong)) wrong++;
  CHECK(wrong == size_t{m} * n, "%s, %s, M=%u N=%u K=%u: out[%zu, %zu] is %d, not %d", products.name, kernel.name, m, n,
        k, wrong / n, wrong % n, out[wrong], sum(wrong));
  CHECK(out.intact(), "%s, %s, M=%u N=%u K=%u: wrote before the output", products.name, kernel.name, m, n, k);
}

void check_far_weights(Kernels &kernels, const Products &products) {
  constexpr uint32_t m = 3, n = 40, k = 32, stride = 1u << 27;
  Random random(1);
  AtEdge<int8_t> x(m * k);
  AtEdge<int32_t> out(m * n);
  SparseBytes weight(uint64_t{n} * stride);
  for (uint32_t i = 0; i < m * k; i++) x[i] = static_cast<int8_t>(random.bits());
  for (uint32_t row = 0; row < n; row++) {
    for (uint32_t i = 0; i < k; i++) weight.data()[uint64_t{row} * stride + i] = static_cast<uint8_t>(random.bits());
  }
  run(kernels, kernel_for(products, sums_names, m, false, TileSize::SMALL), {m, n, k, k, stride, 0, 0, 0, 1, 0, 0, 0},
      x.bound(), weight.bound(), out.bound(), nothing, nothing, nothing);
  for (uint32_t i = 0; i < m * n; i++) {
    const auto *row = reinterpret_cast<const int8_t *>(weight.data() + uint64_t{i % n} * stride);
    const int32_t sum = dot_product(x.data() + i / n * k, row, k);
    CHECK(out[i] == sum, "%s: row %u of weights, far away: %d, not %d", products.name, i % n, out[i], sum);
  }
}

} // namespace cider::test
