// os: 26.3
// Eight and four bits in memory came with macOS 26.4.
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
using namespace mpp::tensor_ops;
#ifdef __HAVE_INT4B_FORMAT_TYPE__
#error "no 4-bit tensors in macOS 26.3"
#endif

void f(tensor<device int8_t, dextents<int32_t, 2>, tensor_inline> a, tensor<device int32_t, dextents<int32_t, 2>, tensor_inline> c) {
  constexpr auto descriptor = matmul2d_descriptor(16, 16, 16, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  product.run(a, a, c); // expect: this macOS has no tensors of this element type
}
