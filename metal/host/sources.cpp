// The files of kernels/metal/ that libraries are made of.
#include "sources.h"

#include <string.h>

namespace cider::metal {

namespace {

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"

constexpr unsigned char attention_cache_metal[] = {
#embed "../../kernels/metal/attention-cache.metal"
};
constexpr unsigned char attention_decode_metal[] = {
#embed "../../kernels/metal/attention-decode.metal"
};
constexpr unsigned char attention_prefill_metal[] = {
#embed "../../kernels/metal/attention-prefill.metal"
};
constexpr unsigned char attention_h[] = {
#embed "../../kernels/metal/attention.h"
};
constexpr unsigned char codes_h[] = {
#embed "../../kernels/metal/codes.h"
};
constexpr unsigned char common_h[] = {
#embed "../../kernels/metal/common.h"
};
constexpr unsigned char divergence_metal[] = {
#embed "../../kernels/metal/divergence.metal"
};
constexpr unsigned char elementwise_metal[] = {
#embed "../../kernels/metal/elementwise.metal"
};
constexpr unsigned char embedding_metal[] = {
#embed "../../kernels/metal/embedding.metal"
};
constexpr unsigned char epilogue_h[] = {
#embed "../../kernels/metal/epilogue.h"
};
constexpr unsigned char exact_floats_h[] = {
#embed "../../kernels/metal/exact-floats.h"
};
constexpr unsigned char float_elements_h[] = {
#embed "../../kernels/metal/float-elements.h"
};
constexpr unsigned char float_gemm_tensors_metal[] = {
#embed "../../kernels/metal/float-gemm-tensors.metal"
};
constexpr unsigned char float_gemm_metal[] = {
#embed "../../kernels/metal/float-gemm.metal"
};
constexpr unsigned char float_linear_h[] = {
#embed "../../kernels/metal/float-linear.h"
};
constexpr unsigned char float_mv_metal[] = {
#embed "../../kernels/metal/float-mv.metal"
};
constexpr unsigned char fragment_h[] = {
#embed "../../kernels/metal/fragment.h"
};
constexpr unsigned char gemm_kernel_h[] = {
#embed "../../kernels/metal/gemm-kernel.h"
};
constexpr unsigned char integer_gemm_fragments_metal[] = {
#embed "../../kernels/metal/integer-gemm-fragments.metal"
};
constexpr unsigned char integer_gemm_int4b_metal[] = {
#embed "../../kernels/metal/integer-gemm-int4b.metal"
};
constexpr unsigned char integer_gemm_plain_metal[] = {
#embed "../../kernels/metal/integer-gemm-plain.metal"
};
constexpr unsigned char integer_gemm_tensors_metal[] = {
#embed "../../kernels/metal/integer-gemm-tensors.metal"
};
constexpr unsigned char integer_mv_metal[] = {
#embed "../../kernels/metal/integer-mv.metal"
};
constexpr unsigned char lanes_h[] = {
#embed "../../kernels/metal/lanes.h"
};
constexpr unsigned char logits_h[] = {
#embed "../../kernels/metal/logits.h"
};
constexpr unsigned char logits_metal[] = {
#embed "../../kernels/metal/logits.metal"
};
constexpr unsigned char nibbles_h[] = {
#embed "../../kernels/metal/nibbles.h"
};
constexpr unsigned char parameters_h[] = {
#embed "../../kernels/metal/parameters.h"
};
constexpr unsigned char probe_metal[] = {
#embed "../../kernels/metal/probe.metal"
};
constexpr unsigned char quantize_metal[] = {
#embed "../../kernels/metal/quantize.metal"
};
constexpr unsigned char rms_norm_metal[] = {
#embed "../../kernels/metal/rms-norm.metal"
};
constexpr unsigned char rope_metal[] = {
#embed "../../kernels/metal/rope.metal"
};
constexpr unsigned char rows_h[] = {
#embed "../../kernels/metal/rows.h"
};
constexpr unsigned char soft_cap_h[] = {
#embed "../../kernels/metal/soft-cap.h"
};
constexpr unsigned char tensor_gemm_h[] = {
#embed "../../kernels/metal/tensor-gemm.h"
};
constexpr unsigned char tile_table_h[] = {
#embed "../../kernels/metal/tile-table.h"
};
constexpr unsigned char tiles_h[] = {
#embed "../../kernels/metal/tiles.h"
};

#pragma clang diagnostic pop

constexpr SourceFile files[] = {
    {"attention-cache.metal", attention_cache_metal, sizeof attention_cache_metal},
    {"attention-decode.metal", attention_decode_metal, sizeof attention_decode_metal},
    {"attention-prefill.metal", attention_prefill_metal, sizeof attention_prefill_metal},
    {"attention.h", attention_h, sizeof attention_h},
    {"codes.h", codes_h, sizeof codes_h},
    {"common.h", common_h, sizeof common_h},
    {"divergence.metal", divergence_metal, sizeof divergence_metal},
    {"elementwise.metal", elementwise_metal, sizeof elementwise_metal},
    {"embedding.metal", embedding_metal, sizeof embedding_metal},
    {"epilogue.h", epilogue_h, sizeof epilogue_h},
    {"exact-floats.h", exact_floats_h, sizeof exact_floats_h},
    {"float-elements.h", float_elements_h, sizeof float_elements_h},
    {"float-gemm-tensors.metal", float_gemm_tensors_metal, sizeof float_gemm_tensors_metal},
    {"float-gemm.metal", float_gemm_metal, sizeof float_gemm_metal},
    {"float-linear.h", float_linear_h, sizeof float_linear_h},
    {"float-mv.metal", float_mv_metal, sizeof float_mv_metal},
    {"fragment.h", fragment_h, sizeof fragment_h},
    {"gemm-kernel.h", gemm_kernel_h, sizeof gemm_kernel_h},
    {"integer-gemm-fragments.metal", integer_gemm_fragments_metal, sizeof integer_gemm_fragments_metal},
    {"integer-gemm-int4b.metal", integer_gemm_int4b_metal, sizeof integer_gemm_int4b_metal},
    {"integer-gemm-plain.metal", integer_gemm_plain_metal, sizeof integer_gemm_plain_metal},
    {"integer-gemm-tensors.metal", integer_gemm_tensors_metal, sizeof integer_gemm_tensors_metal},
    {"integer-mv.metal", integer_mv_metal, sizeof integer_mv_metal},
    {"lanes.h", lanes_h, sizeof lanes_h},
    {"logits.h", logits_h, sizeof logits_h},
    {"logits.metal", logits_metal, sizeof logits_metal},
    {"nibbles.h", nibbles_h, sizeof nibbles_h},
    {"parameters.h", parameters_h, sizeof parameters_h},
    {"probe.metal", probe_metal, sizeof probe_metal},
    {"quantize.metal", quantize_metal, sizeof quantize_metal},
    {"rms-norm.metal", rms_norm_metal, sizeof rms_norm_metal},
    {"rope.metal", rope_metal, sizeof rope_metal},
    {"rows.h", rows_h, sizeof rows_h},
    {"soft-cap.h", soft_cap_h, sizeof soft_cap_h},
    {"tensor-gemm.h", tensor_gemm_h, sizeof tensor_gemm_h},
    {"tile-table.h", tile_table_h, sizeof tile_table_h},
    {"tiles.h", tiles_h, sizeof tiles_h},
};

} // namespace

const SourceFile *find_source(const char *name) {
  for (const SourceFile &file : files) {
    if (strcmp(file.name, name) == 0) return &file;
  }
  return nullptr;
}

uint64_t hash_of_sources() {
  uint64_t hash = 0xcbf29ce484222325;
  for (const SourceFile &file : files) {
    for (size_t i = 0; i < file.bytes; i++) hash = (hash ^ file.text[i]) * 0x100000001b3;
  }
  return hash;
}

} // namespace cider::metal
