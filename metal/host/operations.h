// The operations of the table of kernels/abi/backend.h. What a caller gives is checked there.
#pragma once

#include "../../kernels/abi/abi.h"
#include "../../kernels/abi/backend.h"

namespace cider::metal {

int embedding(cider_device *device, const cider_embedding_params &params);
int rms_norm(cider_device *device, const cider_rms_norm_params &params);
int rope(cider_device *device, const cider_rope_params &params);
int attention(cider_device *device, const cider_attention_params &params);
int silu_mul(cider_device *device, const cider_elementwise_params &params);
int gelu_tanh_mul(cider_device *device, const cider_elementwise_params &params);
int add(cider_device *device, const cider_elementwise_params &params);
int soft_cap(cider_device *device, const cider_soft_cap_params &params);
int linear(cider_device *device, const cider_linear_params &params);
int cross_entropy(cider_device *device, const cider_cross_entropy_params &params);
int divergence(cider_device *device, const cider_divergence_params &params);
int argmax(cider_device *device, const cider_argmax_params &params);
int sample(cider_device *device, cider_sample_params &params);
int quantize_per_token(cider_device *device, const cider_quantize_per_token_params &params);
int matmul_int8(cider_device *device, const cider_matmul_int8_params &params);
int quantize_rows(cider_device *device, const cider_quantize_rows_params &params);
int peak(cider_device *device, cider_peak_params &params);

} // namespace cider::metal
