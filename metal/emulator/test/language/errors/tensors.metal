// What matmul2d refuses.
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
using namespace mpp::tensor_ops;

template <typename T>
using Matrix = tensor<device T, dextents<int32_t, 2>, tensor_inline>;
constant constexpr int ANY = static_cast<int>(dynamic_extent);

template <int m, int n, int k, typename L, typename R, typename D, typename Scope = execution_simdgroup>
void in_memory(Matrix<L> a, Matrix<R> b, Matrix<D> c) {
  constexpr auto descriptor = matmul2d_descriptor(m, n, k, false, true);
  matmul2d<descriptor, Scope> product;
  product.run(a, b, c);
}

template <int m, int n, int k, typename L, typename R, typename D, typename Scope = execution_simdgroup>
void in_registers() {
  constexpr auto descriptor = matmul2d_descriptor(m, n, k, false, true);
  matmul2d<descriptor, Scope> product;
  auto a = product.template get_left_input_cooperative_tensor<L, R, D>();
  auto b = product.template get_right_input_cooperative_tensor<L, R, D>();
  auto c = product.template get_destination_cooperative_tensor<remove_addrspace_t<decltype(a)>, remove_addrspace_t<decltype(b)>, D>();
  product.run(a, b, c);
}

void shapes(Matrix<int8_t> a, Matrix<int8_t> b, Matrix<int32_t> c, Matrix<int4b_format> d) {
  in_memory<8, 16, 16>(a, b, c);
  in_memory<64, 128, ANY>(a, b, c);
  in_memory<8, 8, 16>(a, b, c); // expect: M and N are multiples of 8, and one of them of 16
  in_memory<16, 12, 16>(a, b, c); // expect: M and N are multiples of 8, and one of them of 16
  in_memory<16, 16, 24>(a, b, c); // expect: K is a multiple of 16
  in_memory<16, 16, 0>(a, b, c); // expect: K is positive, or static_cast<int>(dynamic_extent)
  in_memory<16, 16, 32>(a, d, c);
  in_memory<16, 16, 16>(a, d, c); // expect: with elements of 4 bits K is a multiple of 32
  in_registers<16, 32, 16, int8_t, int8_t, int32_t>();
  in_registers<32, 32, 32, half, half, float>();
  in_registers<16, 16, 16, int8_t, int8_t, int32_t>(); // expect: with two cooperative inputs one of M, N and K is 32
  in_registers<64, 32, 16, int8_t, int8_t, int32_t>(); // expect: with two cooperative inputs M, N and K are 16 or 32
  in_registers<16, 32, ANY, int8_t, int8_t, int32_t>(); // expect: K of a cooperative input is not dynamic
  in_registers<16, 32, 16, int8_t, int8_t, int32_t, execution_simdgroups<4>>(); // expect: cooperative inputs need a single simdgroup
}

void types(Matrix<int8_t> i8, Matrix<uint8_t> u8, Matrix<int4b_format> i4, Matrix<uint4b_format> u4, Matrix<half> h, Matrix<bfloat> b, Matrix<float> f, Matrix<int32_t> i32, Matrix<char> c) {
  in_memory<16, 16, 32>(i8, i4, i32);
  in_memory<16, 16, 32>(u8, u4, i32);
  in_memory<16, 16, 32>(h, i8, h);
  in_memory<16, 16, 32>(b, u4, f);
  in_memory<16, 16, 32>(h, b, f);
  in_memory<16, 16, 32>(f, h, f);
  in_memory<16, 16, 32>(i8, u8, i32); // expect: no product of these element types exists
  in_memory<16, 16, 32>(i8, u4, i32); // expect: no product of these element types exists
  in_memory<16, 16, 32>(i8, i8, f); // expect: no product of these element types exists
  in_memory<16, 16, 32>(i4, i8, i32); // expect: no product of these element types exists
  in_memory<16, 16, 32>(c, i8, i32); // expect: no product of these element types exists
  in_memory<16, 16, 32>(h, h, i32); // expect: no product of these element types exists
  in_memory<16, 16, 32>(h, b, h); // expect: no product of these element types exists
}

void others(device const int8_t *codes, Matrix<int8_t> a, Matrix<int8_t> b, Matrix<int32_t> c, const Matrix<int8_t> fixed) {
  Matrix<const int8_t> constant_codes(codes, dextents<int32_t, 2>(16, 16)); // expect: the element type of a tensor is not const
  constexpr auto descriptor = matmul2d_descriptor(16, 32, 16, false, true);
  constexpr auto longer = matmul2d_descriptor(16, 32, 32, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  matmul2d<longer, execution_simdgroup> other;
  product.run(fixed, b, c); // expect: run takes tensors that are not const
  auto wrong = product.get_left_input_cooperative_tensor<Matrix<int8_t>, int8_t, int32_t>(); // expect: take element types, not operand types
  auto also_wrong = product.get_destination_cooperative_tensor<int8_t, int8_t, int32_t>(); // expect: takes operand types, not element types
  auto nibbles = other.get_right_input_cooperative_tensor<int8_t, int4b_format, int32_t>(); // expect: 4-bit elements cannot be filled in registers
  auto left = product.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto right = other.get_right_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto sums = product.get_destination_cooperative_tensor<Matrix<int8_t>, Matrix<int8_t>, int32_t>();
  product.run(left, right, c); // expect: a cooperative input was made for another operation
  product.run(left, b, sums); // expect: input types must match those that the destination was made for
  left.store(c); // expect: load and store keep the element type
  product.run(a, b, sums);
}
