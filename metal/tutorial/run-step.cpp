// run-step <file> [<text> <replacement>]: runs a step of docs/writing-int8-gemm-for-m5.md on odd shapes and compares it
// bit by bit with a plain product. With a text, the step has a bug: the text, which must be there once, is replaced.
#include "../../kernels/metal/test/edge-memory.h"

#include <math.h>

using namespace cider::test;

namespace {

enum class Output { sums, scaled_by_channel, scaled_by_group };

struct Step {
  const char *file;
  uint32_t tile_m, tile_n, threads;
  uint32_t strip; // rows of tiles that are walked together, 0: the grid has two dimensions
  Output output;
};

constexpr Step steps[] = {
    {"step-1-scalar.metal", 16, 16, 256, 0, Output::sums},
    {"step-2-words.metal", 16, 64, 256, 0, Output::sums},
    {"step-3-staging.metal", 16, 64, 256, 0, Output::sums},
    {"step-4-tensors.metal", 64, 32, 32, 0, Output::sums},
    {"step-5-dequantized.metal", 64, 64, 128, 0, Output::scaled_by_channel},
    {"step-6-fragments.metal", 16, 32, 32, 0, Output::sums},
    {"step-7-blocks.metal", 128, 128, 512, 4, Output::sums},
    {"step-8-groups.metal", 16, 32, 32, 0, Output::scaled_by_group},
};

struct Sizes {
  uint32_t m, n, k, x_stride, weight_stride, group_size;
};

uint32_t divided_up(uint32_t a, uint32_t b) { return (a + b - 1) / b; }

Grid grid_of(const Step &step, const Sizes &sizes) {
  const uint32_t tiles_m = divided_up(sizes.m, step.tile_m), tiles_n = divided_up(sizes.n, step.tile_n);
  if (step.strip == 0) return {tiles_n, tiles_m};
  return {divided_up(tiles_m, step.strip) * step.strip * tiles_n};
}

// One product: operands that end where memory does, and what must come out of it.
class Product {
public:
  Product(const Step &step, uint32_t m, uint32_t n, uint32_t k, uint32_t group_size, bool is_extreme)
      : step_(step), is_int4_(step.output == Output::scaled_by_group),
        // Rows are followed by bytes that belong to no row.
        sizes_{m, n, k, k + 5, (is_int4_ ? divided_up(k, 2) : k) + 3, group_size},
        groups_(is_int4_ ? divided_up(k, group_size) : 1), x_((m - 1) * size_t{sizes_.x_stride} + k),
        weight_((n - 1) * size_t{sizes_.weight_stride} + sizes_.weight_stride - 3), x_scales_(m),
        weight_scales_(size_t{n} * groups_) {
    fill_codes(x_.data(), (m - 1) * size_t{sizes_.x_stride} + k, is_extreme);
    fill_codes(weight_.data(), n * size_t{sizes_.weight_stride} - 3, is_extreme);
    fill_scales();
  }

  void run(Kernels &kernels) {
    if (step_.output == Output::sums)
      run<int32_t>(kernels);
    else
      run<float>(kernels);
  }

private:
  template <class T>
  void run(Kernels &kernels) {
    OnGpu<T> out(size_t{sizes_.m} * sizes_.n);
    kernels.run("gemm", grid_of(step_, sizes_), step_.threads, x_.bound(), weight_.bound(), out, sizes_,
                x_scales_.bound(), weight_scales_.bound());
    for (uint32_t row = 0; row < sizes_.m; row++) {
      for (uint32_t column = 0; column < sizes_.n; column++) {
        compare(row, column, out[size_t{row} * sizes_.n + column]);
      }
    }
  }

  void fill_codes(int8_t *codes, size_t count, bool is_extreme) {
    for (size_t i = 0; i < count; i++) codes[i] = static_cast<int8_t>(is_extreme ? 127 : random_.bits());
  }

  // Some rows and columns have so small scales that outputs are subnormal; one row has no number at all.
  void fill_scales() {
    const float small_row = step_.output == Output::scaled_by_group ? 0x1.2p-124f : 0x1.2p-112f;
    const float small_column = step_.output == Output::scaled_by_group ? 0x1p-20f : 0x1p-38f;
    for (uint32_t row = 0; row < sizes_.m; row++) {
      x_scales_[row] = row % 5 == 3 ? small_row : row % 7 == 5 ? NAN : random_.uniform(0.001f, 0.1f);
    }
    for (size_t i = 0; i < size_t{sizes_.n} * groups_; i++) {
      weight_scales_[i] = random_.uniform(0.001f, 0.1f) * (i / groups_ % 3 == 1 ? small_column : 1.0f);
    }
  }

  int32_t weight_code(uint32_t column, uint32_t k) {
    const int8_t *row = weight_.data() + column * size_t{sizes_.weight_stride};
    if (!is_int4_) return row[k];
    const int32_t nibble = (static_cast<uint8_t>(row[k / 2]) >> k % 2 * 4) & 15;
    return nibble < 8 ? nibble : nibble - 16;
  }

  int32_t sum(uint32_t row, uint32_t column, uint32_t from, uint32_t end) {
    int32_t sum = 0;
    for (uint32_t k = from; k < end; k++) sum += x_[row * size_t{sizes_.x_stride} + k] * weight_code(column, k);
    return sum;
  }

  void compare(uint32_t row, uint32_t column, int32_t found) {
    const int32_t expected = sum(row, column, 0, sizes_.k);
    CHECK(found == expected, "m %u, n %u, k %u: out[%u][%u] is %d, not %d", sizes_.m, sizes_.n, sizes_.k, row, column,
          found, expected);
  }

  void compare(uint32_t row, uint32_t column, float found) {
    const float expected = step_.output == Output::scaled_by_group ? by_group(row, column) : by_channel(row, column);
    const bool is_same = isnan(expected) ? isnan(found) : memcmp(&found, &expected, sizeof found) == 0;
    CHECK(is_same, "m %u, n %u, k %u: out[%u][%u] is %.9g, not %.9g", sizes_.m, sizes_.n, sizes_.k, row, column,
          double(found), double(expected));
  }

  // docs/numerics.md section 4; compiled without contraction.
  float by_channel(uint32_t row, uint32_t column) {
    const float scaled = static_cast<float>(sum(row, column, 0, sizes_.k)) * x_scales_[row];
    return scaled * weight_scales_[column];
  }
  float by_group(uint32_t row, uint32_t column) {
    float total = 0;
    for (uint32_t group = 0; group < groups_; group++) {
      const uint32_t from = group * sizes_.group_size, left = sizes_.k - from;
      const uint32_t end = from + (left < sizes_.group_size ? left : sizes_.group_size);
      const float term =
          static_cast<float>(sum(row, column, from, end)) * weight_scales_[size_t{column} * groups_ + group];
      total = total + term;
    }
    return total * x_scales_[row];
  }

  const Step &step_;
  bool is_int4_;
  Sizes sizes_;
  uint32_t groups_;
  AtEdge<int8_t> x_, weight_;
  AtEdge<float> x_scales_, weight_scales_;
  Random random_{1};
};

// Rows that lie more than 2^32 bytes behind the first.
void check_far_rows(const Step &step, Kernels &kernels) {
  const uint32_t m = 3, n = 1, k = 33, stride = (1u << 31) + 64;
  GpuBuffer x((m - 1) * size_t{stride} + k);
  OnGpu<int8_t> weight(k);
  OnGpu<int32_t> out(m);
  for (uint32_t i = 0; i < k; i++) weight[i] = 1;
  for (uint32_t row = 0; row < m; row++) {
    memset(static_cast<int8_t *>(x.contents()) + row * size_t{stride}, static_cast<int>(row) + 1, k);
  }
  const Sizes sizes = {m, n, k, stride, k, 0};
  kernels.run("gemm", grid_of(step, sizes), step.threads, Bound{x.object()}, weight, out, sizes);
  for (uint32_t row = 0; row < m; row++) {
    const int32_t expected = static_cast<int32_t>(k * (row + 1));
    CHECK(out[row] == expected, "rows of 2 GiB: out[%u] is %d, not %d", row, out[row], expected);
  }
}

const Step *step_of(const char *file) {
  const char *slash = strrchr(file, '/');
  for (const Step &step : steps) {
    if (strcmp(step.file, slash == nullptr ? file : slash + 1) == 0) return &step;
  }
  return nullptr;
}

} // namespace

int main(int count, char **arguments) {
  const Step *step = count > 1 ? step_of(arguments[1]) : nullptr;
  if (step == nullptr) {
    fprintf(stderr, "which step?\n");
    return 2;
  }
  char file[256];
  snprintf(file, sizeof file, "../../docs/int8-gemm-steps/%s", step->file);
  if (count == 4) change_source(file, arguments[2], arguments[3]);
  Kernels kernels({file}, 0x40000);
  constexpr uint32_t shapes[][3] = {{1, 1, 1},    {2, 3, 7},     {7, 33, 127},   {16, 32, 64},   {31, 129, 33},
                                    {33, 1, 513}, {65, 66, 130}, {129, 65, 576}, {40, 161, 1025}};
  for (const auto &[m, n, k] : shapes) Product(*step, m, n, k, 64, false).run(kernels);
  for (const uint32_t group_size : {16u, 32u, 128u, 256u}) Product(*step, 9, 40, 577, group_size, false).run(kernels);
  Product(*step, 3, 5, 1101, 64, true).run(kernels);
  if (step == &steps[0]) check_far_rows(*step, kernels);
  return report();
}
