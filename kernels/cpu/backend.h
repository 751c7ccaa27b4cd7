// The functions of cpu_backend, as ../abi/backend.h says what they do.
#pragma once

#include "../abi/backend.h"

namespace cider::cpu {

int open(const cider_open_params &params, cider_device **device);
void close(cider_device *device);
const char *isa(const cider_device *device);
int32_t threads(const cider_device *device);
int synchronize(cider_device *device);
double seconds(const cider_device *device);
const char *list_isas(const char *cache);
const char *report(const char *cache);

int buffer_create(cider_device *device, uint64_t elements, cider_buffer **buffer);
int buffer_write(cider_buffer *buffer, uint64_t first, const float *values, uint64_t count);
int buffer_read(const cider_buffer *buffer, uint64_t first, float *values, uint64_t count);
void buffer_release(cider_buffer *buffer);
int weight_create(cider_device *device, const WeightSource &source, cider_weight **weight);
void weight_release(cider_weight *weight);
int kv_cache_create(cider_device *device, uint32_t capacity, uint32_t kv_heads, uint32_t head_dim,
                    cider_kv_cache **cache);
void kv_cache_release(cider_kv_cache *cache);

int embedding(cider_device *device, const cider_embedding_params &params);
int rms_norm(cider_device *device, const cider_rms_norm_params &params);
int rope(cider_device *device, const cider_rope_params &params);
int attention(cider_device *device, const cider_attention_params &params);
int silu_mul(cider_device *device, const cider_elementwise_params &params);
int gelu_tanh_mul(cider_device *device, const cider_elementwise_params &params);
int add(cider_device *device, const cider_elementwise_params &params);
int soft_cap(cider_device *device, const cider_soft_cap_params &params);
uint64_t linear_scratch(const cider_weight *weight, uint32_t rows);
int linear(cider_device *device, const cider_linear_params &params);
uint64_t cross_entropy_scratch(const cider_weight *head, uint32_t rows);
int cross_entropy(cider_device *device, const cider_cross_entropy_params &params);
uint64_t divergence_scratch(const cider_weight *head, const cider_weight *base_head, uint32_t rows);
int divergence(cider_device *device, const cider_divergence_params &params);
int argmax(cider_device *device, const cider_argmax_params &params);
int sample(cider_device *device, cider_sample_params &params);
int quantize_per_token(cider_device *device, const cider_quantize_per_token_params &params);
uint64_t matmul_int8_scratch(const cider_device *device, uint32_t m, uint32_t n, uint32_t k);
int matmul_int8(cider_device *device, const cider_matmul_int8_params &params);
int quantize_rows(cider_device *device, const cider_quantize_rows_params &params);
int multiply_add(cider_device *device, const cider_multiply_add_params &params);
int inverse_factor(cider_device *device, cider_inverse_factor_params &params);
int hadamard(cider_device *device, const cider_hadamard_params &params);
int accumulate(cider_device *device, const cider_accumulate_params &params);
int peak(cider_device *device, cider_peak_params &params);

} // namespace cider::cpu
