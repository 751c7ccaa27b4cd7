// The product of register fragments that Apple10 GPUs have: 16 rows of activations by 32 of weights by 16 codes, on one
// simdgroup. lanes.h says which element is where.
#pragma once

#include "lanes.h"

#include <metal_tensor>

#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>

// Declares the operation NAME. Both operands hold rows of codes, so that the right one counts as transposed.
#define FRAGMENT_PRODUCT(NAME)                                                                                         \
  constexpr auto NAME##_descriptor = mpp::tensor_ops::matmul2d_descriptor(                                             \
      16, 32, 16, false, true, false, mpp::tensor_ops::matmul2d_descriptor::mode::multiply_accumulate);                \
  mpp::tensor_ops::matmul2d<NAME##_descriptor, execution_simdgroup> NAME

// Its operands and its result, all undefined when they are made.
#define FRAGMENT_LEFT(PRODUCT) PRODUCT.template get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>()
#define FRAGMENT_RIGHT(PRODUCT) PRODUCT.template get_right_input_cooperative_tensor<int8_t, int8_t, int32_t>()
#define FRAGMENT_RESULT(PRODUCT)                                                                                       \
  PRODUCT                                                                                                              \
      .template get_destination_cooperative_tensor<remove_addrspace_t<decltype(FRAGMENT_LEFT(PRODUCT))>,               \
                                                   remove_addrspace_t<decltype(FRAGMENT_RIGHT(PRODUCT))>, int32_t>()
