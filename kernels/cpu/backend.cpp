#include "backend.h"

namespace cider {

constexpr Backend cpu_backend = {
    .name = "cpu",
    .open = cpu::open,
    .close = cpu::close,
    .isa = cpu::isa,
    .threads = cpu::threads,
    .synchronize = cpu::synchronize,
    .seconds = cpu::seconds,
    .list_isas = cpu::list_isas,
    .report = cpu::report,

    .buffer_create = cpu::buffer_create,
    .buffer_write = cpu::buffer_write,
    .buffer_read = cpu::buffer_read,
    .buffer_release = cpu::buffer_release,
    .weight_create = cpu::weight_create,
    .weight_release = cpu::weight_release,
    .kv_cache_create = cpu::kv_cache_create,
    .kv_cache_release = cpu::kv_cache_release,

    .embedding = cpu::embedding,
    .rms_norm = cpu::rms_norm,
    .rope = cpu::rope,
    .attention = cpu::attention,
    .silu_mul = cpu::silu_mul,
    .gelu_tanh_mul = cpu::gelu_tanh_mul,
    .add = cpu::add,
    .soft_cap = cpu::soft_cap,
    .linear_scratch = cpu::linear_scratch,
    .linear = cpu::linear,
    .cross_entropy_scratch = cpu::cross_entropy_scratch,
    .cross_entropy = cpu::cross_entropy,
    .divergence_scratch = cpu::divergence_scratch,
    .divergence = cpu::divergence,
    .argmax = cpu::argmax,
    .sample = cpu::sample,
    .quantize_per_token = cpu::quantize_per_token,
    .matmul_int8_scratch = cpu::matmul_int8_scratch,
    .matmul_int8 = cpu::matmul_int8,
    .quantize_rows = cpu::quantize_rows,
    .multiply_add = cpu::multiply_add,
    .inverse_factor = cpu::inverse_factor,
    .hadamard = cpu::hadamard,
    .accumulate = cpu::accumulate,
    .peak = cpu::peak,
};

} // namespace cider
