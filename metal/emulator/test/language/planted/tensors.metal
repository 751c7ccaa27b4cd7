// Uses of tensors that compile, with a bug each, and what is said of it.
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
using namespace mpp::tensor_ops;

using Codes = tensor<device int8_t, dextents<int32_t, 2>, tensor_inline>;
using Sums = tensor<device int32_t, dextents<int32_t, 2>, tensor_inline>;
constant constexpr int ANY = static_cast<int>(dynamic_extent);

#define KERNEL(name)                                                                                                   \
  kernel void name(device int8_t *codes [[buffer(0)]], device int32_t *out [[buffer(1)]],                              \
                   uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]])

KERNEL(beyond_the_capacity) {
  constexpr auto descriptor = matmul2d_descriptor(16, 32, 16, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  auto left = product.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  // diagnosed: element 40 of a cooperative tensor
  left[40] = 1;
}

KERNEL(nothing_to_add_to) {
  Codes a(codes, dextents<int32_t, 2>(16, 16)), b(codes, dextents<int32_t, 2>(16, 16));
  constexpr auto descriptor =
      matmul2d_descriptor(16, 16, 16, false, true, false, matmul2d_descriptor::mode::multiply_accumulate);
  matmul2d<descriptor, execution_simdgroup> product;
  auto sums = product.get_destination_cooperative_tensor<remove_addrspace_t<decltype(a)>,
                                                         remove_addrspace_t<decltype(b)>, int32_t>();
  // diagnosed: adds to elements of the destination that nobody has written
  product.run(a, b, sums);
}

KERNEL(static_slice_outside) {
  Codes a(codes, dextents<int32_t, 2>(32, 20));
  // diagnosed: a static slice of 16 elements from 8 on leaves dimension 1 of the tensor, which has 20
  out[0] = a.slice<32, 16>(0, 8).get_stride(1);
}

KERNEL(different_tensors) {
  Codes a(codes + lane, dextents<int32_t, 2>(16, 16)), b(codes, dextents<int32_t, 2>(16, 16));
  Sums c(out, dextents<int32_t, 2>(16, 16));
  constexpr auto descriptor = matmul2d_descriptor(16, 16, 16, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  // diagnosed: the left tensor of lane 1 is not that of lane 0
  product.run(a, b, c);
}

KERNEL(some_lanes) {
  Codes a(codes, dextents<int32_t, 2>(16, 16)), b(codes, dextents<int32_t, 2>(16, 16));
  Sums c(out, dextents<int32_t, 2>(16, 16));
  constexpr auto descriptor = matmul2d_descriptor(16, 16, 16, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  // diagnosed: matmul2d::run
  if (lane < 16) product.run(a, b, c);
}

KERNEL(too_many_simdgroups) {
  Codes a(codes, dextents<int32_t, 2>(16, 16)), b(codes, dextents<int32_t, 2>(16, 16));
  Sums c(out, dextents<int32_t, 2>(16, 16));
  constexpr auto descriptor = matmul2d_descriptor(16, 16, 16, false, true);
  matmul2d<descriptor, execution_simdgroups<2>> product;
  // diagnosed: matmul2d::run
  product.run(a, b, c);
}

KERNEL(unequal_k) {
  Codes a(codes, dextents<int32_t, 2>(48, 16)), b(codes, dextents<int32_t, 2>(40, 16));
  Sums c(out, dextents<int32_t, 2>(16, 16));
  constexpr auto descriptor = matmul2d_descriptor(16, 16, ANY, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  // diagnosed: K is 48 in the left tensor and 40 in the right one
  product.run(a, b, c);
}

KERNEL(nibbles_of_any_k) {
  Codes a(codes, dextents<int32_t, 2>(48, 16));
  tensor<device int4b_format, dextents<int32_t, 2>, tensor_inline> b(reinterpret_cast<device uchar *>(codes),
                                                                     dextents<int32_t, 2>(48, 16));
  Sums c(out, dextents<int32_t, 2>(16, 16));
  constexpr auto descriptor = matmul2d_descriptor(16, 16, ANY, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  // diagnosed: K is 48, with elements of 4 bits a multiple of 32 is needed
  product.run(a, b, c);
}

KERNEL(slice_within_a_byte) {
  tensor<device int4b_format, dextents<int32_t, 2>, tensor_inline> b(reinterpret_cast<device uchar *>(codes),
                                                                     dextents<int32_t, 2>(48, 16));
  // diagnosed: a slice of 4-bit elements starts within a byte
  out[0] = b.slice(1, 0).get_extent(0);
}

KERNEL(distant_slice) {
  Codes a(codes, dextents<int32_t, 2>(1 << 20, 1 << 12));
  // diagnosed: a slice starts 2 GiB or more behind the tensor's base
  out[0] = a.slice(0, 1 << 11).get_extent(1);
}
