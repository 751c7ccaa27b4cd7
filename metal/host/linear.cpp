#include "linear.h"

#include "float-tensors.h"
#include "integer-products.h"

#include "../../kernels/cpu/sizes.h"
#include "../../kernels/metal/parameters.h"

namespace cider::metal {

namespace {

double work_of(const LinearArgs &args) {
  return static_cast<double>(args.rows) * args.weight.out_features * args.weight.in_features;
}

// Something is bound even where there is nothing to read.
Argument or_data(const Weight &weight, id object) { return whole(object != nullptr ? object : weight.data); }

Argument data_of(const Weight &weight) { return part(weight.data, weight.data_offset); }

Size vector_grid(const Weight &weight) { return {divide_up(weight.out_features, uint32_t{MV_ROWS}), 1, 1}; }

// What tensors of int4 are made of.
constexpr uint32_t int4_unit = 32;

// By the path of the device, but for scales whose sums need more care than all but the plain one take; int4 beside the
// path of tensors by tensors of int4, where they passed their trial.
LibraryName product_library(const Device &device, const Weight &weight) {
  if (weight.has_tiny_scales) return plain_library;
  const bool is_native = device.path == tensors_path && device.has_native_int4 && weight.bits == 4 &&
                         weight.in_features % int4_unit == 0 && weight.group_size % int4_unit == 0;
  return is_native ? int4_library : library_of(device.path);
}

ProductKind kind_of(const Weight &weight) {
  if (weight.bits == 8) return weight.group_size == 0 ? int8_by_channel : int8_by_group;
  return weight.group_size == 0 ? int4_by_channel : int4_by_group;
}

int integer_product(Device &device, const LinearArgs &args) {
  const Weight &weight = args.weight;
  const uint32_t k = weight.in_features;
  const uint32_t stride = code_stride_of(k);
  id codes, scales;
  TRY(require_scratch(device, code_scratch, uint64_t{args.rows} * stride, &codes));
  TRY(require_scratch(device, scale_scratch, uint64_t{args.rows} * sizeof(float), &scales));
  const CodedRows x = {whole(codes), whole(scales), stride};
  TRY(quantize(device, args.x, args.rows, k, x));
  return multiply(device, {.library = product_library(device, weight),
                           .kind = kind_of(weight),
                           .m = args.rows,
                           .n = weight.out_features,
                           .k = k,
                           .x = x,
                           .weight = data_of(weight),
                           .weight_stride = weight.stride,
                           .group_size = weight.group_size,
                           .groups = weight.groups,
                           .weight_scales = whole(weight.scales),
                           .bias = whole(weight.bias),
                           .out = args.out});
}

int integer_vector(Device &device, const LinearArgs &args) {
  const Weight &weight = args.weight;
  const char *name = weight.bits == 8 ? (weight.group_size == 0 ? "int8_mv" : "int8_group_mv")
                                      : (weight.group_size == 0 ? "int4_mv" : "int4_group_mv");
  const bool is_aligned = (weight.stride | weight.data_offset) % code_word_bytes == 0;
  const MatrixVectorParameters parameters = {weight.out_features, weight.in_features, weight.stride,
                                             weight.group_size,   weight.groups,      weight.bias != nullptr,
                                             is_aligned};
  const Argument arguments[] = {
      args.x, data_of(weight), args.out, whole(weight.scales), or_data(weight, weight.bias), copy_of(parameters)};
  return launch(device, {base_library, name, MV_THREADS}, arguments, vector_grid(weight), work_of(args));
}

struct FloatNames {
  const char *gemm, *vector;
};

FloatNames float_names(const Weight &weight) {
  if (weight.kind == CIDER_AFFINE) {
    return weight.bits == 8 ? FloatNames{"affine8_gemm", "affine8_mv"} : FloatNames{"affine4_gemm", "affine4_mv"};
  }
  switch (weight.dtype) {
  case CIDER_F32:
    return {"dense_f32_gemm", "dense_f32_mv"};
  case CIDER_F16:
    return {"dense_f16_gemm", "dense_f16_mv"};
  default:
    return {"dense_bf16_gemm", "dense_bf16_mv"};
  }
}

// Rows of floats and weights of bf16 where tensors may multiply them.
bool is_split(const Device &device, const LinearArgs &args) {
  const Weight &weight = args.weight;
  return device.has_float_tensors && args.rows > 1 && weight.kind == CIDER_DENSE && weight.dtype == CIDER_BF16 &&
         is_splittable(weight.in_features);
}

int split_product(Device &device, const LinearArgs &args) {
  const Weight &weight = args.weight;
  return multiply(device, SplitProduct{args.x, data_of(weight), weight.stride, whole(weight.bias), args.out, args.rows,
                                       weight.out_features, weight.in_features});
}

int float_product(Device &device, const LinearArgs &args) {
  const Weight &weight = args.weight;
  const uint32_t n = weight.out_features;
  const uint32_t k = weight.in_features;
  const FloatNames names = float_names(weight);
  const uint32_t step = rows_of_launch(device, args.rows, static_cast<double>(n) * k, FLOAT_TILE);
  for (uint32_t first = 0; first < args.rows; first += step) {
    const uint32_t rows = least(step, args.rows - first);
    const FloatLinearParameters parameters = {
        rows, n, k, weight.stride, weight.group_size, weight.groups, weight.bias != nullptr};
    const Argument arguments[] = {further(args.x, uint64_t{first} * k * sizeof(float)),
                                  data_of(weight),
                                  further(args.out, uint64_t{first} * n * sizeof(float)),
                                  or_data(weight, weight.scales),
                                  or_data(weight, weight.biases),
                                  or_data(weight, weight.bias),
                                  copy_of(parameters)};
    const double work = static_cast<double>(rows) * n * k;
    if (args.rows == 1) {
      TRY(launch(device, {base_library, names.vector, MV_THREADS}, arguments, vector_grid(weight), work));
    } else {
      const Size grid = {divide_up(n, uint32_t{FLOAT_TILE}), divide_up(rows, uint32_t{FLOAT_TILE}), 1};
      TRY(launch(device, {base_library, names.gemm, FLOAT_THREADS}, arguments, grid, work));
    }
  }
  return CIDER_OK;
}

} // namespace

int linear(Device &device, const LinearArgs &args) {
  if (is_split(device, args)) return split_product(device, args);
  if (args.weight.kind != CIDER_INTEGER) return float_product(device, args);
  return args.rows == 1 && !args.quantize_single_row ? integer_vector(device, args) : integer_product(device, args);
}

} // namespace cider::metal
