#include "integer-products.h"

#include "../../kernels/cpu/sizes.h"
#include "../../kernels/metal/parameters.h"
#include "../../kernels/metal/tile-table.h"

namespace cider::metal {

namespace {

constexpr uint32_t code_alignment = 32;

// Rows that the pieces of a product are a multiple of: of every tile's.
constexpr uint32_t rows_unit = 128;

const IntegerTiles &tiles_of(LibraryName library) {
  switch (library) {
  case fragments_library:
    return FRAGMENTS_TILES;
  case plain_library:
    return PLAIN_TILES;
  default:
    return TENSORS_TILES;
  }
}

const IntegerTile &tile_of(LibraryName library, ProductKind kind, bool is_small) {
  const IntegerTiles &tiles = tiles_of(library);
  if (is_by_group(kind)) return is_small ? tiles.group_small : tiles.group_large;
  return is_small ? tiles.small : tiles.large;
}

// By kind, for many rows and for few.
constexpr const char *names[product_kind_count][2] = {
    {"int8_matmul_large", "int8_matmul_small"},         {"int8_gemm_large", "int8_gemm_small"},
    {"int8_group_gemm_large", "int8_group_gemm_small"}, {"int4_gemm_large", "int4_gemm_small"},
    {"int4_group_gemm_large", "int4_group_gemm_small"},
};

// Rows `first` to `first + rows` of the product.
int multiply_rows(Device &device, const IntegerProduct &product, uint32_t first, uint32_t rows) {
  const auto &[library, kind, m, n, k, x, weight, weight_stride, group_size, groups, scales, bias, out] = product;
  const bool is_small = rows <= SMALL_TILE_ROWS;
  const IntegerTile &tile = tile_of(library, kind, is_small);
  const uint32_t tiles_m = divide_up(rows, tile.m);
  const uint32_t tiles_n = divide_up(n, tile.n);
  const bool has_bias = bias.buffer != nullptr;
  const bool is_aligned = (x.stride | weight_stride | x.codes.offset | weight.offset) % code_word_bytes == 0;
  const IntegerGemmParameters parameters = {rows,          n,          k,       x.stride,
                                            weight_stride, group_size, groups,  has_bias,
                                            is_aligned,    tiles_m,    tiles_n, swizzle_log(tiles_m)};
  const Kernel kernel = product_kernel(library, kind, is_small);
  const Size grid = {padded_tiles(tiles_m, tiles_n, parameters.swizzle_log), 1, 1};
  const double work = static_cast<double>(rows) * n * k;
  const Argument codes = further(x.codes, uint64_t{first} * x.stride);
  const Argument part_of_out = further(out, uint64_t{first} * n * sizeof(int32_t));
  if (kind == int8_sums) {
    const Argument arguments[] = {codes, weight, part_of_out, {}, {}, {}, copy_of(parameters)};
    return launch(device, kernel, arguments, grid, work);
  }
  // Something is bound even where no bias is read.
  const Argument arguments[] = {codes,
                                weight,
                                part_of_out,
                                further(x.scales, uint64_t{first} * sizeof(float)),
                                scales,
                                has_bias ? bias : scales,
                                copy_of(parameters)};
  return launch(device, kernel, arguments, grid, work);
}

} // namespace

uint32_t code_stride_of(uint32_t k) { return (k + code_alignment - 1) / code_alignment * code_alignment; }

int quantize(Device &device, const Argument &x, uint32_t rows, uint32_t k, const CodedRows &to) {
  const QuantizeParameters parameters = {k, to.stride};
  const Argument arguments[] = {x, to.codes, to.scales, copy_of(parameters)};
  return launch(device, {base_library, "quantize_per_token", ROW_THREADS}, arguments, {rows, 1, 1},
                static_cast<double>(rows) * k);
}

Kernel product_kernel(LibraryName library, ProductKind kind, bool is_small) {
  return {library, names[kind][is_small], tile_of(library, kind, is_small).threads};
}

int multiply(Device &device, const IntegerProduct &product) {
  const double work_of_row = static_cast<double>(product.n) * product.k;
  const uint32_t step = rows_of_launch(device, product.m, work_of_row, rows_unit);
  for (uint32_t first = 0; first < product.m; first += step) {
    TRY(multiply_rows(device, product, first, least(step, product.m - first)));
  }
  return CIDER_OK;
}

} // namespace cider::metal
