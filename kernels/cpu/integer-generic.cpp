// Integer kernels in plain C++: what the other instruction sets are compared with, and what runs where none of them
// does.
#include <string.h>

#include "integer-kernels.h"

namespace cider {
namespace {

constexpr uint32_t COLUMNS = 16;
constexpr uint32_t MAX_ROWS = 4;

// 4-bit codes are kept as 0 … 15, and the offset is taken off as they are read.
template <int Bits>
constexpr int32_t offset = Bits == 8 ? 0 : 8;

// Moves a panel on by k codes.
template <int Bits>
const uint8_t *advance(const uint8_t *panel, size_t k) {
  return panel + k * Bits / 8 * COLUMNS;
}

template <typename Sum>
struct Sums {
  Sum of[COLUMNS];
};

// x [k] times a panel [k, COLUMNS], at 4 bits [k / 2, COLUMNS] of pairs: int8 codes in int32, floats in f32.
template <int Bits, typename Sum, typename Activation>
Sums<Sum> multiply(const Activation *x, const uint8_t *panel, size_t k) {
  Sums<Sum> sums = {};
  for (const Activation *end = x + k; x < end; x += 8 / Bits, panel += COLUMNS) {
    for (uint32_t column = 0; column < COLUMNS; column++) {
      const uint8_t byte = panel[column];
      if constexpr (Bits == 8) {
        sums.of[column] += static_cast<Sum>(x[0]) * static_cast<Sum>(static_cast<int8_t>(byte));
      } else {
        sums.of[column] += static_cast<Sum>(x[0]) * static_cast<Sum>((byte & 15) - offset<Bits>);
        sums.of[column] += static_cast<Sum>(x[1]) * static_cast<Sum>((byte >> 4) - offset<Bits>);
      }
    }
  }
  return sums;
}

// Tile [rows, padded K]. There is nothing for accumulators to start from.
void pack_tile(const int8_t *codes, size_t stride, uint32_t rows, const KAxis &axis, void *tile, int32_t *) {
  int8_t *to = static_cast<int8_t *>(tile);
  for (uint32_t row = 0; row < rows; row++) {
    const int8_t *from = codes + row * stride;
    for (uint32_t group = 0; group < axis.groups; group++) {
      const size_t size = group_size(axis, group);
      const size_t padded = padded_group_size(axis, group);
      memcpy(to, from, size);
      memset(to + size, 0, padded - size);
      from += size;
      to += padded;
    }
  }
}

template <int Bits>
void multiply_by_channel(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                         size_t stride) {
  const size_t k = padded_k(axis);
  const int8_t *x = static_cast<const int8_t *>(tile.codes);
  for (uint32_t row = 0; row < tile.rows; row++, x += k, out += stride) {
    const Sums<int32_t> sums = multiply<Bits, int32_t>(x, panel.codes, k);
    for (uint32_t column = 0; column < COLUMNS; column++) {
      out[column] = static_cast<float>(sums.of[column]) * tile.scales[row] * panel.scales[column] + panel.bias[column];
    }
  }
}

template <int Bits>
void multiply_by_group(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                       size_t stride) {
  const int8_t *x = static_cast<const int8_t *>(tile.codes);
  for (uint32_t row = 0; row < tile.rows; row++, out += stride) {
    const uint8_t *codes = panel.codes;
    const float *scales = panel.scales;
    float results[COLUMNS] = {};
    for (uint32_t group = 0; group < axis.groups; group++, scales += COLUMNS) {
      const size_t k = padded_group_size(axis, group);
      const Sums<int32_t> sums = multiply<Bits, int32_t>(x, codes, k);
      for (uint32_t column = 0; column < COLUMNS; column++) {
        results[column] += static_cast<float>(sums.of[column]) * scales[column];
      }
      x += k;
      codes = advance<Bits>(codes, k);
    }
    for (uint32_t column = 0; column < COLUMNS; column++) {
      out[column] = results[column] * tile.scales[row] + panel.bias[column];
    }
  }
}

void multiply_int32(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, int32_t *out,
                    size_t stride) {
  const size_t k = padded_k(axis);
  const int8_t *x = static_cast<const int8_t *>(tile.codes);
  for (uint32_t row = 0; row < tile.rows; row++, x += k, out += stride) {
    const Sums<int32_t> sums = multiply<8, int32_t>(x, panel.codes, k);
    memcpy(out, sums.of, sizeof sums.of);
  }
}

template <int Bits>
void multiply_vector(const void *vector, const WeightPanel &panel, const KAxis &axis, float *out) {
  const float *x = static_cast<const float *>(vector);
  const uint8_t *codes = panel.codes;
  const float *scales = panel.scales;
  float results[COLUMNS] = {};
  for (uint32_t group = 0; group < axis.groups; group++, scales += COLUMNS) {
    const size_t k = padded_group_size(axis, group);
    const Sums<float> sums = multiply<Bits, float>(x, codes, k);
    for (uint32_t column = 0; column < COLUMNS; column++) results[column] += sums.of[column] * scales[column];
    x += k;
    codes = advance<Bits>(codes, k);
  }
  for (uint32_t column = 0; column < COLUMNS; column++) out[column] = results[column] + panel.bias[column];
}

template <int Bits>
constexpr IntegerFormat format = {
    .max_rows = MAX_ROWS,
    .row_multiple = 1,
    .activation_bytes = 1,
    .block = 1,
    .step = 8 / Bits,
    .offset = offset<Bits>,
    .pack_tile = pack_tile,
    .multiply_by_channel = multiply_each<float, COLUMNS, multiply_by_channel<Bits>>,
    .multiply_by_group = multiply_each<float, COLUMNS, multiply_by_group<Bits>>,
    .multiply_int32 = Bits == 8 ? multiply_each<int32_t, COLUMNS, multiply_int32> : nullptr,
    .pack_vector = pack_float_vector,
    .multiply_vector = multiply_vector<Bits>,
};

constexpr IntegerKernels kernels = {COLUMNS, size_t{768} << 10, format<8>, format<4>};

} // namespace

const IntegerKernels *integer_kernels_generic() { return &kernels; }

} // namespace cider
