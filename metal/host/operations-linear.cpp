// Operations with weights: embedding and linear layers.
#include "buffers.h"
#include "linear.h"
#include "operations.h"

#include "../../kernels/cpu/sizes.h"
#include "../../kernels/metal/parameters.h"

namespace cider::metal {

int embedding(cider_device *handle, const cider_embedding_params &params) {
  Device &device = device_of(handle);
  const Weight &table = weight_of(params.table);
  const char *name = table.dtype == CIDER_F32   ? "embedding_f32"
                     : table.dtype == CIDER_F16 ? "embedding_f16"
                                                : "embedding_bf16";
  id ids;
  TRY(new_buffer_of(device, params.token_ids, params.count * sizeof(int32_t), &ids));
  const Owned owned_ids(ids);
  const EmbeddingParameters parameters = {table.in_features, table.stride, params.scale};
  const Argument arguments[] = {whole(params.out), part(table.data, table.data_offset), whole(ids),
                                copy_of(parameters)};
  return launch(device, {base_library, name, ELEMENT_THREADS}, arguments,
                {divide_up(table.in_features, uint32_t{ELEMENT_THREADS}), params.count, 1},
                static_cast<double>(params.count) * table.in_features);
}

int linear(cider_device *handle, const cider_linear_params &params) {
  const auto &[out, x, weight, rows, quantize_single_row, scratch, scratch_bytes] = params;
  return linear(device_of(handle), {weight_of(weight), whole(x), whole(out), rows, quantize_single_row != 0});
}

} // namespace cider::metal
