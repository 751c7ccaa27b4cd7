#include "abi.h"
#include "error.h"
#include "handles.h"
#include "memory.h"
#include "quantize.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <atomic>

using namespace cider;

namespace {

// 32-bit words that a row of codes takes in CIDER_WORDS.
uint64_t words_per_row(uint32_t columns, int32_t bits) {
  return (uint64_t{columns} * static_cast<uint32_t>(bits) + 31) / 32;
}

// Codes that a task checks.
constexpr uint64_t codes_per_task = 1 << 18;

// The bytes of a weight, which must be just as many as its shape [rows, columns] of elements of `width` bytes needs.
int locate(const char *name, const cider_bytes &bytes, uint64_t rows, uint64_t columns, uint64_t width,
           const void **data) {
  uint64_t needed;
  const bool overflow =
      __builtin_mul_overflow(rows, columns, &needed) || __builtin_mul_overflow(needed, width, &needed);
  REQUIRE(!overflow && bytes.bytes == needed,
          "weight_create: %s of [%" PRIu64 ", %" PRIu64 "] elements of %" PRIu64 " bytes came as %" PRIu64 " bytes",
          name, rows, columns, width, bytes.bytes);
  const auto *start = static_cast<const uint8_t *>(bytes.memory);
  if (bytes.file != nullptr) {
    start = bytes.file->data;
    REQUIRE(bytes.offset <= bytes.file->bytes && needed <= bytes.file->bytes - bytes.offset,
            "weight_create: %s of %" PRIu64 " bytes at %" PRIu64 " is not within the %" PRIu64 " bytes of the file",
            name, needed, bytes.offset, bytes.file->bytes);
  }
  REQUIRE(start != nullptr, "weight_create: %s is null", name);
  *data = start + bytes.offset;
  return CIDER_OK;
}

// Memory of a copy that is only needed while a weight is packed.
class Copy {
public:
  Copy() = default;
  ~Copy() { deallocate(memory_, bytes_); }
  Copy(const Copy &) = delete;
  Copy &operator=(const Copy &) = delete;

  int reserve(const char *name, uint64_t bytes) {
    memory_ = allocate(bytes);
    if (memory_ == nullptr) return fail(CIDER_OUT_OF_MEMORY, "weight_create: no memory for %s", name);
    bytes_ = bytes;
    return CIDER_OK;
  }

  void *memory() const { return memory_; }

private:
  void *memory_ = nullptr;
  uint64_t bytes_ = 0;
};

// Floats from a file can begin anywhere; those that do not begin on a multiple of 4 are copied.
class AlignedFloats {
public:
  int read(const char *name, const cider_bytes &bytes, uint64_t rows, uint64_t columns) {
    const void *data;
    TRY(locate(name, bytes, rows, columns, sizeof(float), &data));
    if (reinterpret_cast<uintptr_t>(data) % alignof(float) == 0) {
      values_ = static_cast<const float *>(data);
      return CIDER_OK;
    }
    TRY(copy_.reserve(name, bytes.bytes));
    values_ = static_cast<const float *>(memcpy(copy_.memory(), data, bytes.bytes));
    return CIDER_OK;
  }

  const float *values() const { return values_; } // null if nothing was read

private:
  const float *values_ = nullptr;
  Copy copy_;
};

// Tells the system what becomes of the pages of a mapped file; nothing depends on its success.
void advise(const cider_bytes &bytes, const void *data, int advice) {
  if (bytes.file == nullptr) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t start = reinterpret_cast<uintptr_t>(data) / page * page;
  madvise(reinterpret_cast<void *>(start), reinterpret_cast<uintptr_t>(data) + bytes.bytes - start, advice);
}

// Whether a code + shift, as a byte, is beyond 15.
bool beyond_four_bits(const uint8_t *codes, uint64_t count, uint8_t shift) {
  uint8_t bits = 0;
  for (uint64_t i = 0; i < count; i++) bits |= static_cast<uint8_t>(codes[i] + shift);
  return bits > 15;
}

// Codes of 4 bits come one a byte: others would spill into their neighbours when they are packed. `shift` makes the
// smallest code 0.
int require_four_bits(ThreadPool &pool, const uint8_t *codes, uint64_t rows, uint64_t columns, uint8_t shift) {
  const uint64_t count = rows * columns;
  std::atomic<uint64_t> first{count};
  parallel(pool, static_cast<uint32_t>((count + codes_per_task - 1) / codes_per_task), [&](uint32_t task, uint32_t) {
    const uint64_t begin = task * codes_per_task;
    const uint64_t end = begin + codes_per_task < count ? begin + codes_per_task : count;
    if (!beyond_four_bits(codes + begin, end - begin, shift)) return;
    uint64_t found = begin;
    while (!beyond_four_bits(codes + found, 1, shift)) found++;
    uint64_t earlier = first.load();
    while (found < earlier && !first.compare_exchange_weak(earlier, found)) {
    }
  });
  const uint64_t found = first.load();
  REQUIRE(found == count, "weight_create: the code in row %" PRIu64 ", column %" PRIu64 " does not fit into 4 bits",
          found / columns, found % columns);
  return CIDER_OK;
}

// Codes in words, one row [stride] after the other -> one code a byte, [rows, columns].
void unpack_words(ThreadPool &pool, const uint8_t *words, uint32_t rows, uint32_t columns, int32_t bits,
                  uint8_t *codes) {
  const uint64_t stride = words_per_row(columns, bits) * sizeof(uint32_t);
  parallel(pool, rows, [&](uint32_t row, uint32_t) {
    const uint8_t *from = words + row * stride;
    uint8_t *to = codes + uint64_t{row} * columns;
    if (bits == 8) {
      memcpy(to, from, columns);
    } else {
      for (uint32_t k = 0; k < columns; k++) to[k] = from[k / 2] >> (k % 2 * 4) & 15;
    }
  });
}

// Memory for the packed weight; `bytes` is what its kernels ask for.
int reserve(cider_weight *weight, uint64_t bytes) {
  weight->packed = allocate(bytes);
  weight->packed_bytes = bytes;
  if (weight->packed != nullptr) return CIDER_OK;
  return fail(CIDER_OUT_OF_MEMORY, "weight_create: no memory for a weight [%u, %u]", weight->out_features(),
              weight->in_features());
}

int pack_dense(ThreadPool &pool, const cider_weight_params &params, const float *bias, cider_weight *weight) {
  REQUIRE(params.dtype == CIDER_F32 || params.dtype == CIDER_F16 || params.dtype == CIDER_BF16,
          "weight_create: dtype %d", params.dtype);
  const FloatKernels &kernels = *weight->kernels->floats;
  weight->floats = {params.out_features, params.in_features, static_cast<FloatFormat>(params.dtype), 0};
  const void *data;
  TRY(locate("data", params.data, params.out_features, params.in_features, params.dtype == CIDER_F32 ? 4 : 2, &data));
  TRY(reserve(weight, float_packed_bytes(kernels, weight->floats)));
  advise(params.data, data, MADV_WILLNEED);
  dense_pack(kernels, pool, {weight->floats, data, bias, weight->packed});
  advise(params.data, data, MADV_DONTNEED);
  return CIDER_OK;
}

int pack_integer(ThreadPool &pool, const cider_weight_params &params, const float *bias, cider_weight *weight) {
  REQUIRE(params.bits == 8 || params.bits == 4, "weight_create: %d bits", params.bits);
  const uint32_t n = params.out_features;
  const uint32_t k = params.in_features;
  REQUIRE(params.storage == CIDER_BYTES, "weight_create: storage %d of integer codes", params.storage);
  REQUIRE(k <= max_integer_depth, "weight_create: %u input features may overflow int32; at most %u", k,
          max_integer_depth);
  const IntegerKernels &kernels = *weight->kernels->integer;
  weight->integer = {n, k, params.group_size, static_cast<uint32_t>(params.bits)};
  const void *codes;
  TRY(locate("codes", params.data, n, k, 1, &codes));
  AlignedFloats scales;
  TRY(scales.read("scales", params.scales, n, groups_per_row(k, params.group_size)));
  advise(params.data, codes, MADV_WILLNEED);
  if (params.bits == 4) TRY(require_four_bits(pool, static_cast<const uint8_t *>(codes), n, k, 8));
  TRY(reserve(weight, integer_packed_bytes(kernels, weight->integer)));
  integer_pack(kernels, pool,
               {weight->integer, static_cast<const int8_t *>(codes), scales.values(), bias, weight->packed});
  advise(params.data, codes, MADV_DONTNEED);
  return CIDER_OK;
}

int pack_affine(ThreadPool &pool, const cider_weight_params &params, const float *bias, cider_weight *weight) {
  REQUIRE(params.bits == 8 || params.bits == 4, "weight_create: %d bits", params.bits);
  const uint32_t n = params.out_features;
  const uint32_t k = params.in_features;
  const FloatKernels &kernels = *weight->kernels->floats;
  weight->floats = {n, k, params.bits == 8 ? FloatFormat::affine8 : FloatFormat::affine4, params.group_size};
  const bool in_words = params.storage == CIDER_WORDS;
  REQUIRE(in_words || params.storage == CIDER_BYTES, "weight_create: storage %d", params.storage);
  const void *data;
  TRY(in_words ? locate("codes", params.data, n, words_per_row(k, params.bits), sizeof(uint32_t), &data)
               : locate("codes", params.data, n, k, 1, &data));
  const auto *codes = static_cast<const uint8_t *>(data);
  const uint32_t groups = groups_per_row(k, params.group_size);
  AlignedFloats scales;
  AlignedFloats biases;
  TRY(scales.read("scales", params.scales, n, groups));
  TRY(biases.read("biases", params.biases, n, groups));
  advise(params.data, data, MADV_WILLNEED);
  Copy unpacked;
  if (in_words) {
    TRY(unpacked.reserve("codes", uint64_t{n} * k));
    auto *bytes = static_cast<uint8_t *>(unpacked.memory());
    unpack_words(pool, codes, n, k, params.bits, bytes);
    codes = bytes;
  }
  if (params.bits == 4) TRY(require_four_bits(pool, codes, n, k, 0));
  TRY(reserve(weight, float_packed_bytes(kernels, weight->floats)));
  affine_pack(kernels, pool, {weight->floats, codes, scales.values(), biases.values(), bias, weight->packed});
  advise(params.data, data, MADV_DONTNEED);
  return CIDER_OK;
}

int pack(ThreadPool &pool, const cider_weight_params &params, cider_weight *weight) {
  REQUIRE(params.out_features > 0 && params.in_features > 0, "weight_create: [%u, %u]", params.out_features,
          params.in_features);
  AlignedFloats bias;
  if (params.bias.bytes > 0) TRY(bias.read("bias", params.bias, params.out_features, 1));
  switch (params.kind) {
  case CIDER_DENSE:
    return pack_dense(pool, params, bias.values(), weight);
  case CIDER_INTEGER:
    return pack_integer(pool, params, bias.values(), weight);
  case CIDER_AFFINE:
    return pack_affine(pool, params, bias.values(), weight);
  default:
    return fail(CIDER_INVALID_ARGUMENT, "weight_create: kind %d", params.kind);
  }
}

} // namespace

int cider_weight_create(cider_device *device, const cider_weight_params *params, cider_weight **weight) {
  REQUIRE(device != nullptr && params != nullptr && weight != nullptr,
          "weight_create: device, params or weight is null");
  auto *created = static_cast<cider_weight *>(calloc(1, sizeof(cider_weight)));
  if (created == nullptr) return fail(CIDER_OUT_OF_MEMORY, "weight_create: no memory");
  created->kind = params->kind;
  created->kernels = device->kernels;
  created->threads = device->pool->threads();
  const int status = pack(*device->pool, *params, created);
  if (status != CIDER_OK) {
    cider_weight_release(created);
    return status;
  }
  *weight = created;
  return CIDER_OK;
}

void cider_weight_release(cider_weight *weight) {
  if (weight == nullptr) return;
  deallocate(weight->packed, weight->packed_bytes);
  free(weight);
}
