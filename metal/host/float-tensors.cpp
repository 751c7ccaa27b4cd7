#include "float-tensors.h"

#include "../../kernels/cpu/sizes.h"
#include "../../kernels/metal/parameters.h"

namespace cider::metal {

namespace {

constexpr uint32_t bf16_bytes = 2;

// Elements that are split by a launch.
constexpr uint32_t max_elements = uint32_t{1} << 31;

int split(Device &device, const Argument &x, uint32_t count, const Argument &high, const Argument &low) {
  const ElementwiseParameters parameters = {count, 0};
  const Argument arguments[] = {x, high, low, copy_of(parameters)};
  return launch(device, {float_tensors_library, "split_activations", ELEMENT_THREADS}, arguments,
                {divide_up(count, uint32_t{ELEMENT_THREADS}), 1, 1}, count);
}

} // namespace

bool is_splittable(uint32_t k) { return k <= max_elements / FLOAT_TILE; }

int multiply(Device &device, const SplitProduct &product) {
  const auto &[x, weight, weight_stride, bias, out, m, n, k] = product;
  const uint32_t most_rows = max_elements / k / FLOAT_TILE * FLOAT_TILE;
  const uint32_t step = least(most_rows, rows_of_launch(device, m, static_cast<double>(n) * k, FLOAT_TILE));
  const uint64_t bytes = uint64_t{least(step, m)} * k * bf16_bytes;
  id high, low;
  TRY(require_scratch(device, code_scratch, bytes, &high));
  TRY(require_scratch(device, partial_scratch, bytes, &low));
  const bool has_bias = bias.buffer != nullptr;
  for (uint32_t first = 0; first < m; first += step) {
    const uint32_t rows = least(step, m - first);
    TRY(split(device, further(x, uint64_t{first} * k * sizeof(float)), rows * k, whole(high), whole(low)));
    const FloatLinearParameters parameters = {rows, n, k, weight_stride, 0, 0, has_bias};
    const Argument arguments[] = {whole(high),
                                  weight,
                                  further(out, uint64_t{first} * n * sizeof(float)),
                                  whole(low),
                                  {}, // nothing has this index
                                  has_bias ? bias : weight,
                                  copy_of(parameters)};
    const Size grid = {divide_up(n, uint32_t{FLOAT_TILE}), divide_up(rows, uint32_t{FLOAT_TILE}), 1};
    TRY(launch(device, {float_tensors_library, "split_bf16_gemm", FLOAT_THREADS}, arguments, grid,
               static_cast<double>(rows) * n * k));
  }
  return CIDER_OK;
}

} // namespace cider::metal
