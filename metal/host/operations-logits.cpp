// Operations on rows of logits, of which only a chunk exists at a time. What kernels leave of a row is put together in
// f64.
#include "buffers.h"
#include "linear.h"
#include "operations.h"

#include "../../kernels/abi/memory.h"
#include "../../kernels/cpu/kernel-table.h"
#include "../../kernels/cpu/sample.h"
#include "../../kernels/cpu/sizes.h"
#include "../../kernels/metal/parameters.h"

#include <math.h>
#include <string.h>

namespace cider::metal {

namespace {

// Hidden states must begin on 16 bytes, which those of every fourth row do.
constexpr uint32_t rows_unit = 4;
uint32_t round_down(uint32_t row) { return row / rows_unit * rows_unit; }

// Rows whose logits exist at a time: 64 MiB of them, but not so few rows that the head is read for little.
uint32_t chunk_of(uint32_t columns, uint32_t rows) {
  constexpr uint32_t logits = 1 << 24;
  return least(rows, most(round_down(logits / columns), uint32_t{32}));
}

// Rows of hidden states and the layer that makes logits of them.
struct LogitSource {
  const cider_buffer *x;
  const Weight &head;
  uint32_t first_row;
};

int make_logits(Device &device, const LogitSource &source, uint32_t top, uint32_t rows, id logits) {
  const uint64_t first = uint64_t{source.first_row} + top;
  const Argument x = part(object_of(source.x), first * source.head.in_features * sizeof(float));
  return linear(device, {source.head, x, whole(logits), rows, true});
}

double elements_of(uint32_t rows, uint32_t columns) { return static_cast<double>(rows) * columns; }

// What the kernel cross_entropy leaves of a row.
struct RowLoss {
  float largest, sum, target, unused;
};

} // namespace

int cross_entropy(cider_device *handle, const cider_cross_entropy_params &params) {
  Device &device = device_of(handle);
  const auto &[x, head_handle, targets, losses, rows, soft_cap, scratch, scratch_bytes] = params;
  const Weight &head = weight_of(head_handle);
  // Rows before the first one that is scored cost nothing.
  uint32_t first = 0;
  while (first < rows && targets[first] < 0) losses[first++] = 0;
  if (first == rows) return CIDER_OK;
  first = round_down(first);
  const uint32_t count = rows - first;
  const uint32_t columns = head.out_features;
  const uint32_t chunk = chunk_of(columns, count);
  id logits, results, target_ids;
  TRY(require_scratch(device, logit_scratch, uint64_t{chunk} * columns * sizeof(float), &logits));
  TRY(require_scratch(device, result_scratch, uint64_t{count} * sizeof(RowLoss), &results));
  TRY(new_buffer_of(device, targets + first, uint64_t{count} * sizeof(int32_t), &target_ids));
  const Owned owned_ids(target_ids);
  const CrossEntropyParameters parameters = {columns, soft_cap};
  for (uint32_t top = 0; top < count; top += chunk) {
    const uint32_t chunk_rows = least(chunk, count - top);
    TRY(make_logits(device, {x, head, first}, top, chunk_rows, logits));
    const Argument arguments[] = {whole(logits), part(target_ids, uint64_t{top} * sizeof(int32_t)),
                                  part(results, uint64_t{top} * sizeof(RowLoss)), copy_of(parameters)};
    TRY(launch(device, {base_library, "cross_entropy", ROW_THREADS}, arguments, {chunk_rows, 1, 1},
               elements_of(chunk_rows, columns)));
  }
  TRY(device.commands.wait());
  const auto *row = static_cast<const RowLoss *>(contents_of(results));
  for (uint32_t i = 0; i < count; i++, row++) {
    losses[first + i] =
        targets[first + i] < 0
            ? 0
            : static_cast<double>(row->largest) + log(static_cast<double>(row->sum)) - static_cast<double>(row->target);
  }
  return CIDER_OK;
}

int divergence(cider_device *handle, const cider_divergence_params &params) {
  Device &device = device_of(handle);
  const Weight &head = weight_of(params.head);
  const Weight &base_head = weight_of(params.base_head);
  struct RowDivergence {
    float divergence, same_top;
  };
  const uint32_t first = round_down(params.first_row);
  const uint32_t count = params.rows - first;
  const uint32_t columns = head.out_features;
  const uint32_t chunk = chunk_of(columns, count);
  id logits, base_logits, results;
  TRY(require_scratch(device, logit_scratch, uint64_t{chunk} * columns * sizeof(float), &logits));
  TRY(require_scratch(device, base_logit_scratch, uint64_t{chunk} * columns * sizeof(float), &base_logits));
  TRY(require_scratch(device, result_scratch, uint64_t{count} * sizeof(RowDivergence), &results));
  const CrossEntropyParameters parameters = {columns, params.soft_cap};
  for (uint32_t top = 0; top < count; top += chunk) {
    const uint32_t chunk_rows = least(chunk, count - top);
    TRY(make_logits(device, {params.x, head, first}, top, chunk_rows, logits));
    TRY(make_logits(device, {params.base_x, base_head, first}, top, chunk_rows, base_logits));
    const Argument arguments[] = {whole(logits), whole(base_logits),
                                  part(results, uint64_t{top} * sizeof(RowDivergence)), copy_of(parameters)};
    TRY(launch(device, {base_library, "divergence", ROW_THREADS}, arguments, {chunk_rows, 1, 1},
               2 * elements_of(chunk_rows, columns)));
  }
  TRY(device.commands.wait());
  const auto *row = static_cast<const RowDivergence *>(contents_of(results)) + (params.first_row - first);
  for (uint32_t i = 0; i < params.rows - params.first_row; i++, row++) {
    params.divergences[i] = static_cast<double>(row->divergence);
    params.same_top[i] = row->same_top != 0;
  }
  return CIDER_OK;
}

int argmax(cider_device *handle, const cider_argmax_params &params) {
  Device &device = device_of(handle);
  id ids;
  TRY(require_scratch(device, result_scratch, uint64_t{params.rows} * sizeof(int32_t), &ids));
  const ArgmaxParameters parameters = {params.columns};
  const Argument arguments[] = {whole(params.logits), whole(ids), copy_of(parameters)};
  TRY(launch(device, {base_library, "argmax", ROW_THREADS}, arguments, {params.rows, 1, 1},
             elements_of(params.rows, params.columns)));
  TRY(device.commands.wait());
  memcpy(params.token_ids, contents_of(ids), params.rows * sizeof(int32_t));
  return CIDER_OK;
}

int sample(cider_device *handle, cider_sample_params &params) {
  const auto &[logits, rows, columns, temperature, top_k, top_p, random, token_id] = params;
  TRY(device_of(handle).commands.wait());
  TemporaryMemory scratch;
  if (!scratch.reserve(sample_scratch_bytes(columns))) {
    return fail(CIDER_OUT_OF_MEMORY, "sample: no memory for %u columns", columns);
  }
  const float *last = static_cast<const float *>(contents_of(object_of(logits))) + uint64_t{rows - 1} * columns;
  const int32_t token = cider::sample(*select_kernels(nullptr)->floats,
                                      {last, columns, temperature, top_k, top_p, random, scratch.memory()});
  REQUIRE(token >= 0, "sample: a logit is NaN, or the largest is not finite");
  params.token_id = token;
  return CIDER_OK;
}

} // namespace cider::metal
