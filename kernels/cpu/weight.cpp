#include "backend.h"

#include "../abi/codes.h"
#include "../abi/memory.h"
#include "../abi/weight-shape.h"
#include "handles.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <atomic>

namespace cider::cpu {

namespace {

// Codes that a task checks.
constexpr uint64_t codes_per_task = 1 << 18;

// Tells the system what becomes of the pages of a mapped file; nothing depends on its success.
void advise(const WeightSource &source, int advice) {
  if (source.file == nullptr) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto data = reinterpret_cast<uintptr_t>(source.data);
  const uintptr_t start = data / page * page;
  madvise(reinterpret_cast<void *>(start), data + source.data_bytes - start, advice);
}

int require_four_bits(ThreadPool &pool, const uint8_t *codes, const WeightSource &source, uint8_t shift) {
  const uint64_t count = uint64_t{source.out_features} * source.in_features;
  std::atomic<uint64_t> first{count};
  parallel(pool, static_cast<uint32_t>((count + codes_per_task - 1) / codes_per_task), [&](uint32_t task, uint32_t) {
    const uint64_t begin = task * codes_per_task;
    const uint64_t end = begin + codes_per_task < count ? begin + codes_per_task : count;
    const uint64_t found = begin + first_beyond_four_bits(codes + begin, end - begin, shift);
    if (found == end) return;
    uint64_t earlier = first.load();
    while (found < earlier && !first.compare_exchange_weak(earlier, found)) {
    }
  });
  const uint64_t found = first.load();
  return found == count ? CIDER_OK : refuse_code(found, source.in_features);
}

// Codes in words, one row after the other -> one code a byte, [rows, columns].
void unpack_words(ThreadPool &pool, const WeightSource &source, uint8_t *codes) {
  const uint32_t columns = source.in_features;
  const uint64_t stride = words_per_row(columns, source.bits) * sizeof(uint32_t);
  parallel(pool, source.out_features, [&](uint32_t row, uint32_t) {
    const uint8_t *from = static_cast<const uint8_t *>(source.data) + row * stride;
    uint8_t *to = codes + uint64_t{row} * columns;
    if (source.bits == 8) {
      memcpy(to, from, columns);
    } else {
      for (uint32_t k = 0; k < columns; k++) to[k] = from[k / 2] >> (k % 2 * 4) & 15;
    }
  });
}

// Memory for the packed weight; `bytes` is what its kernels ask for.
int reserve(Weight *weight, uint64_t bytes) {
  weight->packed = allocate(bytes);
  weight->packed_bytes = bytes;
  if (weight->packed != nullptr) return CIDER_OK;
  return fail(CIDER_OUT_OF_MEMORY, "weight_create: no memory for a weight [%u, %u]", weight->out_features,
              weight->in_features);
}

int pack_dense(const Device &device, const WeightSource &source, Weight *weight) {
  const FloatKernels &kernels = *device.kernels->floats;
  weight->floats = {source.out_features, source.in_features, static_cast<FloatFormat>(source.dtype), 0};
  TRY(reserve(weight, float_packed_bytes(kernels, weight->floats)));
  dense_pack(kernels, *device.pool, {weight->floats, source.data, source.bias, weight->packed});
  return CIDER_OK;
}

int pack_integer(const Device &device, const WeightSource &source, Weight *weight) {
  const IntegerKernels &kernels = *device.kernels->integer;
  weight->integer = {source.out_features, source.in_features, source.group_size, static_cast<uint32_t>(source.bits)};
  const auto *codes = static_cast<const uint8_t *>(source.data);
  if (source.bits == 4) TRY(require_four_bits(*device.pool, codes, source, integer_code_shift));
  TRY(reserve(weight, integer_packed_bytes(kernels, weight->integer)));
  integer_pack(kernels, *device.pool,
               {weight->integer, static_cast<const int8_t *>(source.data), source.scales, source.bias, weight->packed});
  return CIDER_OK;
}

int pack_affine(const Device &device, const WeightSource &source, Weight *weight) {
  const FloatKernels &kernels = *device.kernels->floats;
  const FloatFormat format = source.bits == 8 ? FloatFormat::affine8 : FloatFormat::affine4;
  weight->floats = {source.out_features, source.in_features, format, source.group_size};
  const auto *codes = static_cast<const uint8_t *>(source.data);
  TemporaryMemory unpacked;
  if (source.storage == CIDER_WORDS) {
    if (!unpacked.reserve(uint64_t{source.out_features} * source.in_features)) {
      return fail(CIDER_OUT_OF_MEMORY, "weight_create: no memory for codes");
    }
    auto *bytes = static_cast<uint8_t *>(unpacked.memory());
    unpack_words(*device.pool, source, bytes);
    codes = bytes;
  } else if (source.bits == 4) {
    TRY(require_four_bits(*device.pool, codes, source, affine_code_shift));
  }
  TRY(reserve(weight, float_packed_bytes(kernels, weight->floats)));
  affine_pack(kernels, *device.pool,
              {weight->floats, codes, source.scales, source.biases, source.bias, weight->packed});
  return CIDER_OK;
}

int pack(const Device &device, const WeightSource &source, Weight *weight) {
  switch (source.kind) {
  case CIDER_DENSE:
    return pack_dense(device, source, weight);
  case CIDER_INTEGER:
    return pack_integer(device, source, weight);
  default:
    return pack_affine(device, source, weight);
  }
}

} // namespace

int weight_create(cider_device *device, const WeightSource &source, cider_weight **weight) {
  auto *created = static_cast<Weight *>(calloc(1, sizeof(Weight)));
  if (created == nullptr) return fail(CIDER_OUT_OF_MEMORY, "weight_create: no memory");
  created->device = device;
  created->kind = source.kind;
  created->out_features = source.out_features;
  created->in_features = source.in_features;
  advise(source, MADV_WILLNEED);
  const int status = pack(device_of(device), source, created);
  if (status != CIDER_OK) {
    weight_release(created);
    return status;
  }
  advise(source, MADV_DONTNEED);
  *weight = created;
  return CIDER_OK;
}

void weight_release(cider_weight *handle) {
  auto *weight = static_cast<Weight *>(handle);
  deallocate(weight->packed, weight->packed_bytes);
  free(weight);
}

} // namespace cider::cpu
