// The integer products of docs/numerics.md: codes and scales of activations, then tiles of the output.
#pragma once

#include "device.h"

namespace cider::metal {

// Where rows of codes begin at a multiple of it, kernels load words; elsewhere they take any address.
constexpr uint32_t code_word_bytes = 4;

// Rows of activation codes as the products read them.
struct CodedRows {
  Argument codes, scales;
  uint32_t stride; // bytes between rows
};

// Bytes between rows of k codes that quantize_per_token writes.
uint32_t code_stride_of(uint32_t k);

// x f32 [rows, k] to codes and scales.
int quantize(Device &device, const Argument &x, uint32_t rows, uint32_t k, const CodedRows &to);

enum ProductKind : uint32_t {
  int8_sums, // int32: scales and bias are not read
  int8_by_channel,
  int8_by_group,
  int4_by_channel,
  int4_by_group,
  product_kind_count,
};

inline bool is_by_group(ProductKind kind) { return kind == int8_by_group || kind == int4_by_group; }
inline bool is_int4(ProductKind kind) { return kind == int4_by_channel || kind == int4_by_group; }

struct IntegerProduct {
  LibraryName library;
  ProductKind kind;
  uint32_t m, n, k;
  CodedRows x;
  Argument weight;
  uint32_t weight_stride, group_size, groups;
  Argument weight_scales;
  Argument bias; // of no buffer for none
  Argument out;  // [m, n] of 4 bytes
};

// The kernel of a library for many rows or few.
Kernel product_kernel(LibraryName library, ProductKind kind, bool is_small);

// Products that would keep the GPU for long go in several launches.
int multiply(Device &device, const IntegerProduct &product);

} // namespace cider::metal
