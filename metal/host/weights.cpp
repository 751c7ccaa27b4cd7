#include "weights.h"

#include "integer-products.h"

#include "../../kernels/abi/codes.h"
#include "../../kernels/abi/file.h"
#include "../../kernels/abi/weight-shape.h"
#include "../../kernels/cpu/thread-pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

namespace cider::metal {

namespace {

// Where float kernels want a matrix to begin.
constexpr uint64_t float_alignment = 16;

// An integer times a scale of at least this is a multiple of 2^-83, and so is a sum of such products: it is 0 or far
// from the subnormal numbers, of which GPUs make 0.
constexpr float smallest_safe_scale = 0x1p-60f;

bool has_tiny_scale(const float *scales, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    const float magnitude = fabsf(scales[i]);
    if (magnitude > 0 && magnitude < smallest_safe_scale) return true;
  }
  return false;
}

bool has_nibbles_in_bytes(const WeightSource &source) {
  return source.kind != CIDER_DENSE && source.bits == 4 && source.storage == CIDER_BYTES;
}

// Bytes of a row as it is stored.
uint64_t stored_row_bytes(const WeightSource &source) {
  const uint32_t k = source.in_features;
  if (source.kind == CIDER_DENSE) return uint64_t{k} * (source.dtype == CIDER_F32 ? 4 : 2);
  return source.storage == CIDER_WORDS ? words_per_row(k, source.bits) * sizeof(uint32_t) : k;
}

// The pages of a mapped file that hold the data, as a buffer; false where they cannot be one.
bool map(Device &device, const WeightSource &source, Weight &weight) {
  const auto address = reinterpret_cast<uintptr_t>(source.data);
  const uint64_t alignment = source.kind == CIDER_INTEGER ? code_word_bytes : float_alignment;
  if (source.file == nullptr || address % alignment != 0) return false;
  const uint64_t offset = address % page_bytes;
  const uint64_t bytes = (offset + source.data_bytes + page_bytes - 1) / page_bytes * page_bytes;
  if (bytes > device.machine->max_buffer_length) return false;
  const Pool pool;
  id buffer = send<id, void *, UInteger, UInteger, id>(device.machine->device, &Selectors::new_buffer_no_copy,
                                                       reinterpret_cast<void *>(address - offset), bytes,
                                                       shared_storage, nullptr);
  if (buffer == nullptr) return false;
  // The GPU will read all of it, and the system may begin; nothing depends on it.
  madvise(reinterpret_cast<void *>(address - offset), bytes, MADV_WILLNEED);
  retain_file(source.file);
  weight.data = buffer;
  weight.data_offset = offset;
  weight.file = source.file;
  return true;
}

// Codes of a byte each, two to a byte: the even one in the low half.
void pack_nibbles(const uint8_t *codes, uint32_t count, uint8_t *packed) {
  for (uint32_t i = 0; i < count / 2; i++) {
    packed[i] = static_cast<uint8_t>((codes[2 * i] & 15) | codes[2 * i + 1] << 4);
  }
  if (count % 2 == 1) packed[count / 2] = codes[count - 1] & 15;
}

int pack(Device &device, const WeightSource &source, Weight &weight) {
  const uint32_t n = source.out_features;
  const uint32_t k = source.in_features;
  const auto *codes = static_cast<const uint8_t *>(source.data);
  const uint8_t shift = source.kind == CIDER_INTEGER ? integer_code_shift : affine_code_shift;
  ThreadPool *pool;
  TRY(require_pool(device, &pool));
  const uint64_t stride = ((uint64_t{k} + 1) / 2 + float_alignment - 1) / float_alignment * float_alignment;
  weight.stride = static_cast<uint32_t>(stride);
  TRY(new_buffer(device, n * stride, &weight.data));
  auto *packed = static_cast<uint8_t *>(contents_of(weight.data));
  std::atomic<uint32_t> bad_row{n}; // the first
  parallel(*pool, n, [&](uint32_t row, uint32_t) {
    const uint8_t *from = codes + uint64_t{row} * k;
    if (first_beyond_four_bits(from, k, shift) == k) return pack_nibbles(from, k, packed + row * stride);
    uint32_t earlier = bad_row.load();
    while (row < earlier && !bad_row.compare_exchange_weak(earlier, row)) {
    }
  });
  const uint32_t row = bad_row.load();
  if (row == n) return CIDER_OK;
  return refuse_code(uint64_t{row} * k + first_beyond_four_bits(codes + uint64_t{row} * k, k, shift), k);
}

int load(Device &device, const WeightSource &source, Weight &weight) {
  const uint64_t row_bytes = stored_row_bytes(source);
  REQUIRE(row_bytes <= UINT32_MAX, "weight_create: rows of %u input features are too long", source.in_features);
  if (has_nibbles_in_bytes(source)) {
    TRY(pack(device, source, weight));
  } else {
    weight.stride = static_cast<uint32_t>(row_bytes);
    if (!map(device, source, weight)) TRY(new_buffer_of(device, source.data, source.data_bytes, &weight.data));
  }
  const uint64_t scale_count = uint64_t{source.out_features} * source.groups;
  if (source.scales != nullptr) {
    TRY(new_buffer_of(device, source.scales, scale_count * sizeof(float), &weight.scales));
    weight.has_tiny_scales =
        source.kind == CIDER_INTEGER && source.group_size != 0 && has_tiny_scale(source.scales, scale_count);
  }
  if (weight.has_tiny_scales && !device.has_plain) {
    return fail(CIDER_UNAVAILABLE, "weight_create: scales below 2^-60 need the path plain, which failed its trial");
  }
  if (source.biases != nullptr) {
    TRY(new_buffer_of(device, source.biases, scale_count * sizeof(float), &weight.biases));
  }
  if (source.bias != nullptr) {
    TRY(new_buffer_of(device, source.bias, uint64_t{source.out_features} * sizeof(float), &weight.bias));
  }
  return CIDER_OK;
}

} // namespace

int weight_create(cider_device *handle, const WeightSource &source, cider_weight **weight) {
  Device &device = device_of(handle);
  auto *created = static_cast<Weight *>(calloc(1, sizeof(Weight)));
  if (created == nullptr) return fail(CIDER_OUT_OF_MEMORY, "weight_create: no memory");
  hold_device(device);
  created->device = handle;
  created->kind = source.kind;
  created->out_features = source.out_features;
  created->in_features = source.in_features;
  created->dtype = source.dtype;
  created->bits = source.bits;
  created->group_size = source.group_size;
  created->groups = source.groups;
  const int status = load(device, source, *created);
  if (status != CIDER_OK) {
    weight_release(created);
    return status;
  }
  *weight = created;
  return CIDER_OK;
}

void weight_release(cider_weight *handle) {
  auto *weight = static_cast<Weight *>(handle);
  Device &device = device_of(weight->device);
  // Launches that use the buffer keep it, but not the file under it.
  if (weight->file != nullptr) device.commands.finish();
  release(weight->data);
  release(weight->scales);
  release(weight->biases);
  release(weight->bias);
  if (weight->file != nullptr) release_file(weight->file);
  free(weight);
  leave_device(device);
}

} // namespace cider::metal
