#include "kernel-list.h"

#include "integer-products.h"

#include "../../kernels/metal/parameters.h"

namespace cider::metal {

namespace {

constexpr Kernel base_kernels[] = {
    {base_library, "quantize_per_token", ROW_THREADS},
    {base_library, "int8_mv", MV_THREADS},
    {base_library, "int8_group_mv", MV_THREADS},
    {base_library, "int4_mv", MV_THREADS},
    {base_library, "int4_group_mv", MV_THREADS},
    {base_library, "dense_f32_gemm", FLOAT_THREADS},
    {base_library, "dense_f16_gemm", FLOAT_THREADS},
    {base_library, "dense_bf16_gemm", FLOAT_THREADS},
    {base_library, "affine8_gemm", FLOAT_THREADS},
    {base_library, "affine4_gemm", FLOAT_THREADS},
    {base_library, "dense_f32_mv", MV_THREADS},
    {base_library, "dense_f16_mv", MV_THREADS},
    {base_library, "dense_bf16_mv", MV_THREADS},
    {base_library, "affine8_mv", MV_THREADS},
    {base_library, "affine4_mv", MV_THREADS},
    {base_library, "embedding_f32", ELEMENT_THREADS},
    {base_library, "embedding_f16", ELEMENT_THREADS},
    {base_library, "embedding_bf16", ELEMENT_THREADS},
    {base_library, "rms_norm", ROW_THREADS},
    {base_library, "rope", ELEMENT_THREADS},
    {base_library, "silu_mul", ELEMENT_THREADS},
    {base_library, "gelu_tanh_mul", ELEMENT_THREADS},
    {base_library, "add", ELEMENT_THREADS},
    {base_library, "soft_cap", ELEMENT_THREADS},
    {base_library, "append_kv", ELEMENT_THREADS},
    {base_library, "attention_prefill", PREFILL_THREADS},
    {base_library, "attention_decode", 32},
    {base_library, "attention_merge", MERGE_THREADS},
    {base_library, "cross_entropy", ROW_THREADS},
    {base_library, "divergence", ROW_THREADS},
    {base_library, "argmax", ROW_THREADS},
};

constexpr Kernel float_tensors_kernels[] = {
    {float_tensors_library, "split_activations", ELEMENT_THREADS},
    {float_tensors_library, "split_bf16_gemm", FLOAT_THREADS},
};

constexpr Kernel probe_kernels[] = {
    {probe_library, "probe_layout", 32},
    {probe_library, "probe_arithmetic", 1},
};

} // namespace

KernelList kernels_of(LibraryName library) {
  KernelList list = {};
  if (library == base_library) {
    for (const Kernel &kernel : base_kernels) list.append(kernel);
  } else if (library == float_tensors_library) {
    for (const Kernel &kernel : float_tensors_kernels) list.append(kernel);
  } else if (library == probe_library) {
    for (const Kernel &kernel : probe_kernels) list.append(kernel);
  } else {
    for (uint32_t i = 0; i < product_kind_count; i++) {
      const auto kind = static_cast<ProductKind>(i);
      if (library == int4_library && !is_int4(kind)) continue;
      list.append(product_kernel(library, kind, false));
      list.append(product_kernel(library, kind, true));
    }
  }
  return list;
}

} // namespace cider::metal
