#include "gate.h"

#include "integer-products.h"
#include "poisoned.h"
#include "reference.h"

#include "../../kernels/cpu/sizes.h"

#include <initializer_list>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

namespace cider::metal {

namespace {

// Shapes that are no multiple of any tile, for many rows and for few. The longer sums pass 2^24, from where on an f32
// cannot hold every one.
struct Shape {
  uint32_t m, n, k;
};
constexpr Shape shapes[2] = {{133, 139, 301}, {35, 67, 1061}};
// Tensors of int4 take multiples of 32.
constexpr Shape int4_shapes[2] = {{133, 139, 320}, {35, 67, 1088}};

constexpr uint32_t group_size = 32;

// Bytes between rows of weights beyond what they need, which are poison.
constexpr uint32_t weight_padding = 5;

// Operands of a product of a kind, and room for its result.
class Trial {
public:
  Trial(LibraryName library, ProductKind kind, const Shape &shape, bool has_bias)
      : library_(library), kind_(kind), m_(shape.m), n_(shape.n), k_(shape.k), has_bias_(has_bias),
        groups_(is_by_group(kind) ? divide_up(shape.k, group_size) : 1),
        x_stride_(kind == int8_sums ? shape.k : code_stride_of(shape.k)),
        weight_stride_((is_int4(kind) ? divide_up(shape.k, 2u) : shape.k) + weight_padding) {}

  int open(Device &device, Random &random) {
    TRY(x_.open(device, uint64_t{m_} * x_stride_));
    TRY(weight_.open(device, uint64_t{n_} * weight_stride_));
    TRY(x_scales_.open(device, m_ * sizeof(float)));
    TRY(weight_scales_.open(device, uint64_t{n_} * groups_ * sizeof(float)));
    TRY(bias_.open(device, n_ * sizeof(float)));
    TRY(out_.open(device, uint64_t{m_} * n_ * sizeof(float)));
    codes_ = static_cast<int8_t *>(calloc(n_, k_));
    if (codes_ == nullptr) return fail(CIDER_OUT_OF_MEMORY, "no memory");
    fill_codes(random);
    fill_scales(random);
    return CIDER_OK;
  }

  ~Trial() { free(codes_); }
  Trial(const Trial &) = delete;
  Trial &operator=(const Trial &) = delete;

  int run(Device &device) const {
    TRY(multiply(device, {.library = library_,
                          .kind = kind_,
                          .m = m_,
                          .n = n_,
                          .k = k_,
                          .x = {x_.argument(), x_scales_.argument(), x_stride_},
                          .weight = weight_.argument(),
                          .weight_stride = weight_stride_,
                          .group_size = is_by_group(kind_) ? group_size : 0,
                          .groups = groups_,
                          .weight_scales = weight_scales_.argument(),
                          .bias = has_bias_ ? bias_.argument() : Argument{},
                          .out = out_.argument()}));
    return device.commands.wait();
  }

  // Whether every output has the right bits and nothing else was written; says where not.
  bool is_right(Text &difference) const;

private:
  void fill_codes(Random &random);
  void fill_scales(Random &random);

  LibraryName library_;
  ProductKind kind_;
  uint32_t m_, n_, k_;
  bool has_bias_;
  uint32_t groups_, x_stride_, weight_stride_;
  Poisoned x_, weight_, x_scales_, weight_scales_, bias_, out_;
  int8_t *codes_ = nullptr; // of the weight, one a byte [n, k]
};

// Codes of the whole range, in a first row the largest there are.
void Trial::fill_codes(Random &random) {
  const int32_t limit = kind_ == int8_sums ? 128 : 127;
  for (uint32_t row = 0; row < m_; row++) {
    int8_t *codes = x_.data<int8_t>() + uint64_t{row} * x_stride_;
    if (x_stride_ > k_) memset(codes + k_, 0, x_stride_ - k_);
    for (uint32_t k = 0; k < k_; k++) {
      codes[k] = static_cast<int8_t>(row == 0 ? -limit : random.between(-limit, 128));
    }
  }
  const int32_t low = is_int4(kind_) ? -8 : -limit;
  const int32_t high = is_int4(kind_) ? 8 : 128;
  for (uint32_t row = 0; row < n_; row++) {
    int8_t *codes = codes_ + uint64_t{row} * k_;
    auto *stored = weight_.data<uint8_t>() + uint64_t{row} * weight_stride_;
    for (uint32_t k = 0; k < k_; k++) {
      codes[k] = static_cast<int8_t>(row == 0 ? low : random.between(low, high));
      const auto code = static_cast<uint8_t>(codes[k]);
      if (!is_int4(kind_)) {
        stored[k] = code;
      } else if (k % 2 == 0) {
        stored[k / 2] = (stored[k / 2] & 0xf0) | (code & 15);
      } else {
        stored[k / 2] = static_cast<uint8_t>((stored[k / 2] & 15) | code << 4);
      }
    }
  }
}

// Every fourth row and output is so small that products and sums with the bias are subnormal or close to it; one row
// has the scale of a row with a NaN.
void Trial::fill_scales(Random &random) {
  for (uint32_t row = 0; row < m_; row++) {
    x_scales_.data<float>()[row] = row == 1       ? NAN
                                   : row % 4 == 2 ? fabsf(random.with_exponent(-126, -90))
                                                  : fabsf(random.with_exponent(-12, -2));
  }
  // Smaller scales of groups go to the plain path alone.
  const int32_t smallest = is_by_group(kind_) && library_ != plain_library ? -60 : -140;
  for (uint32_t i = 0; i < n_ * groups_; i++) {
    const bool is_small = i / groups_ % 4 == 3;
    weight_scales_.data<float>()[i] =
        i == groups_ ? 0 : (is_small ? random.with_exponent(smallest, -40) : random.with_exponent(-12, -2));
  }
  for (uint32_t i = 0; i < n_; i++) {
    bias_.data<float>()[i] = i % 8 == 3 ? random.with_exponent(-140, -110) : random.with_exponent(-4, 4);
  }
}

bool Trial::is_right(Text &difference) const {
  for (const Poisoned *buffer : {&x_, &weight_, &x_scales_, &weight_scales_, &bias_, &out_}) {
    if (buffer->is_intact()) continue;
    difference.append("something was written outside of the output");
    return false;
  }
  for (uint32_t row = 0; row < m_; row++) {
    const int8_t *x = x_.data<int8_t>() + uint64_t{row} * x_stride_;
    for (uint32_t column = 0; column < n_; column++) {
      const int8_t *weight = codes_ + uint64_t{column} * k_;
      const uint64_t at = uint64_t{row} * n_ + column;
      if (kind_ == int8_sums) {
        const int32_t expected = sum_of(x, weight, k_);
        const int32_t found = out_.data<int32_t>()[at];
        if (found == expected) continue;
        difference.format("[%u, %u] is %d instead of %d", row, column, found, expected);
        return false;
      }
      const float expected =
          output_of({x, weight, k_, is_by_group(kind_) ? group_size : 0, x_scales_.data<float>()[row],
                     weight_scales_.data<float>() + uint64_t{column} * groups_,
                     has_bias_ ? bias_.data<float>() + column : nullptr});
      const float found = out_.data<float>()[at];
      if (is_same(found, expected)) continue;
      difference.format("[%u, %u] is %a instead of %a", row, column, static_cast<double>(found),
                        static_cast<double>(expected));
      return false;
    }
  }
  return true;
}

// One product, with a line in the report.
bool check_product(Device &device, LibraryName library, ProductKind kind, const Shape &shape, bool is_small,
                   Verdict &verdict) {
  const Kernel kernel = product_kernel(library, kind, is_small);
  char name[64];
  snprintf(name, sizeof name, "%s %s", library_text(library), kernel.name);
  Random random(kind * 2 + is_small);
  // The tile for few rows goes without a bias for channels, that for many without one for groups.
  Trial trial(library, kind, shape, is_small == is_by_group(kind));
  if (trial.open(device, random) != CIDER_OK || trial.run(device) != CIDER_OK) {
    verdict.is_final = false;
    note(verdict, Outcome::fail, name, "%s", cider_last_error());
    return false;
  }
  Text difference;
  const bool is_right = trial.is_right(difference);
  note(verdict, is_right ? Outcome::ok : Outcome::fail, name, "[%u, %u, %u] %s", shape.m, shape.n, shape.k,
       is_right ? "exact" : difference.words());
  return is_right;
}

bool check_products(Device &device, LibraryName library, const Shape (&library_shapes)[2], Verdict &verdict) {
  bool all_right = true;
  for (uint32_t kind = 0; kind < product_kind_count; kind++) {
    if (library == int4_library && !is_int4(static_cast<ProductKind>(kind))) continue;
    for (const bool is_small : {false, true}) {
      all_right &=
          check_product(device, library, static_cast<ProductKind>(kind), library_shapes[is_small], is_small, verdict);
    }
  }
  return all_right;
}

// Rows of numbers of all sizes; then one of zeros, one of a size without a scale, one with subnormal numbers beside
// larger ones, one with a NaN and one with an infinity.
void fill_activations(float *x, uint32_t rows, uint32_t columns, Random &random) {
  for (uint32_t row = 0; row < rows; row++, x += columns) {
    const int32_t exponent = random.between(-110, 100);
    for (uint32_t i = 0; i < columns; i++) x[i] = random.with_exponent(exponent - 8, exponent);
    switch (rows - row) {
    case 5:
      memset(x, 0, columns * sizeof *x);
      break;
    case 4:
      for (uint32_t i = 0; i < columns; i++) x[i] = random.with_exponent(-149, -127);
      break;
    case 3:
      for (uint32_t i = 0; i < columns; i++) x[i] = random.with_exponent(-130, -118);
      break;
    case 2:
      x[columns / 2] = NAN;
      break;
    case 1:
      x[columns - 1] = -INFINITY;
      break;
    default:
      break;
    }
  }
}

} // namespace

bool check_products(Device &device, Path path, Verdict &verdict) {
  return check_products(device, library_of(path), shapes, verdict);
}

bool check_native_int4(Device &device, Verdict &verdict) {
  return check_products(device, int4_library, int4_shapes, verdict);
}

bool check_quantizer(Device &device, Verdict &verdict) {
  constexpr uint32_t rows = 21;
  constexpr uint32_t columns = 1061;
  const uint32_t stride = code_stride_of(columns);
  Random random(columns);
  Poisoned x, codes, scales;
  const auto run = [&] {
    TRY(x.open(device, rows * columns * sizeof(float)));
    TRY(codes.open(device, rows * stride));
    TRY(scales.open(device, rows * sizeof(float)));
    fill_activations(x.data<float>(), rows, columns, random);
    TRY(quantize(device, x.argument(), rows, columns, {codes.argument(), scales.argument(), stride}));
    return device.commands.wait();
  };
  if (run() != CIDER_OK) {
    verdict.is_final = false;
    note(verdict, Outcome::fail, "quantizer", "%s", cider_last_error());
    return false;
  }
  bool is_right = x.is_intact() && codes.is_intact() && scales.is_intact();
  for (uint32_t row = 0; row < rows; row++) {
    int8_t expected[columns];
    const float scale = quantize_row(x.data<float>() + row * columns, columns, expected);
    is_right &= is_same(scales.data<float>()[row], scale);
    const int8_t *found = codes.data<int8_t>() + row * stride;
    is_right &= memcmp(found, expected, columns) == 0;
    for (uint32_t i = columns; i < stride; i++) is_right &= found[i] == 0;
    if (is_right) continue;
    note(verdict, Outcome::fail, "quantizer", "row %u of [%u, %u] is not as docs/numerics.md has it", row, rows,
         columns);
    return false;
  }
  note(verdict, Outcome::ok, "quantizer", "[%u, %u] exact", rows, columns);
  return true;
}

} // namespace cider::metal
