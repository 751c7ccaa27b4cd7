// cider_peak: what the GPU gives at most, by its own clock, to the largest products and matrices that fit into the
// time. Units for matrices have no kernel here that works on registers alone, nor one that multiplies bf16.
#include "integer-products.h"
#include "operations.h"

#include "../../kernels/cpu/sizes.h"
#include "../../kernels/metal/parameters.h"

#include <time.h>

namespace cider::metal {

namespace {

// Rows and columns of products, and rows of matrices that are read: from little on, up to half a GiB.
constexpr uint32_t least_size = 256;
constexpr uint32_t most_size = 4096;
constexpr uint32_t read_columns = 4096;
constexpr uint32_t most_read_rows = (uint32_t{512} << 20) / read_columns;

// Runs that take less than this part of the time are made twice as large.
constexpr double least_part = 0.125;

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The best rate, in billions a second, of run(size), which does units(size).
template <class Run, class Units>
int best_rate(Device &device, double seconds, uint32_t most_units, Run run, Units units, double *rate) {
  *rate = 0;
  uint32_t size = least_size;
  const double end = now() + seconds;
  do {
    const double before = device.commands.seconds();
    TRY(run(size));
    TRY(device.commands.wait());
    const double taken = device.commands.seconds() - before;
    if (taken > 0) *rate = most(*rate, units(size) / taken * 1e-9);
    if (size < most_units && taken < least_part * seconds) size *= 2;
  } while (now() < end);
  return CIDER_OK;
}

double operations(uint32_t size) { return 2.0 * size * size * size; }

int multiply_int8(Device &device, uint32_t size) {
  id x, weight, out;
  TRY(require_scratch(device, logit_scratch, uint64_t{size} * size, &x));
  TRY(require_scratch(device, base_logit_scratch, uint64_t{size} * size, &weight));
  TRY(require_scratch(device, result_scratch, uint64_t{size} * size * sizeof(int32_t), &out));
  return multiply(device, {.library = library_of(device.path),
                           .kind = int8_sums,
                           .m = size,
                           .n = size,
                           .k = size,
                           .x = {whole(x), {}, size},
                           .weight = whole(weight),
                           .weight_stride = size,
                           .group_size = 0,
                           .groups = 0,
                           .weight_scales = {},
                           .bias = {},
                           .out = whole(out)});
}

int multiply_f32(Device &device, uint32_t size) {
  const uint64_t bytes = uint64_t{size} * size * sizeof(float);
  id x, weight, out;
  TRY(require_scratch(device, logit_scratch, bytes, &x));
  TRY(require_scratch(device, base_logit_scratch, bytes, &weight));
  TRY(require_scratch(device, result_scratch, bytes, &out));
  const FloatLinearParameters parameters = {size, size, size, size * static_cast<uint32_t>(sizeof(float)), 0, 0, 0};
  const Argument arguments[] = {whole(x),      whole(weight), whole(out),         whole(weight),
                                whole(weight), whole(weight), copy_of(parameters)};
  const uint32_t tiles = divide_up(size, uint32_t{FLOAT_TILE});
  return launch(device, {base_library, "dense_f32_gemm", FLOAT_THREADS}, arguments, {tiles, tiles, 1},
                operations(size) / 2);
}

// As decoding reads its weights.
int read(Device &device, uint32_t rows) {
  id x, weight, out, scales;
  TRY(require_scratch(device, logit_scratch, read_columns * sizeof(float), &x));
  TRY(require_scratch(device, base_logit_scratch, uint64_t{rows} * read_columns, &weight));
  TRY(require_scratch(device, result_scratch, rows * sizeof(float), &out));
  TRY(require_scratch(device, scale_scratch, rows * sizeof(float), &scales));
  const MatrixVectorParameters parameters = {rows, read_columns, read_columns, 0, 1, 0, 1};
  const Argument arguments[] = {whole(x), whole(weight), whole(out), whole(scales), whole(scales), copy_of(parameters)};
  return launch(device, {base_library, "int8_mv", MV_THREADS}, arguments, {divide_up(rows, uint32_t{MV_ROWS}), 1, 1},
                static_cast<double>(rows) * read_columns);
}

int measure(Device &device, cider_peak_params &params) {
  const double seconds = params.seconds;
  TRY(best_rate(
      device, seconds, most_size, [&](uint32_t size) { return multiply_int8(device, size); }, operations,
      &params.int8_gops));
  TRY(best_rate(
      device, seconds, most_size, [&](uint32_t size) { return multiply_f32(device, size); }, operations,
      &params.f32_gops));
  params.bf16_gops = 0;
  return best_rate(
      device, seconds, most_read_rows, [&](uint32_t rows) { return read(device, rows); },
      [](uint32_t rows) { return static_cast<double>(rows) * read_columns; }, &params.read_gbs);
}

} // namespace

int peak(cider_device *handle, cider_peak_params &params) {
  Device &device = device_of(handle);
  const int status = measure(device, params);
  release_scratch(device);
  return status;
}

} // namespace cider::metal
