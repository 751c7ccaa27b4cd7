// language: 3.2
// Before Metal 4 the header of tensors is empty, without a word.
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
#ifdef __HAVE_TENSOR__
#error "no tensors in Metal 3"
#endif
using namespace mpp::tensor_ops; // expect: undeclared identifier 'mpp'
