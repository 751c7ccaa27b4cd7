// The headers of macOS 27 want operand types without address space.
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
using namespace mpp::tensor_ops;

void f(tensor<device int8_t, dextents<int32_t, 2>, tensor_inline> a) {
  constexpr auto descriptor = matmul2d_descriptor(16, 16, 16);
  matmul2d<descriptor, execution_simdgroup> product;
  auto c = product.get_destination_cooperative_tensor<decltype(a), remove_addrspace_t<decltype(a)>, int32_t>(); // expect: an operand type without metal::remove_addrspace_t
}
