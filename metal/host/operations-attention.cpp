// Attention over a cache: one row takes its positions in parts, more rows come in blocks.
#include "buffers.h"
#include "operations.h"

#include "../../kernels/cpu/sizes.h"
#include "../../kernels/metal/parameters.h"

namespace cider::metal {

namespace {

constexpr uint32_t simdgroup_width = 32;

// Threadgroups that a single row is cut into, and positions below which a part is not worth its launch.
constexpr uint32_t decode_groups = 128;
constexpr uint32_t least_split = 64;

// Positions that the last row sees.
uint32_t seen_positions(const AttentionParameters &parameters) {
  const uint32_t all = parameters.first_position + parameters.rows;
  return parameters.sliding_window == 0 ? all : least(all, parameters.sliding_window);
}

double work_of_row(const AttentionParameters &parameters) {
  return 2.0 * seen_positions(parameters) * parameters.heads * parameters.head_dim;
}

int append(Device &device, const KvCache &cache, const cider_attention_params &params,
           const AttentionParameters &parameters) {
  const uint32_t columns = cache.kv_heads * cache.head_dim;
  const Argument arguments[] = {whole(params.k), whole(params.v), whole(cache.keys), whole(cache.values),
                                copy_of(parameters)};
  return launch(device, {base_library, "append_kv", ELEMENT_THREADS}, arguments,
                {divide_up(columns, uint32_t{ELEMENT_THREADS}), params.rows, 1},
                static_cast<double>(params.rows) * columns);
}

// A simdgroup for each of the heads that share a key head.
Kernel decode_kernel(const cider_attention_params &params, const KvCache &cache) {
  return {base_library, "attention_decode", params.heads / cache.kv_heads * simdgroup_width};
}

int attend_row(Device &device, const KvCache &cache, const cider_attention_params &params,
               AttentionParameters parameters) {
  const uint32_t seen = seen_positions(parameters);
  const uint32_t most_splits = most(decode_groups / cache.kv_heads, 1u);
  parameters.split_size = most(divide_up(seen, most_splits), least_split);
  parameters.splits = divide_up(seen, parameters.split_size);
  const uint64_t parts = uint64_t{params.heads} * parameters.splits;
  id partials, sums;
  TRY(require_scratch(device, partial_scratch, parts * cache.head_dim * sizeof(float), &partials));
  TRY(require_scratch(device, sum_scratch, parts * 2 * sizeof(float), &sums));
  const Argument decode[] = {whole(params.q), whole(cache.keys), whole(cache.values),
                             whole(partials), whole(sums),       copy_of(parameters)};
  TRY(launch(device, decode_kernel(params, cache), decode, {cache.kv_heads, parameters.splits, 1},
             work_of_row(parameters)));
  const Argument merge[] = {whole(partials), whole(sums), whole(params.out), copy_of(parameters)};
  return launch(device, {base_library, "attention_merge", MERGE_THREADS}, merge, {params.heads, 1, 1},
                static_cast<double>(parts) * cache.head_dim);
}

int attend_rows(Device &device, const KvCache &cache, const cider_attention_params &params,
                const AttentionParameters &all) {
  const uint32_t step = rows_of_launch(device, all.rows, work_of_row(all), PREFILL_ROWS);
  for (uint32_t first = 0; first < all.rows; first += step) {
    AttentionParameters parameters = all;
    parameters.rows = least(step, all.rows - first);
    parameters.first_position += first;
    const uint64_t offset = uint64_t{first} * all.heads * all.head_dim * sizeof(float);
    const Argument arguments[] = {part(object_of(params.q), offset), whole(cache.keys), whole(cache.values),
                                  part(object_of(params.out), offset), copy_of(parameters)};
    TRY(launch(device, {base_library, "attention_prefill", PREFILL_THREADS}, arguments,
               {divide_up(parameters.rows, uint32_t{PREFILL_ROWS}), all.heads, 1},
               work_of_row(parameters) * parameters.rows));
  }
  return CIDER_OK;
}

} // namespace

int attention(cider_device *handle, const cider_attention_params &params) {
  Device &device = device_of(handle);
  auto &cache = *static_cast<KvCache *>(params.cache);
  const AttentionParameters parameters = {
      .rows = params.rows,
      .heads = params.heads,
      .kv_heads = cache.kv_heads,
      .head_dim = cache.head_dim,
      .first_position = cache.length,
      .capacity = cache.capacity,
      .sliding_window = params.sliding_window,
      .splits = 0,
      .split_size = 0,
      .scale = params.scale,
      .soft_cap = params.soft_cap,
  };
  TRY(append(device, cache, params, parameters));
  // More heads than a threadgroup has room for are attended to as blocks of one row.
  const bool in_parts = params.rows == 1 && can_run(*device.machine, decode_kernel(params, cache), device.cache);
  TRY(in_parts ? attend_row(device, cache, params, parameters) : attend_rows(device, cache, params, parameters));
  cache.length += params.rows;
  return CIDER_OK;
}

} // namespace cider::metal
