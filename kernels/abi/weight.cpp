#include "checks.h"
#include "file.h"
#include "memory.h"
#include "weight-shape.h"

#include <inttypes.h>
#include <string.h>

using namespace cider;

namespace {

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
    if (!copy_.reserve(bytes.bytes)) return fail(CIDER_OUT_OF_MEMORY, "weight_create: no memory for %s", name);
    values_ = static_cast<const float *>(memcpy(copy_.memory(), data, bytes.bytes));
    return CIDER_OK;
  }

  const float *values() const { return values_; } // null if nothing was read

private:
  const float *values_ = nullptr;
  TemporaryMemory copy_;
};

// Checks what the kind of a weight asks for, and where its elements are.
int locate_elements(const cider_weight_params &params, WeightSource *source) {
  const auto &[kind, dtype, bits, n, k, group_size, data, scales, biases, bias, storage] = params;
  const auto has_bits = bits == 8 || bits == 4;
  switch (kind) {
  case CIDER_DENSE:
    REQUIRE(dtype == CIDER_F32 || dtype == CIDER_F16 || dtype == CIDER_BF16, "weight_create: dtype %d", dtype);
    return locate("data", data, n, k, dtype == CIDER_F32 ? 4 : 2, &source->data);
  case CIDER_INTEGER:
    REQUIRE(has_bits, "weight_create: %d bits", bits);
    REQUIRE(storage == CIDER_BYTES, "weight_create: storage %d of integer codes", storage);
    REQUIRE(k <= max_integer_depth, "weight_create: %u input features may overflow int32; at most %u", k,
            max_integer_depth);
    return locate("codes", data, n, k, 1, &source->data);
  case CIDER_AFFINE:
    REQUIRE(has_bits, "weight_create: %d bits", bits);
    REQUIRE(storage == CIDER_BYTES || storage == CIDER_WORDS, "weight_create: storage %d", storage);
    return storage == CIDER_WORDS ? locate("codes", data, n, words_per_row(k, bits), sizeof(uint32_t), &source->data)
                                  : locate("codes", data, n, k, 1, &source->data);
  default:
    return fail(CIDER_INVALID_ARGUMENT, "weight_create: kind %d", kind);
  }
}

} // namespace

int cider_weight_create(cider_device *device, const cider_weight_params *params, cider_weight **weight) {
  REQUIRE(device != nullptr && params != nullptr && weight != nullptr,
          "weight_create: device, params or weight is null");
  const uint32_t n = params->out_features;
  const uint32_t k = params->in_features;
  REQUIRE(n > 0 && k > 0, "weight_create: [%u, %u]", n, k);
  AlignedFloats bias;
  if (params->bias.bytes > 0) TRY(bias.read("bias", params->bias, n, 1));
  WeightSource source = {};
  TRY(locate_elements(*params, &source));
  const bool has_groups = params->kind != CIDER_DENSE;
  const uint32_t groups = has_groups ? groups_per_row(k, params->group_size) : 0;
  AlignedFloats scales;
  AlignedFloats biases;
  if (has_groups) TRY(scales.read("scales", params->scales, n, groups));
  if (params->kind == CIDER_AFFINE) TRY(biases.read("biases", params->biases, n, groups));
  source.kind = params->kind;
  source.dtype = params->dtype;
  source.bits = params->bits;
  source.storage = params->storage;
  source.out_features = n;
  source.in_features = k;
  source.group_size = has_groups ? params->group_size : 0;
  source.groups = groups;
  source.data_bytes = params->data.bytes;
  source.file = params->data.file;
  source.scales = scales.values();
  source.biases = biases.values();
  source.bias = bias.values();
  return device->backend->weight_create(device, source, weight);
}

void cider_weight_release(cider_weight *weight) {
  if (weight != nullptr) weight->device->backend->weight_release(weight);
}
